//! The stand-in steered and asked over HTTP, as tests in any language do it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use sesgate::sandbox::{Endpoints, Settings, StandIn};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Client, Pace};
use crate::transcript::{login, settings};

/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// Settings with the control interface on.
fn controlled() -> Settings {
    Settings { control: Some("127.0.0.1:0".parse().unwrap()), ..settings() }
}

async fn ask(stand_in: &StandIn, request: &str, body: &str) -> Answer {
    let address = stand_in.control().unwrap();
    ask_as(address, request, &format!("Host: {address}"), body).await
}

async fn ask_as(address: SocketAddr, request: &str, fields: &str, body: &str) -> Answer {
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\n{fields}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}"
    );
    let mut octets = Vec::new();
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.read_to_end(&mut octets).await.unwrap();
    };
    timeout(PATIENCE, talk).await.unwrap();
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(octets[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: octets[end + 4..].to_vec() }
}

async fn logged_in(stand_in: &StandIn) -> Client {
    let mut client = Client::connect(stand_in.endpoints().plain, Pace::Whole).await;
    assert!(client.line().await.starts_with("220 "));
    login(&mut client).await;
    client
}

/// Has the stand-in accept a mail, and returns its message id.
async fn send(stand_in: &StandIn, recipient: &str, subject: &str) -> String {
    let mut client = logged_in(stand_in).await;
    client.envelope("<bounces@example.com>", &[recipient]).await;
    let message =
        format!("From: Billing <billing@example.com>\r\nSubject: {subject}\r\nX-SES-TENANT: t\r\n\r\n..\r\n");
    client.write(message.as_bytes()).await;
    client.ask(".").await.strip_prefix("250 Ok ").unwrap().to_owned()
}

#[tokio::test]
async fn mails_are_told_with_envelope_header_and_exact_octets() {
    let stand_in = StandIn::start(controlled()).await.unwrap();
    assert_eq!(ask(&stand_in, "GET /mails", "").await.json(), json!([]));
    let id = send(&stand_in, "<Ann@customer.test>", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n there").await;

    let mut mails = ask(&stand_in, "GET /mails", "").await.json();
    let mail = mails[0].as_object_mut().unwrap();
    let accepted_at: jiff::Timestamp = mail.remove("accepted_at").unwrap().as_str().unwrap().parse().unwrap();
    assert!(accepted_at.duration_until(jiff::Timestamp::now()).as_secs() < 60, "{accepted_at}");
    assert_eq!(mail.remove("session").unwrap().as_str().unwrap().len(), 20);
    let expected = json!([{
        "message_id": id,
        "sender": "bounces@example.com",
        "recipients": ["Ann@customer.test"],
        "from": "Billing <billing@example.com>",
        "subject": "Grüße there",
        "header": [
            ["From", "Billing <billing@example.com>"],
            ["Subject", "=?utf-8?q?Gr=C3=BC=C3=9Fe?= there"],
            ["X-SES-TENANT", "t"],
        ],
        "ses_fields": [["X-SES-TENANT", "t"]],
        "octets": 105,
        "client_name": "",
    }]);
    assert_eq!(mails, expected);

    assert_eq!(ask(&stand_in, &format!("GET /mails/{id}"), "").await.json()["message_id"], id);
    let message = ask(&stand_in, &format!("GET /mails/{id}/message"), "").await;
    assert!(message.head.to_lowercase().contains("content-type: message/rfc822"), "{}", message.head);
    assert_eq!(message.body, stand_in.mailbox().mails()[0].octets);
    assert!(message.text().ends_with("\r\n\r\n.\r\n"), "{}", message.text());

    let delivered = ask(&stand_in, &format!("GET /mails/{id}/delivered"), "").await;
    assert!(delivered.text().contains(&format!("Message-ID: <{id}@ap-northeast-1.amazonses.com>\r\n")));
    assert!(!delivered.text().contains("X-SES-TENANT"), "{}", delivered.text());

    assert_eq!(ask(&stand_in, "DELETE /mails", "").await.status, 204);
    assert_eq!(ask(&stand_in, "GET /mails", "").await.json(), json!([]));
    let gone = ask(&stand_in, &format!("GET /mails/{id}/message"), "").await;
    assert_eq!((gone.status, gone.text()), (404, &*format!("no mail `{id}` is kept\n")));
}

#[tokio::test]
async fn mails_are_picked_and_waited_for() {
    let stand_in = StandIn::start(controlled()).await.unwrap();
    for (recipient, subject) in [("<ann@c.test>", "Invoice 1"), ("<bob@c.test>", "Invoice 2")] {
        send(&stand_in, recipient, subject).await;
    }
    for (query, found) in [
        ("", 2),
        ("?recipient=ANN@c.test", 1),
        ("?sender=bounces@example.com&subject=Invoice", 2),
        ("?subject=Invoice%202", 1),
        ("?recipient=ann@c.test&subject=Invoice%202", 0),
        ("?at_least=2", 2),
    ] {
        let answer = ask(&stand_in, &format!("GET /mails{query}"), "").await;
        assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, found), "{query}");
    }
    let too_few = ask(&stand_in, "GET /mails?at_least=3&within=50ms", "").await;
    assert_eq!((too_few.status, too_few.json().as_array().unwrap().len()), (404, 2));

    let waiting = ask(&stand_in, "GET /mails?recipient=eve@c.test&at_least=1&within=30s", "");
    let (come, _) = tokio::join!(waiting, send(&stand_in, "<eve@c.test>", "late"));
    assert_eq!((come.status, come.json()[0]["subject"].clone()), (200, json!("late")));

    for (query, why) in [("within=5", "`5` is no duration"), ("subjekt=x", "unknown field `subjekt`")] {
        let answer = ask(&stand_in, &format!("GET /mails?{query}"), "").await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(why), "{}", answer.text());
    }
}

