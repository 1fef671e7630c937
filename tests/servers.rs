#![cfg(test)]
//! Mail over real sockets: through the relay to the servers that take the place of SES, by every way that can be
//! configured.
//!
//! Postfix names a mail that it takes, as SES does (`250 2.0.0 Ok: queued as <queue id>`), and the queue id counts as
//! the message id. A server that gives a mail no name has accepted nothing, as far as the relay can tell.

#[path = "clients/certificate.rs"]
mod certificate;
#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "clients/installed.rs"]
mod installed;
#[path = "servers/postfix.rs"]
mod postfix;
#[path = "clients/relay.rs"]
mod relay;

use std::net::SocketAddr;

use dialogue::{send, send_hello};
use postfix::{Postfix, Service};
use relay::{REGION, Relay, SENDER, account, way};
use sesgate::credentials::smtp_password;
use sesgate::sandbox::{Login, StandIn};
use sesgate::secret::Secret;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// Eight bits, lines of dots, one of 2000 octets. Postfix keeps lines of up to 2048 as they are.
const MESSAGE: &[u8] = include_bytes!("clients/message.eml");
const ATTACHMENT_LINES: usize = 12 * 1024 * 1024 / 78;

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
        let relay = Relay::start(None, way, stand_in.ca_pem());
        let reply = send_hello(relay.address(), SENDER).await;
        assert!(reply.starts_with("250 2.0.0 Ok 0"), "{reply} {told}");
        assert_eq!(relay.records()[0]["reply"], reply);
        assert_eq!(stand_in.mailbox().accepted(), accepted);
        relay.stop().await;
    }
}

/// The mail has a name at Postfix, which its log knows, and the client heard it.
async fn send_to_bob(relay: &Relay, postfix: &Postfix, message: &[u8]) {
    let reply = send(relay.address(), SENDER, &["bob@example.com"], message).await;
    let queue_id = reply.strip_prefix("250 2.0.0 Ok ").unwrap_or_else(|| panic!("{reply} {}", postfix.log()));
    postfix.says(&format!("{queue_id}: removed")).await;
}

/// As it lies in the maildir: without what the relay takes out, with the line ends of the file system.
fn in_maildir(message: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8(message.to_vec()).unwrap();
    for removed in [
        "Bcc: erin@example.com",
        "Return-Path: <app@mail1.tak1wa.com>",
        "X-SES-CONFIGURATION-SET: somebody-elses",
    ] {
        text = text.replace(&format!("{removed}\r\n"), "");
    }
    text.replace("\r\n", "\n").into_bytes()
}

/// Everything behind the four lines that the relay adds.
fn as_judged(mail: &[u8]) -> &[u8] {
    let end = memchr::memchr_iter(b'\n', mail).nth(3).unwrap();
    &mail[end + 1..]
}

#[tokio::test]
async fn postfix_keeps_what_the_relay_says_octet_for_octet() {
    if !Postfix::may_run() {
        return;
    }
    let postfix = Postfix::start().await;
    let mut large = b"From: app@mail1.tak1wa.com\r\nTo: bob@example.com\r\n\r\n".to_vec();
    for number in 0..ATTACHMENT_LINES {
        large.extend_from_slice(format!("{number:0>76}\r\n").as_bytes());
    }
    let mut expected = Vec::new();
    for service in [Service::StartTls, Service::Implicit] {
        let relay = Relay::start(None, postfix.way(service), &postfix.ca_pem);
        for message in [MESSAGE, &large, MESSAGE] {
            send_to_bob(&relay, &postfix, message).await;
            expected.push(in_maildir(message));
        }
        relay.stop().await;
    }
    let mails = postfix.mails(expected.len()).await;
    let mut found: Vec<_> = mails.iter().map(|mail| as_judged(mail)).collect();
    found.sort();
    expected.sort();
    assert!(found == expected, "what Postfix has is not what was sent: {}", postfix.log());
    // One login for each relay: its connection is kept.
    assert_eq!(postfix.log().matches("sasl_method=PLAIN").count(), 6, "{}", postfix.log());
    assert_eq!(postfix.log().matches("]: connect from ").count(), 2 + 3, "{}", postfix.log());
}

#[tokio::test]
async fn a_recipient_whom_postfix_does_not_know_ends_the_mail_for_all() {
    if !Postfix::may_run() {
        return;
    }
    let postfix = Postfix::start().await;
    let relay = Relay::start(None, postfix.way(Service::StartTls), &postfix.ca_pem);
    let recipients = ["bob@example.com", "nobody@example.com"];
    let reply = send(relay.address(), SENDER, &recipients, MESSAGE).await;
    assert!(reply.starts_with("550 5.1.1 ") && reply.contains("Recipient address rejected"), "{reply}");
    // The connection is in step again, and nothing of the refused mail is in the next.
    send_to_bob(&relay, &postfix, MESSAGE).await;
    assert_eq!(postfix.mails(1).await.len(), 1);
    relay.stop().await;
}

#[tokio::test]
async fn postfix_may_come_and_go() {
    if !Postfix::may_run() {
        return;
    }
    let postfix = Postfix::start().await;
    let relay = Relay::start(None, postfix.way(Service::StartTls), &postfix.ca_pem);
    send_to_bob(&relay, &postfix, MESSAGE).await;

    postfix.stop();
    postfix.start_again().await;
    // The connection that was kept is dead, which costs the mail nothing.
    send_to_bob(&relay, &postfix, MESSAGE).await;
    assert_eq!(postfix.mails(2).await.len(), 2);

    postfix.stop();
    let reply = send_hello(relay.address(), SENDER).await;
    assert!(reply.starts_with("451 4.4.1 Amazon SES cannot be reached; nothing was sent"), "{reply}");
    relay.stop().await;
}

#[tokio::test]
async fn a_mail_that_postfix_dies_over_is_in_doubt() {
    if !Postfix::may_run() {
        return;
    }
    let postfix = Postfix::start().await;
    let relay = Relay::start(None, postfix.way(Service::Hesitant), &postfix.ca_pem);
    let end = async {
        postfix.says("it has come").await;
        postfix.abort();
    };
    let (reply, ()) = tokio::join!(send_hello(relay.address(), SENDER), end);
    assert!(reply.starts_with("451 4.4.2 Amazon SES may or may not have taken the mail"), "{reply}");

    postfix.start_again().await;
    let reply = send_hello(relay.address(), SENDER).await;
    assert!(reply.starts_with("451 4.4.2 "), "{reply}");
    assert_eq!(postfix.mails(0).await.len(), 0);
    relay.stop().await;
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
    let relay = Relay::start(None, way, "");
    let reply = send_hello(relay.address(), SENDER).await;
    assert_eq!(reply, "250 2.0.0 Ok 0102018c-sidecar-000000");
    relay.stop().await;
    let heard = sidecar.await.unwrap();
    let dialogue = ["EHLO sesgate", "MAIL FROM:<app@mail1.tak1wa.com>", "RCPT TO:<bob@example.com>", "DATA"];
    assert_eq!(heard[..4], dialogue);
    assert_eq!(heard[heard.len() - 3..], ["Hello Bob", ".", "QUIT"]);
}
