//! The header that goes on to SES: what must not be known or obeyed there is taken out, what the relay says is
//! put in front, and all else stays as it was judged, octet for octet.

use bytes::{Bytes, BytesMut};

use crate::inspect::Findings;
use crate::inspect::once_only;

/// RFC 5322 section 2.1.1.
const LINE_OCTETS_MAX: usize = 998;

/// Never sent on: the first two would tell the others of a hidden recipient, and SES sets the third itself.
const REMOVED_ALWAYS: [&str; 3] = ["Bcc", "Resent-Bcc", "Return-Path"];

/// What to change in a header.
#[derive(Debug, Clone, Copy, Default)]
pub struct Edits<'a> {
    /// The `X-SES-*` fields that the mail may carry to SES; all others are taken out.
    pub pass_headers: &'a [String],
    /// Put in front, in this order. They replace the mail's own `X-SES-*` fields of the same name.
    pub added: &'a [AddedField],
}

/// A header edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// Dot-stuffed for DATA (RFC 5321 section 4.5.2), without the empty line that ends it.
    pub header: Bytes,
    /// The names of the fields taken out, as the mail wrote them.
    pub removed: Vec<String>,
}

/// A field of the relay's own, which cannot hold another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedField {
    /// The whole of it, CRLF included.
    text: String,
    colon: usize,
}

/// Why a text is not an [`AddedField`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddedFieldError {
    #[error("the field name is not printable ASCII without a colon")]
    Name,
    #[error("the value is not printable ASCII")]
    Value,
    #[error("the line is longer than 998 octets")]
    TooLong,
}

/// Writes the header that goes on.
pub fn edit(findings: &Findings<'_>, edits: &Edits<'_>) -> Edited {
    let header = &findings.header;
    let added_octets: usize = edits.added.iter().map(|field| field.text.len()).sum();
    // One allocation: a fold begins with white space, so that no field has more than one dot to stuff.
    let dots_max = edits.added.len().saturating_add(header.fields().len());
    let mut edited =
        BytesMut::with_capacity(added_octets.saturating_add(header.len()).saturating_add(dots_max));
    let mut removed = Vec::new();
    for field in edits.added {
        push_stuffed(&mut edited, &field.text);
    }
    for field in header.fields() {
        let name = header.name(field);
        if is_removed(name, edits) {
            removed.push(name.to_owned());
        } else {
            push_stuffed(&mut edited, header.whole(field));
        }
    }
    Edited { header: edited.freeze(), removed }
}

impl AddedField {
    /// A field of one line.
    pub fn new(name: &str, value: &str) -> Result<Self, AddedFieldError> {
        if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':') {
            return Err(AddedFieldError::Name);
        }
        if !value.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
            return Err(AddedFieldError::Value);
        }
        let line = [name, ": ", value, "\r\n"].concat();
        if line.len() > LINE_OCTETS_MAX.saturating_add(2) {
            return Err(AddedFieldError::TooLong);
        }
        Ok(Self { text: line, colon: name.len() })
    }

    /// INVARIANT: `text` is one whole field of that name, folded as RFC 5322 section 2.2.3 says.
    pub(super) fn folded(name: &str, text: String) -> Self {
        Self { text, colon: name.len() }
    }

    pub fn name(&self) -> &str {
        self.text.get(..self.colon).unwrap_or_default()
    }

    /// Name, colon, value and line ends.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn is_removed(name: &str, edits: &Edits<'_>) -> bool {
    let is_same = |other: &str| name.eq_ignore_ascii_case(other);
    if once_only::is_of_ses(name) {
        let passes = edits.pass_headers.iter().any(|passed| is_same(passed));
        return !passes || edits.added.iter().any(|added| is_same(added.name()));
    }
    REMOVED_ALWAYS.into_iter().any(is_same)
}

fn push_stuffed(edited: &mut BytesMut, field: &str) {
    if field.starts_with('.') {
        edited.extend_from_slice(b".");
    }
    edited.extend_from_slice(field.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{AddedField, AddedFieldError};

    #[test]
    fn an_added_field_holds_no_other() {
        for (name, value, expected) in [
            ("X-SES-MESSAGE-TAGS", "app=a\r\nBcc: x@evil.test", AddedFieldError::Value),
            ("X-SES-MESSAGE-TAGS", "app=a\n", AddedFieldError::Value),
            ("X-SES-MESSAGE-TAGS", "app=ä", AddedFieldError::Value),
            ("X-SES: b\r\nBcc", "a", AddedFieldError::Name),
            ("", "a", AddedFieldError::Name),
            ("X-A", &"a".repeat(994), AddedFieldError::TooLong),
        ] {
            assert_eq!(AddedField::new(name, value), Err(expected), "{name}: {value}");
        }
        let longest = AddedField::new("X-A", &"a".repeat(993)).unwrap();
        assert_eq!(longest.as_str().len(), 1000);
    }
}
