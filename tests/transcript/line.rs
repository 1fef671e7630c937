//! One line of a transcript: who says or hears what.

use std::fmt::Write as _;
use std::time::Duration;

pub enum Line {
    /// What the client (`C:`) or SES (`S:`) sends: octets, or the end of its side.
    Says(Voice, Octets),
    /// What the relay says to the client (`R:`) or to SES (`U:`).
    Hears(Voice, Expected),
    /// `A:`: the next line of the audit log.
    Audits(String),
    /// `wait 11s`: the paused clock goes on.
    Wait(Duration),
    /// `drain`: the relay is told to stop.
    Drain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    Client,
    Ses,
}

pub enum Octets {
    Some(Vec<u8>),
    End,
}

pub enum Expected {
    Line(String),
    Connect,
    Refused,
    End,
}

impl Line {
    pub fn parse(line: &str) -> Result<Self, String> {
        if line == "drain" {
            return Ok(Self::Drain);
        }
        if let Some(duration) = line.strip_prefix("wait ") {
            let duration: jiff::SignedDuration = duration.parse().map_err(|error| format!("{error}"))?;
            return Ok(Self::Wait(duration.unsigned_abs()));
        }
        let (voice, rest) = line.split_at_checked(2).ok_or("too short")?;
        let text = rest.strip_prefix(' ').unwrap_or(rest);
        Ok(match (voice, text) {
            ("C:", "<end>") => Self::Says(Voice::Client, Octets::End),
            ("S:", "<end>") => Self::Says(Voice::Ses, Octets::End),
            ("C:", text) => Self::Says(Voice::Client, Octets::Some(format!("{text}\r\n").into_bytes())),
            ("S:", text) => Self::Says(Voice::Ses, Octets::Some(format!("{text}\r\n").into_bytes())),
            ("C>", text) => Self::Says(Voice::Client, Octets::Some(unescaped(text)?)),
            ("S>", text) => Self::Says(Voice::Ses, Octets::Some(unescaped(text)?)),
            ("R:", "<end>") => Self::Hears(Voice::Client, Expected::End),
            ("U:", "<end>") => Self::Hears(Voice::Ses, Expected::End),
            ("U:", "<connect>") => Self::Hears(Voice::Ses, Expected::Connect),
            ("U:", "<refused>") => Self::Hears(Voice::Ses, Expected::Refused),
            ("A:", text) => Self::Audits(text.to_owned()),
            ("R:", text) => Self::Hears(Voice::Client, Expected::Line(text.to_owned())),
            ("U:", text) => Self::Hears(Voice::Ses, Expected::Line(text.to_owned())),
            _ => return Err(format!("`{line}` begins with none of C: C> R: U: S: S> A: play wait drain")),
        })
    }
}

/// `…` stands for any text: a decision id, a date.
pub fn matches(expected: &str, line: &str) -> bool {
    let Some((start, pattern)) = expected.split_once('…') else { return expected == line };
    let Some(mut rest) = line.strip_prefix(start) else { return false };
    let (middle, end) = pattern.rsplit_once('…').unwrap_or(("", pattern));
    for part in middle.split('…') {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(end)
}

/// Octets as a transcript writes them: what is no text is `\xHH`, tabs stay.
pub fn shown(line: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in line.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\0'..='\x08' | '\n'..='\x1f' | '\x7f' => {
                    let _ = write!(shown, "\\x{:02X}", u32::from(character));
                }
                _ => shown.push(character),
            }
        }
        shown.extend(chunk.invalid().iter().map(|octet| format!("\\x{octet:02X}")));
    }
    shown
}

/// `C> ` and `S> ` take the octets as they are, with `\r \n \0 \t \\ \xHH` and `\{N*x}` for N times an x.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            octets.extend(character.to_string().bytes());
            continue;
        }
        match characters.next().ok_or("a `\\` at the end")? {
            'r' => octets.push(b'\r'),
            'n' => octets.push(b'\n'),
            't' => octets.push(b'\t'),
            '0' => octets.push(0),
            '\\' => octets.push(b'\\'),
            'x' => {
                let digits: String = characters.by_ref().take(2).collect();
                octets.push(u8::from_str_radix(&digits, 16).map_err(|error| error.to_string())?);
            }
            '{' => {
                let inside: String = characters.by_ref().take_while(|character| *character != '}').collect();
                let (count, piece) = inside.split_once('*').ok_or("`\\{` needs `N*text}`")?;
                let count = count.parse().map_err(|error| format!("{error}"))?;
                octets.extend(unescaped(piece)?.repeat(count));
            }
            other => return Err(format!("unknown escape `\\{other}`")),
        }
    }
    Ok(octets)
}