#[tokio::test]
async fn faults_are_added_all_or_none_and_counted() {
    let stand_in = StandIn::start(controlled()).await.unwrap();
    let refused = ask(&stand_in, "POST /faults", "mail=close\nmale=close").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().starts_with("`male` is no step; the steps are `any`, `connect`"));
    assert_eq!(ask(&stand_in, "GET /faults", "").await.json(), json!([]));

    assert_eq!(ask(&stand_in, "POST /faults", "noop*2=throttled\nquit*=reset\n").await.status, 204);
    logged_in(&stand_in).await.expect("NOOP", "454 Throttling failure: Maximum sending rate exceeded.").await;
    let struck = |fault: &str, struck: u64| json!({ "fault": fault, "struck": struck });
    assert_eq!(
        ask(&stand_in, "GET /faults", "").await.json(),
        json!([
            struck("noop=454 Throttling failure: Maximum sending rate exceeded.", 1),
            struck("quit*=reset", 0),
        ])
    );
    assert_eq!(
        ask(&stand_in, "GET /answers", "").await.json(),
        json!({ "454 Throttling failure: Maximum sending rate exceeded.": 1 })
    );
    assert_eq!(ask(&stand_in, "DELETE /faults", "").await.status, 204);
    assert_eq!(stand_in.faults().remaining(), []);
}

