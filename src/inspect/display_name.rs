//! The display name of a mailbox, as the people who get the mail see it: words decoded (RFC 2047) and joined.
//!
//! Every run of white space becomes one space. What would let a name look like something else than its text,
//! or end a line, is refused.

use std::borrow::Cow;

use crate::inspect::addresses::Shape;
use crate::inspect::defect::FieldFault;
use crate::inspect::encoded_word;

/// Policies match names against patterns: a name folded over many lines must not cost them time.
const NAME_OCTETS_MAX: usize = 998;

/// Gathers the words of a display name in their order.
#[derive(Debug, Default)]
pub(super) struct DisplayName {
    text: String,
    last: Option<Word>,
    has_encoded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Plain,
    Encoded,
}

impl DisplayName {
    /// Appends the words of `text`: an atom, or what stands in quotes or in a comment.
    ///
    /// RFC 2047 section 5 knows no encoded words in quotes, but Outlook, Gmail and `mail_parser` decode them
    /// there, and the readers that do not show only the gibberish of their encoding.
    pub(super) fn push(&mut self, text: &str) -> Result<(), FieldFault> {
        self.text.reserve(text.len());
        for word in text.split_ascii_whitespace() {
            let (kind, decoded) = if encoded_word::opens_in(word) {
                (Word::Encoded, Cow::Owned(encoded_word::decode(word)?))
            } else {
                (Word::Plain, Cow::Borrowed(word))
            };
            // RFC 2047 section 6.2: the space between two encoded words is not shown.
            let is_joined = self.last == Some(Word::Encoded) && kind == Word::Encoded;
            if self.last.is_some() && !is_joined {
                self.text.push(' ');
            }
            self.text.push_str(&decoded);
            self.last = Some(kind);
            self.has_encoded |= kind == Word::Encoded;
        }
        Ok(())
    }

    /// The whole name, or none if it has nothing to show.
    pub(super) fn finish(self, shape: Shape) -> Result<Option<String>, FieldFault> {
        if self.text.len() > NAME_OCTETS_MAX {
            return Err(FieldFault::NameTooLong { octets_max: NAME_OCTETS_MAX });
        }
        if let Some(character) = self.text.chars().find(|character| is_deceptive(*character)) {
            return Err(FieldFault::NameCharacter { character });
        }
        if encoded_word::opens_in(&self.text) {
            return Err(FieldFault::NestedEncodedWord);
        }
        // A reader that decodes before it looks for addresses would find this one. In plain quotes no reader
        // does, and policies can judge the name.
        if self.has_encoded && shape.names_a_sender() && spells_address(&self.text) {
            return Err(FieldFault::EncodedNameAddress);
        }
        // Only what was encoded has white space of its own.
        let text = if self.has_encoded { spaced_once(&self.text) } else { self.text };
        Ok((!text.is_empty()).then_some(text))
    }
}

fn spaced_once(text: &str) -> String {
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<&str>>().join(" ")
}

/// Control characters, line separators, and what overrides or isolates the direction of text (UAX 9), so that
/// letters are shown in another order. The marks U+200E and U+200F, which Hebrew and Arabic names need, do
/// not.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn spells_address(name: &str) -> bool {
    name.contains(['<', '>']) || name.split(' ').any(|word| word.trim_matches('@').contains('@'))
}
