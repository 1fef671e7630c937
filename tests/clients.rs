#![cfg(test)]
//! Mail over real sockets: from the programs that people use, through the relay, to the stand-in for SES.

#[path = "clients/certificate.rs"]
mod certificate;
#[path = "clients/client.rs"]
mod client;
#[path = "clients/door.rs"]
mod door;
#[path = "clients/installed.rs"]
mod installed;
#[path = "clients/program.rs"]
mod program;
#[path = "clients/relay.rs"]
mod relay;
#[path = "clients/rust-lettre.rs"]
mod rust_lettre;
#[path = "clients/scenario.rs"]
mod scenario;
#[path = "clients/tap.rs"]
mod tap;
#[path = "clients/world.rs"]
mod world;

use client::{Client, Ending, Nature};
use door::{Door, Mechanism, Security, WAYS};
use program::Said;
use relay::SENDER;
use scenario::with_each;
use world::World;

/// With all that the relay edits, and much that it must leave alone: eight bits, dots, a line of 2000 octets.
const MESSAGE: &[u8] = include_bytes!("clients/message.eml");
const HELLO: &[u8] =
    b"From: app@mail1.tak1wa.com\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\nHello Bob\r\n";
/// What the relay takes out of it.
const REMOVED: [&str; 3] = [
    "Bcc: erin@example.com\r\n",
    "Return-Path: <app@mail1.tak1wa.com>\r\n",
    "X-SES-CONFIGURATION-SET: somebody-elses\r\n",
];
/// Everyone whom it names, Bcc included.
const RECIPIENTS: [&str; 4] =
    ["bob@example.com", "carol@example.com", "dave@example.com", "erin@example.com"];
/// Twelve megabytes.
const ATTACHMENT_LINES: usize = 12 * 1024 * 1024 / 78;

fn any(_: &Client) -> bool {
    true
}

/// `octets` with one thing for another, wherever it is.
fn replaced(octets: &[u8], one: &str, other: &str) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = 0;
    for at in memchr::memmem::find_iter(octets, one) {
        replaced.extend_from_slice(&octets[rest..at]);
        replaced.extend_from_slice(other.as_bytes());
        rest = at + one.len();
    }
    replaced.extend_from_slice(&octets[rest..]);
    replaced
}

fn without_what_the_relay_removes(message: &[u8]) -> Vec<u8> {
    let (header, body) = message.split_at(memchr::memmem::find(message, b"\r\n\r\n").unwrap() + 2);
    let header = REMOVED.iter().fold(header.to_vec(), |octets, field| replaced(&octets, field, ""));
    [&header, body].concat()
}

/// As somebody else than the app.
fn forged() -> Vec<u8> {
    let forged = replaced(MESSAGE, "\"The App\" <app@", "\"The App\" <ceo@");
    assert_ne!(forged, MESSAGE);
    forged
}

/// The messages that SES has are those that were given to the client or, if it composes its own, that it said.
fn assert_octets(client: &Client, world: &World, given: &[&[u8]]) {
    let meant = if client.is(Nature::Composes) {
        world.tap.messages()
    } else {
        given.iter().copied().map(<[u8]>::to_vec).collect()
    };
    let arrived = world.arrived();
    assert_eq!((arrived.len(), meant.len()), (given.len(), given.len()), "{client:?}");
    for (arrived, meant) in arrived.iter().zip(meant) {
        assert_same(&arrived.octets, &without_what_the_relay_removes(&meant));
    }
}

/// A failed comparison of megabytes is of use to nobody: where they part is.
fn assert_same(found: &[u8], expected: &[u8]) {
    if found == expected {
        return;
    }
    let same = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    let around = |octets: &[u8]| {
        let (start, end) = (same.saturating_sub(40).min(octets.len()), (same + 40).min(octets.len()));
        octets[start..end].escape_ascii().to_string()
    };
    let (lengths, found, expected) = ((found.len(), expected.len()), around(found), around(expected));
    panic!("{lengths:?} octets; after {same}: `{found}`, expected `{expected}`");
}

