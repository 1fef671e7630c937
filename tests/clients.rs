#![cfg(test)]
//! Mail over real sockets: from the programs that people use, through the relay, to the stand-in for SES.

#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "clients/program.rs"]
mod program;
#[path = "clients/relay.rs"]
mod relay;
#[path = "clients/send.rs"]
mod send;

use std::net::SocketAddr;

use dialogue::send_hello;
use program::Program;
use relay::{REGION, Relay, SENDER, account, way};
use send::{send, send_over_one_connection};
use sesgate::credentials::smtp_password;
use sesgate::sandbox::{Login, StandIn};
use sesgate::secret::Secret;
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// With all that the relay edits, and much that it must leave alone: eight bits, dots, a line of 2000 octets.
const MESSAGE: &[u8] = include_bytes!("clients/message.eml");
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

fn installed() -> impl Iterator<Item = Program> {
    [Program::Smtplib, Program::Curl, Program::Swaks].into_iter().filter(|program| program.is_installed())
}

/// The stand-in, and a relay in front of it over implicit TLS.
async fn pair() -> (StandIn, Relay) {
    let stand_in = StandIn::start(account()).await.unwrap();
    let way = way("implicit", stand_in.endpoints().implicit_tls, &stand_in);
    let relay = Relay::start(way, stand_in.ca_pem());
    (stand_in, relay)
}

/// A file as `program` wants it so that it sends these octets and no others.
fn file(program: Program, octets: &[u8]) -> NamedTempFile {
    let octets = match program {
        Program::Smtplib | Program::Curl => octets,
        // It ends the last line itself.
        Program::Swaks => octets.strip_suffix(b"\r\n").unwrap(),
    };
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), octets).unwrap();
    file
}

/// `octets` with one thing for another, which is there once.
fn replaced(octets: &[u8], one: &str, other: &str) -> Vec<u8> {
    let at: Vec<_> =
        octets.windows(one.len()).enumerate().filter(|(_, part)| *part == one.as_bytes()).collect();
    let [(at, _)] = at[..] else { panic!("`{one}` is there {} times", at.len()) };
    [&octets[..at], other.as_bytes(), &octets[at + one.len()..]].concat()
}

/// What is left of `arrived` without the fields that the relay puts in front, which name the decision.
fn without_added<'a>(arrived: &'a [u8], decision: &str) -> &'a [u8] {
    let line_ends = (0..arrived.len()).filter(|at| arrived[..*at].ends_with(b"\r\n"));
    let added_end = line_ends.take(4).last().unwrap();
    let added = std::str::from_utf8(&arrived[..added_end]).unwrap();
    let lines: Vec<&str> = added.lines().collect();
    let [from, by, date, tags] = lines[..] else { panic!("{added}") };
    assert!(from.starts_with("Received: from ") && from.ends_with(" ([127.0.0.1])"), "{added}");
    assert_eq!(by, format!("\tby sesgate with ESMTP id {decision};"));
    assert!(date.starts_with('\t') && date.ends_with(" +0000"), "{added}");
    assert_eq!(tags, format!("X-SES-MESSAGE-TAGS: app=default, decision={decision}"));
    &arrived[added_end..]
}

/// A failed comparison of megabytes is of use to nobody: where they part is.
fn assert_same(program: Program, found: &[u8], expected: &[u8]) {
    let same = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    let around = |octets: &[u8]| {
        octets[same.saturating_sub(40).min(octets.len())..(same + 40).min(octets.len())]
            .escape_ascii()
            .to_string()
    };
    assert!(
        found == expected,
        "{program:?}: {} octets, expected {}; after {same}: `{}`, expected `{}`",
        found.len(),
        expected.len(),
        around(found),
        around(expected)
    );
}

/// The one mail arrives as `expected`, behind what the relay adds.
async fn assert_arrives(program: Program, octets: &[u8], recipients: &[&str], expected: &[u8]) {
    let (stand_in, relay) = pair().await;
    let said = send(program, relay.address(), SENDER, recipients, file(program, octets).path()).await;
    assert_eq!(said.exit_code, Some(0), "{said:?}");

    let (mails, records) = (stand_in.mailbox().mails(), relay.records());
    let ([mail], [record]) = (&mails[..], &records[..]) else { panic!("{said:?} {records:?}") };
    assert_same(program, without_added(&mail.octets, record["decision_id"].as_str().unwrap()), expected);
    assert_eq!(mail.summary.sender, SENDER);
    assert_eq!(mail.summary.recipients, recipients);
    assert_eq!(record["ses_message_id"], mail.summary.message_id);
    assert_eq!(record["effect"], "allow");
}

