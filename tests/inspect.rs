#![cfg(test)]
//! Mails as they come, and what is found in them: `mail/good` by honest clients, `mail/hostile` by those who
//! mean harm.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest,
};
use sesgate::inspect::{AddedField, Defect, Edits, FieldFault, Findings, Limits, edit, inspect};
use sesgate::mail::Message;

#[test]
fn what_honest_clients_write_is_found_and_goes_on() {
    for path in mails("good") {
        let message = Message::from(fs::read(&path).unwrap().as_slice());
        let report = match inspect(message.header(), &Limits::default()) {
            Ok(findings) => report(message.header(), &findings),
            Err(defect) => defect.to_string(),
        };
        insta::with_settings!({
            snapshot_path => "mail/good", prepend_module_to_snapshot => false, omit_expression => true,
        }, {
            insta::assert_snapshot!(stem(&path), report);
        });
    }
}

#[test]
fn what_readers_could_read_differently_is_refused_with_its_place() {
    let mut report = String::new();
    for path in mails("hostile") {
        let message = Message::from(fs::read(&path).unwrap().as_slice());
        let defect = inspect(message.header(), &Limits::default()).map(|findings| findings.from).unwrap_err();
        let text = defect.to_string();
        assert!(is_reply_text(&text), "{}: {text}", path.display());
        writeln!(report, "{}: {text}", stem(&path)).unwrap();
    }
    insta::with_settings!({
        snapshot_path => "mail/hostile", prepend_module_to_snapshot => false, omit_expression => true,
    }, {
        insta::assert_snapshot!("defects", report);
    });
}

#[test]
fn limits_are_met_exactly() {
    let limits = Limits { fields_max: 3, line_octets_max: 30, addresses_max: 2, received_max: 1 };
    for (header, expected) in [
        ("From: a@example.com\r\nA: b\r\nA: c\r\n", Ok(())),
        ("From: a@example.com\r\nA: b\r\nA: c\r\nA: d\r\n", Err(Defect::TooManyFields { fields_max: 3 })),
        ("From: aaaaaaaaaaaa@example.com\r\n", Ok(())),
        ("From: aaaaaaaaaaaaa@example.com\r\n", Err(Defect::LineTooLong { line: 1, octets_max: 30 })),
        ("Received: a\r\nFrom: a@example.com\r\n", Ok(())),
        ("received: a\r\nReceived: b\r\nFrom: a@b.test\r\n", Err(Defect::TooManyHops { received_max: 1 })),
        ("From: a@example.com\r\nTo: a@b.test\r\n", Ok(())),
        ("From: a@b.test\r\nTo: a@b.test,c@d.test\r\n", Err(Defect::TooManyAddresses { addresses_max: 2 })),
    ] {
        assert_eq!(inspect(header.as_bytes(), &limits).map(|_| ()), expected, "{header}");
    }
}

#[test]
fn a_field_of_ses_goes_on_if_it_may_and_the_relay_has_none() {
    let header = b"From: a@example.com\r\nX-SES-Tenant: t\r\nX-Ses-Message-Tags: a=b\r\nX-SES-NEW: n\r\n";
    let findings = inspect(header, &Limits::default()).unwrap();
    let pass_headers = ["x-ses-tenant".to_owned(), "x-ses-message-tags".to_owned()];
    let added = [AddedField::new("X-SES-MESSAGE-TAGS", "app=billing").unwrap()];
    let edited = edit(&findings, &Edits { pass_headers: &pass_headers, added: &added });
    assert_eq!(
        edited.header,
        "X-SES-MESSAGE-TAGS: app=billing\r\nFrom: a@example.com\r\nX-SES-Tenant: t\r\n"
    );
    assert_eq!(edited.removed, ["X-Ses-Message-Tags", "X-SES-NEW"]);
}

/// RFC 5321 section 4.5.3.1.5, less a code, an enhanced code and a few words.
fn is_reply_text(text: &str) -> bool {
    text.len() <= 400 && text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}

