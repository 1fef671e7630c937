//! One event, one line: whatever a mail says of itself, its record stays one line of valid JSON that moves no cursor.
//!
//! JSON has to escape only the control characters below U+0020. The others, and what turns the direction of text
//! around, are written as escapes too, so that `cat` and `tail` show what is there. Whoever parses the line gets
//! the very text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// One line of JSON, its end included.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(1024);
    value.serialize(&mut Serializer::with_formatter(&mut line, Escaped))?;
    line.push(b'\n');
    Ok(line)
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

/// Compact JSON, with `\u` escapes for what is unprintable.
struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        // Hardly any text has other octets, and these are found many times faster than characters.
        if text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
            return writer.write_all(text.as_bytes());
        }
        let mut rest = text;
        while let Some((at, character)) =
            rest.char_indices().find(|(_, character)| is_unprintable(*character))
        {
            let (before, behind) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = behind.get(character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
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
        fn any_text_is_one_line_and_reads_back_as_it_was(text in any::<String>()) {
            let line = String::from_utf8(json(&text).unwrap()).unwrap();
            let content = line.strip_suffix('\n').unwrap();
            proptest::prop_assert!(!content.chars().any(is_unprintable), "{content:?}");
            proptest::prop_assert_eq!(serde_json::from_str::<String>(content).unwrap(), text.clone());
            proptest::prop_assert!(!printable(&text).chars().any(is_unprintable));
        }
    }
}