/// Nothing arrives, and the program hears which statement was against it, and under which name to find it.
async fn assert_refused(program: Program, octets: &[u8], recipients: &[&str], statement: &str) {
    let (stand_in, relay) = pair().await;
    let said = send(program, relay.address(), SENDER, recipients, file(program, octets).path()).await;
    let records = relay.records();
    let [record] = &records[..] else { panic!("{said:?} {records:?}") };
    let decision = record["decision_id"].as_str().unwrap();
    let reply = format!("5.7.1 Denied by policy: statement {statement} (decision {decision})");
    assert!(said.text.contains("554") && said.text.contains(&reply), "`{reply}` is not in {said:?}");
    assert_ne!(said.exit_code, Some(0), "{said:?}");
    assert_eq!(record["reply"], format!("554 {reply}"));
    assert_eq!(stand_in.mailbox().accepted(), 0, "{program:?}");
}

#[tokio::test]
async fn an_allowed_mail_arrives_octet_for_octet_save_the_named_edits() {
    let expected = REMOVED.iter().fold(MESSAGE.to_vec(), |octets, field| replaced(&octets, field, ""));
    for program in installed() {
        assert_arrives(program, MESSAGE, &RECIPIENTS, &expected).await;
    }
}

#[tokio::test]
async fn another_sender_is_refused_and_the_program_says_so() {
    let forged = replaced(MESSAGE, "\"The App\" <app@", "\"The App\" <ceo@");
    for program in installed() {
        assert_refused(program, &forged, &RECIPIENTS, "OnlyTheAppAddress").await;
    }
}

#[tokio::test]
async fn a_recipient_whom_the_header_does_not_show_is_refused() {
    let recipients = ["bob@example.com", "eve@elsewhere.test"];
    for program in installed() {
        assert_refused(program, MESSAGE, &recipients, "OnlyRecipientsAtExampleCom").await;
    }
}

#[tokio::test]
async fn a_recipient_of_the_header_alone_is_refused() {
    let shown = replaced(MESSAGE, "Bcc: erin@example.com", "Bcc: eve@elsewhere.test");
    for program in installed() {
        assert_refused(program, &shown, &["bob@example.com"], "OnlyRecipientsAtExampleCom").await;
    }
}

#[tokio::test]
async fn an_attachment_of_twelve_megabytes_arrives_whole() {
    let mut message = b"From: app@mail1.tak1wa.com\r\nTo: bob@example.com\r\nMIME-Version: 1.0\r\n\
        Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        .to_vec();
    for number in 0..ATTACHMENT_LINES {
        message.extend_from_slice(format!("{number:0>76}\r\n").as_bytes());
    }
    for program in installed() {
        assert_arrives(program, &message, &["bob@example.com"], &message).await;
    }
}

#[tokio::test]
async fn lines_that_end_in_lf_alone_arrive_with_crlf() {
    if Program::Curl.is_installed() {
        let lines = "From: app@mail1.tak1wa.com\nTo: bob@example.com\n\nHello Bob,\n.\nthat was no end\n";
        // It ends the message with a CRLF of its own unless the file ends in one.
        let expected = format!("{lines}\n").replace('\n', "\r\n");
        assert_arrives(Program::Curl, lines.as_bytes(), &["bob@example.com"], expected.as_bytes()).await;
    }
}

