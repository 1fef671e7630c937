//! What the header gate accepts means the same to mail-parser, which reads whole mails leniently: the same people in
//! the same parts, nobody more and nobody less.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mail_parser::{HeaderName, HeaderValue, Message, MessageParser};
use sesgate::inspect::{Limits, inspect};
use sesgate::mail::Address;

const SENDER: [HeaderName<'_>; 1] = [HeaderName::Sender];
const RESENT_SENDERS: [HeaderName<'_>; 2] = [HeaderName::ResentFrom, HeaderName::ResentSender];
const REPLY_TO: [HeaderName<'_>; 1] = [HeaderName::ReplyTo];
const RECIPIENTS: [HeaderName<'_>; 6] = [
    HeaderName::To,
    HeaderName::Cc,
    HeaderName::Bcc,
    HeaderName::ResentTo,
    HeaderName::ResentCc,
    HeaderName::ResentBcc,
];

/// Dates are text to it. Its reader of dates takes the line end for a part of a zone of one letter, as in `Z`, and the
/// next field with it. Honest clients write that, and what it hides was judged.
static READER: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new().with_mime_headers().with_address_headers().with_message_ids().default_header_text()
});

fuzz_target!(|header: &[u8]| {
    let Ok(findings) = inspect(header, &Limits::default()) else { return };
    let whole = [header, b"\r\n"].concat();
    let mail = READER.parse(&whole).expect("a mail");
    assert_eq!(addresses(&mail, &[HeaderName::From]), [findings.from.address.as_str()]);
    assert_eq!(addresses(&mail, &SENDER), texts(findings.sender.as_slice()));
    assert_eq!(addresses(&mail, &RESENT_SENDERS), texts(&findings.resent_senders));
    assert_eq!(addresses(&mail, &REPLY_TO), texts(&findings.reply_to));
    assert_eq!(addresses(&mail, &RECIPIENTS), texts(&findings.recipients));
});

fn texts(addresses: &[Address]) -> Vec<&str> {
    addresses.iter().map(Address::as_str).collect()
}

/// Of all fields of these names, in the order of the header.
fn addresses(mail: &Message<'_>, names: &[HeaderName<'_>]) -> Vec<String> {
    let fields = mail.headers().iter().filter(|field| names.contains(&field.name));
    let values = fields.filter_map(|field| match &field.value {
        HeaderValue::Address(address) => Some(address),
        HeaderValue::Empty => None,
        other => panic!("{} is read as {other:?}", field.name),
    });
    let texts = values.flat_map(|value| value.iter()).filter_map(|mailbox| mailbox.address.as_deref());
    let lowered = |text: &str| match text.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => text.to_owned(),
    };
    texts.map(lowered).collect()
}
