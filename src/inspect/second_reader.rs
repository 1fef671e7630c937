//! A second opinion: `mail_parser` must see the very fields and addresses that our own readers see.
//!
//! It is lenient where ours are strict, so that what passes here reads alike for strict and lenient readers.
//! It decides nothing. Names are not compared: it takes comments for names, and that is no quarrel about who
//! is addressed. Nor is it asked about dates: it reads on beyond the end of one with a zone of a single letter, as
//! honest clients write (`Z`), and misses the field behind.

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use crate::inspect::Reading;
use crate::inspect::defect::{Defect, FieldFault};
use crate::inspect::header::Header;

/// Refuses a header that `mail_parser` reads in another way.
///
/// INVARIANT: only what our own readers have taken comes here, which bounds what it is slow at: encoded words
/// that do not end.
pub(super) fn agree(header: &Header<'_>, readings: &[Reading<'_>]) -> Result<(), Defect> {
    compare(header, readings, header.octets())
}

/// Has `mail_parser` read field after field, each from where it came to an end itself. The fields come first: if it
/// sees others, what it makes of addresses means nothing.
fn compare(header: &Header<'_>, readings: &[Reading<'_>], octets: &[u8]) -> Result<(), Defect> {
    let mut stream = MessageStream::new(octets);
    let mut readings = readings.iter().peekable();
    let mut disputed = None;
    for (index, field) in header.fields().iter().enumerate() {
        let begins = stream.offset() == field.start();
        let name = stream.parse_header_name();
        let is_same_name = name.is_some_and(|name| name.as_str().eq_ignore_ascii_case(header.name(field)));
        let value = stream.offset();
        match readings.next_if(|reading| reading.index == index) {
            Some(reading) => {
                let is_same = are_same_addresses(reading, &stream.parse_address());
                disputed = disputed.or((!is_same).then_some(reading));
            }
            None => stream.parse_and_ignore(),
        }
        if !(begins && is_same_name && (value..stream.offset()) == field.value()) {
            return Err(Defect::FieldsDisputed { line: field.line });
        }
    }
    if let Some(last) = header.fields().last().filter(|_| !stream.is_eof()) {
        return Err(Defect::FieldsDisputed { line: last.line });
    }
    disputed.map_or(Ok(()), |reading| Err(reading.defect(FieldFault::AddressesDisputed)))
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

#[cfg(test)]
mod tests {
    use super::compare;
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
            let found = compare(&header, &readings, other.as_bytes());
            assert_eq!(found.err().map(|defect| defect.to_string()), expected, "{other:?}");
        }
    }
}