#[tokio::test]
async fn a_refusal_between_two_mails_of_a_connection_harms_neither() {
    if Program::Smtplib.is_installed() {
        let (stand_in, relay) = pair().await;
        let allowed = file(Program::Smtplib, MESSAGE);
        let forged = file(Program::Smtplib, &replaced(MESSAGE, "\"The App\" <app@", "\"The App\" <ceo@"));
        let files = [allowed.path(), forged.path(), allowed.path()];
        let said = send_over_one_connection(relay.address(), SENDER, &RECIPIENTS, &files).await;
        let told: Vec<_> = said.text.lines().filter_map(|line| line.split_once([',', ':', '.'])).collect();
        let told: Vec<&str> = told.into_iter().map(|(told, _)| told).collect();
        assert_eq!(told, ["sent", "SMTPDataError 554 5", "sent"], "{said:?}");
        assert_eq!(said.exit_code, Some(1));
        let mails = stand_in.mailbox().mails();
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0].session_token, mails[1].session_token, "the session with SES is used again");
    }
}

#[tokio::test]
async fn mail_goes_to_ses_by_every_way_that_is_configured() {
    let secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let derived = smtp_password(&Secret::new(secret_access_key.to_owned()), REGION);
    let login = Login { user_name: "AKIAIOSFODNN7EXAMPLE".to_owned(), password: derived };
    let stand_in =
        StandIn::start(sesgate::sandbox::Settings { login: Some(login), ..account() }).await.unwrap();
    let ends = stand_in.endpoints();
    let mut ways = vec![
        way("implicit", ends.implicit_tls, &stand_in),
        way("starttls", ends.starttls, &stand_in),
        way("none", ends.plain, &stand_in),
    ];
    for mut by_access_key in ways.clone() {
        by_access_key.retain(|(name, _)| !matches!(*name, "SES_USER_NAME" | "SES_PASSWORD"));
        by_access_key.push(("SES_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()));
        by_access_key.push(("SES_SECRET_ACCESS_KEY", secret_access_key.to_owned()));
        ways.push(by_access_key);
    }
    for (way, accepted) in ways.into_iter().zip(1..) {
        let told = format!("{way:?}");
        let relay = Relay::start(way, stand_in.ca_pem());
        let reply = send_hello(relay.address(), SENDER).await;
        assert!(reply.starts_with("250 2.0.0 Ok 0"), "{reply} {told}");
        assert_eq!(stand_in.mailbox().accepted(), accepted);
        relay.stop().await;
    }
}

/// A server that wants no login, and what was said to it.
async fn take_one_mail(listener: TcpListener) -> Vec<String> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let mut heard = Vec::new();
    let mut answer = "220 sidecar ESMTP";
    loop {
        if !answer.is_empty() {
            write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
        let Some(line) = lines.next_line().await.unwrap() else { return heard };
        answer = match (line.split([' ', ':']).next().unwrap(), answer) {
            (".", "") => "250 Ok 0102018c-sidecar-000000",
            (_, "" | "354 Go on") => "",
            ("DATA", _) => "354 Go on",
            ("QUIT", _) => "221 Bye",
            _ => "250 Ok",
        };
        heard.push(line);
    }
}

#[tokio::test]
async fn a_server_on_this_host_is_not_given_a_login_when_there_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let way = vec![
        ("SES_TLS", "none".to_owned()),
        ("SES_HOST", address.ip().to_string()),
        ("SES_PORT", address.port().to_string()),
    ];
    let sidecar = tokio::spawn(take_one_mail(listener));
    let relay = Relay::start(way, "");
    let reply = send_hello(relay.address(), SENDER).await;
    assert_eq!(reply, "250 2.0.0 Ok 0102018c-sidecar-000000");
    relay.stop().await;
    let heard = sidecar.await.unwrap();
    let dialogue = ["EHLO sesgate", "MAIL FROM:<app@mail1.tak1wa.com>", "RCPT TO:<bob@example.com>", "DATA"];
    assert_eq!(heard[..4], dialogue);
    assert_eq!(heard[heard.len() - 3..], ["Hello Bob", ".", "QUIT"]);
}

#[test]
fn the_message_has_all_that_it_is_there_for() {
    assert!(MESSAGE.windows(2).all(|pair| pair[1] != b'\n' || pair[0] == b'\r'), "git changed the line ends");
    assert!(MESSAGE.split(|octet| *octet == b'\n').any(|line| line.len() > 2000));
    assert!(MESSAGE.split(|octet| *octet == b'\n').any(|line| line == b".\r"));
    assert!(MESSAGE.iter().any(|octet| !octet.is_ascii()));
}