fn mails(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail").join(folder);
    let mut mails: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    mails.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    mails.sort();
    assert!(mails.len() >= 25, "only {} mails", mails.len());
    mails
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn report(header: &[u8], findings: &Findings<'_>) -> String {
    let mut report = String::new();
    writeln!(report, "from: {}", findings.from.address).unwrap();
    writeln!(report, "display name: {:?}", findings.from.display_name).unwrap();
    writeln!(report, "sender: {:?}", findings.sender).unwrap();
    writeln!(report, "resent senders: {:?}", findings.resent_senders).unwrap();
    writeln!(report, "reply-to: {:?}", findings.reply_to).unwrap();
    writeln!(report, "recipients: {:?}", findings.recipients).unwrap();
    writeln!(report, "configuration set: {:?}", findings.configuration_set).unwrap();
    writeln!(report, "message id: {:?}", findings.message_id).unwrap();
    let edited = edit(findings, &Edits::default());
    writeln!(report, "removed: {:?}", edited.removed).unwrap();
    if edited.header != header {
        writeln!(report, "goes on as:\n{}", String::from_utf8(edited.header.to_vec()).unwrap()).unwrap();
    }
    report
}

/// What stands in address fields, whole and in pieces, so that chance puts together what may be read twice.
fn address_value() -> impl Strategy<Value = String> {
    let whole = "a@example.com|<b@example.org>|Bob|\"C, D\"|(e)|,| |\r\n |\t|=?utf-8?q?f?=|Team:|;|Acme Inc.|\
                 \u{fc}|undisclosed-recipients:;";
    let odd = "<|>|\"|(|)|\\|:|@|=?|?=|?|_|[|]|%|!|.|<>|=?utf-8?b?Zw==?=|\"=?utf-8?q?h?=\"|\\\"|\\)|\
               (=?utf-8?q?i?=)|\u{202e}|\u{2028}|\u{0}|\r|\n|\r\n";
    let one_of = |pieces: &'static str| prop::sample::select(pieces.split('|').collect::<Vec<_>>());
    let piece = prop_oneof![4 => one_of(whole), 1 => one_of(odd)];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Names and values; mostly with a good From, so that the rest is read too.
fn fields() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let names = "To Cc Bcc Sender Reply-To Resent-From Resent-To resent-bcc Return-Path Subject X-SES-TENANT \
                 X-Other .Dot Message-ID";
    let names: Vec<_> = names.split(' ').collect();
    let from = prop_oneof![3 => Just("A <a@example.com>".to_owned()), 1 => address_value()];
    let others = prop::collection::vec((prop::sample::select(names), address_value()), 0..4);
    (from, others, any::<prop::sample::Index>()).prop_map(|(from, mut fields, index)| {
        fields.insert(index.index(fields.len() + 1), ("From", from));
        fields
    })
}

fn header(fields: &[(&str, String)]) -> String {
    fields.iter().fold(String::new(), |header, (name, value)| header + name + ": " + value + "\r\n")
}

/// RFC 5321 section 4.5.2, line by line.
fn stuffed(header: &str) -> String {
    header
        .split_inclusive('\n')
        .map(|line| if line.starts_with('.') { format!(".{line}") } else { line.to_owned() })
        .collect()
}

fn is_removed(name: &str) -> bool {
    ["Bcc", "resent-bcc", "Return-Path", "X-SES-TENANT"].contains(&name)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_refused_can_be_told_in_one_reply_line(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        text in "(From|To|\\PC{0,99}): ?[\\PC \"<>@(),]{0,99}\r\n",
    ) {
        for header in [octets, text.into_bytes()] {
            if let Err(defect) = inspect(&header, &Limits::default()) {
                prop_assert!(is_reply_text(&defect.to_string()), "{}", defect);
            }
        }
    }

    /// Our readers refuse by themselves whatever can be read in two ways.
    #[test]
    fn what_our_readers_take_the_second_reader_confirms(fields in fields()) {
        if let Err(defect) = inspect(header(&fields).as_bytes(), &Limits::default()) {
            let disputed = matches!(
                defect,
                Defect::FieldsDisputed { .. } | Defect::Field { fault: FieldFault::AddressesDisputed, .. }
            );
            prop_assert!(!disputed, "{defect}");
        }
    }

    #[test]
    fn an_edited_header_is_the_judged_one_less_what_is_removed(mut fields in fields()) {
        prop_assume!(!fields.iter().any(|(_, value)| value.replace("\r\n ", "").contains("\r\n")));
        let judged = header(&fields);
        let Ok(findings) = inspect(judged.as_bytes(), &Limits::default()) else { return Ok(()) };
        let edited = edit(&findings, &Edits::default());
        let removed = fields.iter().map(|(name, _)| *name).filter(|name| is_removed(name));
        prop_assert_eq!(&edited.removed, &removed.collect::<Vec<_>>());

        fields.retain(|(name, _)| !is_removed(name));
        let kept = header(&fields);
        prop_assert_eq!(&edited.header, &stuffed(&kept));

        let again = inspect(kept.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(&again.from, &findings.from);
        prop_assert_eq!(&again.sender, &findings.sender);
        prop_assert_eq!(&again.resent_senders, &findings.resent_senders);
        prop_assert!(again.recipients.iter().all(|address| findings.recipients.contains(address)));
        prop_assert!(edit(&again, &Edits::default()).removed.is_empty());
    }
}