#[tokio::test]
async fn settings_are_changed_by_name_all_or_none() {
    let stand_in = StandIn::start(controlled()).await.unwrap();
    let before = ask(&stand_in, "GET /settings", "").await.json();
    let expected = json!({
        "identities": ["example.com"],
        "identities_allowed": null,
        "sending": "enabled",
        "reach": "anyone",
        "recipients_per_second_max": 14,
        "recipients_per_day_max": 50_000,
        "idle_timeout": "10s",
        "session_mails_max": 350,
        "session_full_at": "mail",
        "connections_max": 250,
        "connection_age_max": null,
        "message_octets_max": 41_943_040,
        "oversize": "answered",
        "extensions": "2026",
        "new_login_delay": "0s",
    });
    assert_eq!(before, expected);
    for (patch, why) in [
        (r#"{"sending": "paused"}"#, "unknown variant `paused`"),
        (r#"{"session_mails_max": 1, "speed": 1}"#, "unknown field `speed`"),
        (r#"{"idle_timeout": 10}"#, "invalid type"),
        ("[]", "invalid type"),
        ("x", "expected value"),
    ] {
        let answer = ask(&stand_in, "PATCH /settings", patch).await;
        assert_eq!(answer.status, 400, "{patch}");
        assert!(answer.text().contains(why), "{}", answer.text());
    }
    assert_eq!(ask(&stand_in, "GET /settings", "").await.json(), before);

    let patch = r#"{"sending": "suspended", "connection_age_max": "2m", "idle_timeout": "300ms"}"#;
    let after = ask(&stand_in, "PATCH /settings", patch).await.json();
    assert_eq!(
        (&after["sending"], &after["connection_age_max"], &after["idle_timeout"]),
        (&json!("suspended"), &json!("120s"), &json!("300ms"))
    );
    let mut client = logged_in(&stand_in).await;
    assert_eq!(client.line().await, "451 4.4.2 Timeout waiting for data from client.");
    let after = ask(&stand_in, "PATCH /settings", r#"{"connection_age_max": null}"#).await.json();
    assert_eq!(after["connection_age_max"], json!(null));
}

#[tokio::test]
async fn logins_come_and_go() {
    let stand_in = StandIn::start(controlled()).await.unwrap();
    let new = r#"{"user_name": "AKIANEW", "password": "new sesame"}"#;
    assert_eq!(ask(&stand_in, "POST /logins", new).await.status, 204);
    assert_eq!(ask(&stand_in, "GET /logins", "").await.json(), json!(["AKIASANDBOX", "AKIANEW"]));
    assert_eq!(ask(&stand_in, "DELETE /logins/AKIASANDBOX", "").await.status, 204);
    let mut client = Client::connect(stand_in.endpoints().plain, Pace::Whole).await;
    client.line().await;
    client
        .expect("AUTH PLAIN AEFLSUFTQU5EQk9YAG9wZW4gc2VzYW1l", "535 Authentication Credentials Invalid")
        .await;
    client.expect("AUTH PLAIN AEFLSUFORVcAbmV3IHNlc2FtZQ==", "235 Authentication successful.").await;
    assert_eq!(ask(&stand_in, "POST /logins", "{}").await.status, 400);
}

#[tokio::test]
async fn connections_are_dropped_and_it_is_restarted() {
    let any = "127.71.71.74:0".parse().unwrap();
    let endpoints = Endpoints { implicit_tls: any, starttls: any, plain: any };
    let stand_in = StandIn::start(Settings { endpoints, ..controlled() }).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    assert_eq!(ask(&stand_in, "DELETE /connections", "").await.status, 204);
    assert_eq!(client.end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);

    let mut client = logged_in(&stand_in).await;
    assert_eq!(ask(&stand_in, "POST /restart?away=100ms", "").await.status, 204);
    assert_eq!(client.line().await, "421 Service not available, closing transmission channel.");
    logged_in(&stand_in).await;
    assert_eq!(ask(&stand_in, "POST /restart?away=long", "").await.status, 400);
}

#[tokio::test]
async fn a_page_in_a_browser_reaches_nothing() {
    let stand_in = StandIn::start(controlled()).await.unwrap();
    let address = stand_in.control().unwrap();
    let port = address.port();
    for (fields, status) in [
        (format!("Host: localhost:{port}"), 200),
        (format!("Host: sandbox:{port}"), 200),
        (format!("Host: [::1]:{port}"), 200),
        ("Host: [::1]".to_owned(), 200),
        (format!("Host: rebound.example:{port}"), 403),
        (format!("Host: 127.0.0.1.rebound.example:{port}"), 403),
        (format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}"), 403),
        ("Host: localhost\r\nOrigin: null".to_owned(), 403),
    ] {
        assert_eq!(ask_as(address, "GET /settings", &fields, "").await.status, status, "{fields}");
    }
}

#[tokio::test]
async fn it_is_there_when_it_is_wanted_and_as_long_as_the_stand_in() {
    assert_eq!(StandIn::start(settings()).await.unwrap().control(), None);
    let stand_in = StandIn::start(controlled()).await.unwrap();
    let address = stand_in.control().unwrap();
    stand_in.stop().await;
    let closed = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, closed).await.unwrap();
}
