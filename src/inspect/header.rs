//! The header block as lines: every line a field or the fold of one, or the block is refused.
//!
//! What a field says is not read here, only where it begins and ends. All that makes readers see different
//! fields (a bare CR, a folded or spaced name, a line without colon, an odd line separator) ends here.

use std::ops::Range;

use crate::inspect::Limits;
use crate::inspect::defect::{Defect, Excerpt};

/// A header block that splits into fields in one way only. UTF-8, CRLF line ends, no control characters.
#[derive(Debug, Clone)]
pub(super) struct Header<'h> {
    text: &'h str,
    fields: Vec<Field>,
}

/// Where a field stands in its header.
#[derive(Debug, Clone)]
pub(super) struct Field {
    start: usize,
    colon: usize,
    end: usize,
    /// The number of its first line, from one.
    pub(super) line: usize,
}

impl<'h> Header<'h> {
    pub(super) fn split(octets: &'h [u8], limits: &Limits) -> Result<Self, Defect> {
        let text = std::str::from_utf8(octets)
            .map_err(|error| Defect::NotUtf8 { line: line_at(octets, error.valid_up_to()) })?;
        let mut fields: Vec<Field> = Vec::with_capacity(24);
        let mut start = 0_usize;
        for (line, ended) in (1..).zip(lines(text)) {
            let content = content_of(ended, line, limits)?;
            let end = start.saturating_add(ended.len());
            if content.starts_with([' ', '\t']) {
                let folded = fields.last_mut().ok_or(Defect::FoldedFirstLine)?;
                if content.bytes().all(is_white_space) {
                    return Err(Defect::BlankFold { line });
                }
                folded.end = end;
            } else {
                let colon = start.saturating_add(name_of(content, line)?.len());
                fields.push(Field { start, colon, end, line });
            }
            if fields.len() > limits.fields_max {
                return Err(Defect::TooManyFields { fields_max: limits.fields_max });
            }
            start = end;
        }
        Ok(Self { text, fields })
    }

    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn octets(&self) -> &'h [u8] {
        self.text.as_bytes()
    }

    pub(super) fn name(&self, field: &Field) -> &'h str {
        self.at(field.start..field.colon)
    }

    /// All behind the colon, folds and the last line's CRLF included.
    pub(super) fn value(&self, field: &Field) -> &'h str {
        self.at(field.value().start..field.end)
    }

    /// Name, colon, value and line ends.
    pub(super) fn whole(&self, field: &Field) -> &'h str {
        self.at(field.start..field.end)
    }

    fn at(&self, range: Range<usize>) -> &'h str {
        // INVARIANT: `split` sets the offsets at ASCII characters of this very text.
        self.text.get(range).unwrap_or_default()
    }
}

impl Field {
    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn value(&self) -> Range<usize> {
        self.colon.saturating_add(1)..self.end
    }
}

/// Each with its line end.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let feed = memchr::memchr(b'\n', rest.as_bytes());
        let length = feed.map_or(rest.len(), |feed| feed.saturating_add(1));
        let (line, behind) = rest.split_at_checked(length)?;
        rest = behind;
        (!line.is_empty()).then_some(line)
    })
}

/// The line without its CRLF.
fn content_of<'h>(ended: &'h str, line: usize, limits: &Limits) -> Result<&'h str, Defect> {
    let content = match (ended.strip_suffix("\r\n"), ended.strip_suffix('\n')) {
        (Some(content), _) => content,
        (None, Some(_)) => return Err(Defect::BareLineFeed { line }),
        (None, None) => return Err(Defect::UnendedLine { line }),
    };
    if content.len() > limits.line_octets_max {
        return Err(Defect::LineTooLong { line, octets_max: limits.line_octets_max });
    }
    if content.is_empty() {
        return Err(Defect::EmptyLine { line });
    }
    // The usual line, told without a stop at each octet, so that many are looked at together.
    if content.bytes().fold(true, |is_plain, octet| is_plain & matches!(octet, b' '..=b'~')) {
        return Ok(content);
    }
    match content.chars().find(|character| is_forbidden(*character)) {
        Some('\r') => Err(Defect::BareCarriageReturn { line }),
        Some(character) => Err(Defect::ControlCharacter { line, character }),
        None => Ok(content),
    }
}

/// The field name of RFC 5322 section 2.2, up to the colon.
fn name_of(content: &str, line: usize) -> Result<&str, Defect> {
    let colon = memchr::memchr(b':', content.as_bytes()).ok_or(Defect::NoColon { line })?;
    let name = content.get(..colon).unwrap_or_default();
    if name.ends_with([' ', '\t']) {
        return Err(Defect::SpaceBeforeColon { line });
    }
    if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(Defect::FieldName { line, name: Excerpt::new(name) });
    }
    Ok(name)
}

/// Some readers end a line at a vertical tab, a form feed, U+0085, U+2028 or U+2029; none has a need of the
/// other control characters in a header. RFC 5322 section 2.2 leaves the tab.
fn is_forbidden(character: char) -> bool {
    (character.is_control() && character != '\t') || matches!(character, '\u{2028}' | '\u{2029}')
}

pub(super) fn is_white_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

fn line_at(octets: &[u8], offset: usize) -> usize {
    let before = octets.get(..offset).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count().saturating_add(1)
}
