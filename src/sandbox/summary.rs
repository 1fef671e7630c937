//! An accepted mail in a few lines, for people to look at: on a terminal, or in a failed test's message.
//!
//! Its texts come from whoever sent the mail, so they are bounded and hold no control characters; what they
//! say is decoded roughly, which is good enough for reading and for nothing else.

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

const TEXT_LETTERS_MAX: usize = 200;

/// What a person wants to know of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub accepted_at: SystemTime,
    pub message_id: String,
    /// MAIL FROM.
    pub sender: String,
    pub recipients: Vec<String>,
    /// The header's From, decoded.
    pub from: String,
    /// Decoded; empty if there is none.
    pub subject: String,
    pub octets: usize,
}

/// A header field's value as a person would read it.
pub fn readable(value: &str) -> String {
    let decoded = decode_words(value);
    let safe = decoded.chars().map(|letter| if is_harmless(letter) { letter } else { '\u{fffd}' });
    safe.take(TEXT_LETTERS_MAX).collect()
}

/// Neither moves a terminal's cursor nor turns the direction of what follows.
fn is_harmless(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !letter.is_control() && !turns
}

/// Encoded words (RFC 2047) of UTF-8 and ISO 8859-1; others stay as they are.
fn decode_words(value: &str) -> String {
    let mut decoded = String::new();
    let mut rest = value;
    let mut follows_word = false;
    while let Some((before, word, after)) = next_word(rest) {
        // RFC 2047 section 6.2: white space between two encoded words is not shown.
        if !follows_word || !before.trim().is_empty() {
            decoded.push_str(before);
        }
        decoded.push_str(&word);
        follows_word = true;
        rest = after;
    }
    decoded.push_str(rest);
    decoded
}

/// What is before the next encoded word, the word decoded, and what is after it.
fn next_word(text: &str) -> Option<(&str, String, &str)> {
    let (before, rest) = text.split_once("=?")?;
    let (charset, rest) = rest.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (encoded, after) = rest.split_once("?=")?;
    let octets = match encoding {
        "B" | "b" => BASE64_STANDARD.decode(encoded).ok()?,
        "Q" | "q" => decode_q(encoded),
        _ => return None,
    };
    let word = match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "us-ascii" => String::from_utf8_lossy(&octets).into_owned(),
        "iso-8859-1" => octets.into_iter().map(char::from).collect(),
        _ => return None,
    };
    Some((before, word, after))
}

/// RFC 2047 section 4.2.
fn decode_q(encoded: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.split_at_checked(2).filter(|_| *first == b'=').and_then(|(digits, tail)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, tail))
        });
        let (octet, tail) = escaped.unwrap_or((if *first == b'_' { b' ' } else { *first }, tail));
        octets.push(octet);
        rest = tail;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn encoded_words_are_shown_as_people_read_them() {
        for (value, text) in [
            ("plain", "plain"),
            ("=?UTF-8?B?R3LDvMOfZQ==?= <a@b.test>", "Grüße <a@b.test>"),
            ("=?utf-8?q?a_=C3=A9?= =?utf-8?q?b?= c", "a éb c"),
            ("=?iso-8859-1?Q?=E9t=E9?=", "été"),
            ("=?koi8-r?Q?=E9?=", "=?koi8-r?Q?=E9?="),
            ("=?utf-8?Q?=1B[2J=?=", "\u{fffd}[2J="),
            ("a\u{202e}b", "a\u{fffd}b"),
        ] {
            assert_eq!(readable(value), text, "{value}");
        }
        assert_eq!(readable(&"x".repeat(1000)).len(), 200);
    }
}
