//! A second opinion: `mail_parser` must see the very fields and addresses that our own readers see.
//!
//! It is lenient where ours are strict, so that what passes here reads alike for strict and lenient readers.
//! It decides nothing. Names are not compared: it takes comments for names, and that is no quarrel about who
//! is addressed. Nor is it asked about dates: it reads on beyond the end of one with a zone of a single letter, as
//! honest clients write (`Z`), and misses the field behind.

use std::sync::LazyLock;

use mail_parser::parsers::MessageStream;
use mail_parser::{Header as ParsedField, HeaderValue, MessageParser};

use crate::inspect::Reading;
use crate::inspect::defect::{Defect, FieldFault};
use crate::inspect::header::{Field, Header};

static PARSER: LazyLock<MessageParser> =
    LazyLock::new(|| MessageParser::new().with_address_headers().default_header_ignore());

/// Refuses a header that `mail_parser` reads in another way.
///
/// INVARIANT: only what our own readers have taken comes here, which bounds what it is slow at: encoded words
/// that do not end.
pub(super) fn agree(header: &Header<'_>, readings: &[Reading<'_>]) -> Result<(), Defect> {
    compare(header, readings, &parsed(header.octets()))
}

fn parsed(octets: &[u8]) -> Vec<ParsedField<'_>> {
    let mut fields = Vec::with_capacity(24);
    MessageStream::new(octets).parse_headers(&PARSER, &mut fields);
    fields
}

fn compare(header: &Header<'_>, readings: &[Reading<'_>], parsed: &[ParsedField<'_>]) -> Result<(), Defect> {
    let is_disputed = |(index, ours): &(usize, &Field)| {
        !parsed.get(*index).is_some_and(|theirs| is_same_field(header, ours, theirs))
    };
    let disputed = header.fields().iter().enumerate().find(is_disputed).map(|(_, field)| field);
    let is_surplus = |_: &&Field| parsed.len() > header.fields().len();
    if let Some(field) = disputed.or_else(|| header.fields().last().filter(is_surplus)) {
        return Err(Defect::FieldsDisputed { line: field.line });
    }
    for reading in readings {
        if !parsed.get(reading.index).is_some_and(|theirs| are_same_addresses(reading, &theirs.value)) {
            return Err(reading.defect(FieldFault::AddressesDisputed));
        }
    }
    Ok(())
}

fn is_same_field(header: &Header<'_>, ours: &Field, theirs: &ParsedField<'_>) -> bool {
    let value = offset(theirs.offset_start)..offset(theirs.offset_end);
    theirs.name.as_str().eq_ignore_ascii_case(header.name(ours))
        && offset(theirs.offset_field) == ours.start()
        && value == ours.value()
}

fn are_same_addresses(reading: &Reading<'_>, value: &HeaderValue<'_>) -> bool {
    let mut ours = reading.mailboxes.iter().map(|mailbox| mailbox.text);
    match value {
        // A comment behind a group comes as a name without an address.
        HeaderValue::Address(theirs) => ours.eq(theirs.iter().filter_map(|theirs| theirs.address.as_deref())),
        HeaderValue::Empty => ours.next().is_none(),
        _ => false,
    }
}

fn offset(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{compare, parsed};
    use crate::inspect::header::Header;
    use crate::inspect::{Limits, read_addresses};

    #[test]
    fn another_reading_is_a_defect() {
        let limits = Limits::default();
        let header = Header::split(b"From: a@example.com\r\nTo: b@example.org\r\n", &limits).unwrap();
        let readings = read_addresses(&header, &limits).unwrap();
        let fields = |line| format!("line {line} of the header can be read as more than one field");
        let addresses = |field, line| {
            format!(
                "the {field} field in line {line} of the header: another reader sees other addresses in it"
            )
        };
        for (other, expected) in [
            ("From: a@example.com\r\nTo: b@example.org\r\n", None),
            ("From: a@example.com\r\n", Some(fields(2))),
            ("From: a@example.com\r\nTo: b@example.org\r\nCc: c@example.org\r\n", Some(fields(2))),
            ("From: a@example.com\r\nCc: b@example.org\r\n", Some(fields(2))),
            ("Fr: a@example.com.b\r\nTo: b@example.org\r\n", Some(fields(1))),
            ("From: a@example.com\r\n To: b@example.org\r", Some(fields(1))),
            ("From: x@example.com\r\nTo: b@example.org\r\n", Some(addresses("From", 1))),
            ("From: a@example.com\r\nTo: b,@example.org\r", Some(addresses("To", 2))),
            ("From: a@example.com\r\nTo:              \r\n", Some(addresses("To", 2))),
        ] {
            let found = compare(&header, &readings, &parsed(other.as_bytes()));
            assert_eq!(found.err().map(|defect| defect.to_string()), expected, "{other:?}");
        }
    }
}
