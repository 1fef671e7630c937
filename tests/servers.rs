#![cfg(test)]
//! Mail over real sockets: through the relay to the servers that take the place of SES, by every way that can be
//! configured.

#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "clients/relay.rs"]
mod relay;

use std::net::SocketAddr;

use dialogue::send_hello;
use relay::{REGION, Relay, SENDER, account, way};
use sesgate::credentials::smtp_password;
use sesgate::sandbox::{Login, StandIn};
use sesgate::secret::Secret;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

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
