//! What the header gate accepts means the same to mail-parser, which reads whole mails leniently.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_parser::{Address, MessageParser};
use sesgate::inspect::{Limits, inspect};

fuzz_target!(|header: &[u8]| {
    let Ok(findings) = inspect(header, &Limits::default()) else { return };
    let whole = [header, b"\r\n"].concat();
    let mail = MessageParser::default().parse(&whole).expect("a mail");
    assert_eq!(addresses(mail.from()), [findings.from.address.as_str()]);
    let recipients: Vec<&str> = findings.recipients.iter().map(|address| address.as_str()).collect();
    for address in [mail.to(), mail.cc(), mail.bcc()].into_iter().flat_map(addresses) {
        assert!(recipients.contains(&address.as_str()), "{address} is not in {recipients:?}");
    }
});

fn addresses(field: Option<&Address<'_>>) -> Vec<String> {
    let texts = field.into_iter().flat_map(|field| field.iter()).filter_map(|mailbox| mailbox.address.as_deref());
    let lowered = |text: &str| match text.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => text.to_owned(),
    };
    texts.map(lowered).collect()
}
