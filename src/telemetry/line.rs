//! One event, one line: whatever a mail says of itself, its record stays one line of valid JSON that moves no cursor.
//!
//! JSON has to escape only the control characters below U+0020. The others, and what turns the direction of text
//! around, are written as escapes too, so that `cat` and `tail` show what is there. Whoever parses the line gets
//! the very text.

use std::fmt::Write;

use serde::Serialize;
use serde::ser::Error;

/// One line of JSON, its end included.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(2048);
    serde_json::to_writer(&mut line, value)?;
    if plain_octets(&line) < line.len() {
        line = escaped(str::from_utf8(&line).map_err(serde_json::Error::custom)?).into_bytes();
    }
    line.push(b'\n');
    Ok(line)
}

/// JSON with `\u` escapes for what is unprintable: that stands within a text, since JSON's own signs are plain.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len().saturating_add(64));
    let mut rest = json;
    while !rest.is_empty() {
        let (plain, other) = rest.split_at(plain_octets(rest.as_bytes()));
        escaped.push_str(plain);
        let mut characters = other.chars();
        match characters.next() {
            Some(character) if is_unprintable(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing into memory cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            Some(character) => escaped.push(character),
            None => {}
        }
        rest = characters.as_str();
    }
    escaped
}

/// How many octets at the start are printable ASCII. Blocks are looked at as a whole, which takes a tenth of the time.
fn plain_octets(text: &[u8]) -> usize {
    let is_plain = |octet: &u8| matches!(octet, b' '..=b'~');
    let mut rest = text;
    while let Some((block, behind)) = rest.split_first_chunk::<64>()
        && block.iter().fold(true, |so_far, octet| so_far & is_plain(octet))
    {
        rest = behind;
    }
    let others = rest.iter().position(|octet| !is_plain(octet)).map_or(0, |at| rest.len().saturating_sub(at));
    text.len().saturating_sub(others)
}

/// A text as it can be shown on a terminal: on one line, letters in the order in which they are.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unprintable(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Control characters (C1 too, of which one begins what ESC [ begins), line separators, what is invisible or
/// overrides the direction of text (UAX 9), and tags.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;

    use super::{is_unprintable, json, printable};

    #[test]
    fn what_would_move_a_cursor_is_written_as_an_escape() {
        let text = "a\n\r\0\u{1b}[31m\u{9b}2J\u{7f}\u{202e}\u{2028}\u{e0041}é営";
        let line = String::from_utf8(json(&text).unwrap()).unwrap();
        let expected = "\"a\\n\\r\\u0000\\u001b[31m\\u009b2J\\u007f\\u202e\\u2028\\udb40\\udc41é営\"\n";
        assert_eq!(line, expected);
        let expected = "a\\u{a}\\u{d}\\u{0}\\u{1b}[31m\\u{9b}2J\\u{7f}\\u{202e}\\u{2028}\\u{e0041}é営";
        assert_eq!(printable(text), expected);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_one_line_and_reads_back_as_it_was(
            before in "[ -~]{0,150}", text in any::<String>(), behind in "[ -~]{0,150}",
        ) {
            let text = [before, text, behind].concat();
            let line = String::from_utf8(json(&text).unwrap()).unwrap();
            let content = line.strip_suffix('\n').unwrap();
            proptest::prop_assert!(!content.chars().any(is_unprintable), "{content:?}");
            proptest::prop_assert_eq!(serde_json::from_str::<String>(content).unwrap(), text.clone());
            proptest::prop_assert!(!printable(&text).chars().any(is_unprintable));
        }
    }
}