/// Nothing arrives, and the program hears which statement was against it, and under which name to find it.
async fn refusal(client: &'static Client, octets: &[u8], recipients: &[&str], statement: &str) -> String {
    let world = World::start().await;
    let said = world.send(client, Ending::Quit, &[(recipients, octets)]).await;
    let records = world.relay.records();
    let [record] = &records[..] else { panic!("{said:?} {records:?}") };
    let decision = record["decision_id"].as_str().unwrap();
    let reply = format!("Denied by policy: statement {statement} (decision {decision})");
    assert_eq!(record["reply"], format!("554 5.7.1 {reply}"));
    // Not all keep the codes before the text.
    assert!(said.text.contains(&reply), "`{reply}` is not in {said:?}");
    assert_ne!(said.exit_code, Some(0), "{said:?}");
    assert_eq!(world.stand_in.mailbox().accepted(), 0, "{said:?}");
    said.text.replace(decision, "…")
}

fn assert_sent(said: &Said, mails: usize) {
    assert_eq!(said.exit_code, Some(0), "{said:?}");
    assert_eq!(said.text.lines().filter(|line| *line == "sent").count(), mails, "{said:?}");
}

#[tokio::test]
async fn mail_comes_in_by_every_door() {
    with_each("every door", any, |client| async move {
        let world = World::start().await;
        let message = world.file(HELLO);
        let mut mails = 0;
        for (security, mechanism) in WAYS {
            if mechanism == Some(Mechanism::Login) && client.is(Nature::NoLogin) {
                continue;
            }
            let door = world.door(security, mechanism);
            let said = client.send(&door, Ending::Quit, SENDER, &[(&RECIPIENTS[..1], &message)]).await;
            assert_sent(&said, 1);
            mails += 1;
            let arrived = world.arrived();
            assert_eq!(arrived.len(), mails, "{door:?} {said:?}");
            let last = arrived.last().unwrap();
            assert_eq!((last.protocol.as_str(), last.app.as_str()), (door.protocol(), door.app()));
        }
        format!("{mails} doors")
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    with_each("wrong password", any, |client| async move {
        let world = World::start().await;
        let message = world.file(MESSAGE);
        let door = world.door(Security::None, Some(Mechanism::Plain));
        let door = Door { password: "battery staple", ..door };
        let said = client.send(&door, Ending::Quit, SENDER, &[(&RECIPIENTS[..], &message)]).await;
        assert_ne!(said.exit_code, Some(0), "{said:?}");
        assert_eq!(world.arrived().len(), 0);
        said.text
    })
    .await;
}

#[tokio::test]
async fn eight_bits_dots_and_long_lines_arrive_octet_for_octet_save_the_named_edits() {
    with_each("8-bit and dots", any, |client| async move {
        let world = World::start().await;
        let said = world.send(client, Ending::Quit, &[(&RECIPIENTS, MESSAGE)]).await;
        assert_sent(&said, 1);
        assert_octets(client, &world, &[MESSAGE]);
        assert_eq!(world.recipients(), RECIPIENTS, "{said:?}");
        String::new()
    })
    .await;
}

#[tokio::test]
async fn another_sender_is_refused_and_the_program_says_so() {
    with_each("forbidden From", any, |client| async move {
        refusal(client, &forged(), &RECIPIENTS, "OnlyTheAppAddress").await
    })
    .await;
}

#[tokio::test]
async fn a_recipient_whom_the_header_does_not_show_is_refused() {
    with_each("forbidden Bcc", any, |client| async move {
        let recipients = ["bob@example.com", "eve@elsewhere.test"];
        refusal(client, MESSAGE, &recipients, "OnlyRecipientsAtExampleCom").await
    })
    .await;
}

#[tokio::test]
async fn a_recipient_of_the_header_alone_is_refused() {
    let as_given: fn(&Client) -> bool = |client| !client.is(Nature::Composes);
    with_each("forbidden Cc without RCPT", as_given, |client| async move {
        let shown = replaced(MESSAGE, "dave@example.com", "eve@elsewhere.test");
        refusal(client, &shown, &["bob@example.com"], "OnlyRecipientsAtExampleCom").await
    })
    .await;
}

#[tokio::test]
async fn three_mails_go_over_one_connection() {
    with_each("three mails", any, |client| async move {
        let world = World::start().await;
        let mail = (&RECIPIENTS[..], MESSAGE);
        let said = world.send(client, Ending::Quit, &[mail, mail, mail]).await;
        assert_sent(&said, 3);
        assert_octets(client, &world, &[MESSAGE; 3]);
        let connections = world.tap.connections().len();
        assert_eq!(connections, if client.is(Nature::OneMailPerConnection) { 3 } else { 1 });
        let mails = world.stand_in.mailbox().mails();
        assert!(mails.iter().all(|mail| mail.session_token == mails[0].session_token), "{mails:?}");
        format!("{connections} connections")
    })
    .await;
}

#[tokio::test]
async fn a_refusal_between_two_mails_harms_neither() {
    with_each("refusal between", any, |client| async move {
        let world = World::start().await;
        let (mail, forged) = ((&RECIPIENTS[..], MESSAGE), forged());
        let said = world.send(client, Ending::Quit, &[mail, (&RECIPIENTS[..], &forged), mail]).await;
        assert_eq!(said.text.lines().filter(|line| *line == "sent").count(), 2, "{said:?}");
        assert_eq!(said.exit_code, Some(1), "{said:?}");
        assert_eq!(world.arrived().len(), 2);
        format!("{} connections", world.tap.connections().len())
    })
    .await;
}

#[tokio::test]
async fn an_attachment_of_twelve_megabytes_arrives_whole() {
    with_each("12 MB", any, |client| async move {
        let mut message = b"From: app@mail1.tak1wa.com\r\nTo: bob@example.com\r\n\
            Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <2@mail1.tak1wa.com>\r\nSubject: twelve megabytes\r\n\
            MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            .to_vec();
        for number in 0..ATTACHMENT_LINES {
            message.extend_from_slice(format!("{number:0>76}\r\n").as_bytes());
        }
        let world = World::start().await;
        let said = world.send(client, Ending::Quit, &[(&RECIPIENTS[..1], &message)]).await;
        assert_sent(&said, 1);
        assert_octets(client, &world, &[&message]);
        let octets = world.arrived()[0].octets.len();
        assert!(octets > 12_000_000, "{octets}");
        format!("{octets} octets")
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_without_a_word_has_sent_its_mail() {
    let vanishes: fn(&Client) -> bool = |client| !client.is(Nature::AlwaysQuits);
    with_each("EOF without QUIT", vanishes, |client| async move {
        let world = World::start().await;
        let said = world.send(client, Ending::Vanish, &[(&RECIPIENTS, MESSAGE)]).await;
        assert_octets(client, &world, &[MESSAGE]);
        let [wire] = &world.tap.connections()[..] else { panic!("{said:?}") };
        assert!(!wire.to_ascii_uppercase().ends_with(b"QUIT\r\n"));
        // Nothing is left of the session that would have to be waited for.
        world.relay.stop().await;
        said.text
    })
    .await;
}

#[tokio::test]
async fn lines_that_end_in_lf_alone_arrive_with_crlf() {
    let is_curl: fn(&Client) -> bool = |client| client.name() == "curl";
    with_each("bare LF", is_curl, |client| async move {
        let lines = "From: app@mail1.tak1wa.com\nTo: bob@example.com\n\nHello Bob,\n.\nthat was no end\n";
        let world = World::start().await;
        let said = world.send(client, Ending::Quit, &[(&RECIPIENTS[..1], lines.as_bytes())]).await;
        assert_sent(&said, 1);
        // It ends the message with a CRLF of its own unless the file ends in one.
        let expected = format!("{lines}\n").replace('\n', "\r\n");
        assert_same(&world.arrived()[0].octets, expected.as_bytes());
        String::new()
    })
    .await;
}

#[test]
fn the_message_has_all_that_it_is_there_for() {
    assert!(MESSAGE.windows(2).all(|pair| pair[1] != b'\n' || pair[0] == b'\r'), "git changed the line ends");
    assert!(MESSAGE.split(|octet| *octet == b'\n').any(|line| line.len() > 2000));
    assert!(MESSAGE.split(|octet| *octet == b'\n').any(|line| line == b".\r"));
    assert!(MESSAGE.iter().any(|octet| !octet.is_ascii()));
    for field in REMOVED {
        assert!(MESSAGE.windows(field.len()).any(|part| part == field.as_bytes()));
    }
}
