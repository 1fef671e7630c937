//! TLS towards applications.

use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, connector};
use crate::rig::{Authority, Rig};

const STARTTLS: &str =
    "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"starttls\"\ncertificate_files = [\"relay.pem\"]\n";
const REQUIRED: &str = "require_tls = true\n";
const IMPLICIT: &str =
    "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"implicit\"\ncertificate_files = [\"relay.pem\"]\n";

fn authority() -> Authority {
    let authority = Authority::new();
    authority.issue("relay", &["localhost", "127.0.0.1"]);
    authority
}

#[tokio::test]
async fn mail_goes_through_starttls_and_implicit_tls_of_both_versions() {
    let authority = authority();
    for version in [&TLS12, &TLS13] {
        let tls = connector(&authority.certificate, &[version]);

        let rig = Rig::start(&authority, STARTTLS).await;
        let mut client = Client::greeted(rig.address()).await;
        assert!(client.ask("EHLO app").await.contains("STARTTLS"));
        assert_eq!(client.ask("STARTTLS").await, "220 2.0.0 Ready to start TLS\r\n");
        let mut client = client.secure("127.0.0.1", &tls).await.unwrap();
        assert_eq!(client.ask("MAIL FROM:<app@example.com>").await, "503 5.5.1 Send EHLO first\r\n");
        assert!(!client.ask("EHLO app").await.contains("STARTTLS"));
        assert!(client.send().await.starts_with("250 2.0.0 Ok "));
        assert_eq!(client.ask("QUIT").await, "221 2.0.0 Bye\r\n");
        assert_eq!(client.hear().await, "");
        assert_eq!(rig.audited(), ["127.0.0.1 default tls=true 250"]);
        let mails = rig.stand_in.mailbox().wait_for(1).await;
        let octets = String::from_utf8_lossy(&mails[0].octets).into_owned();
        assert!(octets.contains(" with ESMTPS id "), "{octets}");

        let rig = Rig::start(&authority, IMPLICIT).await;
        let client = Client::connect(rig.address()).await;
        let mut client = client.secure("localhost", &tls).await.unwrap();
        assert!(client.hear().await.starts_with("220 "));
        assert!(client.send().await.starts_with("250 2.0.0 Ok "));
        // Two mails on one connection, the second after the first was answered.
        assert!(client.send().await.starts_with("250 2.0.0 Ok "));
    }
}

#[tokio::test]
async fn in_clear_a_mail_says_so_and_is_refused_where_tls_is_required() {
    let authority = authority();
    let rig = Rig::start(&authority, STARTTLS).await;
    assert!(Client::greeted(rig.address()).await.send().await.starts_with("250 "));
    assert_eq!(rig.audited(), ["127.0.0.1 default tls=false 250"]);

    let rig = Rig::start(&authority, &format!("{STARTTLS}{REQUIRED}")).await;
    let mut client = Client::greeted(rig.address()).await;
    client.ask("EHLO app").await;
    let refused = client.ask("MAIL FROM:<app@example.com>").await;
    assert_eq!(refused, "530 5.7.0 Must issue a STARTTLS command first\r\n");
    assert_eq!(client.ask("DATA").await, "503 5.5.1 Send MAIL FROM first\r\n");
    client.ask("STARTTLS").await;
    let mut client = client.secure("localhost", &connector(&authority.certificate, &[&TLS13])).await.unwrap();
    assert!(client.send().await.starts_with("250 "));
}

#[tokio::test]
async fn the_certificate_is_the_one_for_the_name_that_the_client_asks_for() {
    let authority = Authority::new();
    let first = authority.issue("relay", &["relay.example.com", "127.0.0.1"]);
    let second = authority.issue("other", &["other.example.com", "*.apps.example.com"]);
    let settings = IMPLICIT.replace("[\"relay.pem\"]", "[\"relay.pem\", \"other.pem\"]");
    let rig = Rig::start(&authority, &settings).await;
    let tls = connector(&authority.certificate, &[&TLS13]);
    for (name, expected) in [
        ("relay.example.com", &first),
        ("other.example.com", &second),
        ("billing.apps.example.com", &second),
        // A client that connects by address names none.
        ("127.0.0.1", &first),
    ] {
        let client = Client::connect(rig.address()).await.secure(name, &tls).await.unwrap();
        assert_eq!(client.certificate(), *expected, "{name}");
    }
    let stranger = Client::connect(rig.address()).await.secure("stranger.example.com", &tls).await;
    assert!(stranger.is_err());
}

/// CVE-2011-0411. What an attacker puts between client and relay, before the handshake, in clear.
#[tokio::test]
async fn what_is_sent_in_clear_behind_starttls_is_never_obeyed() {
    let authority = authority();
    let rig = Rig::start(&authority, STARTTLS).await;
    let injected = "EHLO mallory\r\nMAIL FROM:<app@example.com>\r\n";

    let mut client = Client::greeted(rig.address()).await;
    client.ask("EHLO app").await;
    let refused = client.ask(&format!("STARTTLS\r\n{injected}")).await;
    assert!(refused.starts_with("503 5.5.1 Nothing may be sent behind STARTTLS"), "{refused}");
    assert_eq!(client.hear().await, "");

    // In a packet of its own it is no TLS record, and ends the handshake.
    let mut client = Client::greeted(rig.address()).await;
    client.ask("EHLO app").await;
    client.ask("STARTTLS").await;
    client.say(injected).await;
    let secured = client.secure("localhost", &connector(&authority.certificate, &[&TLS13])).await;
    assert!(secured.is_err());
    rig.log.line(&["WARN", "the TLS handshake failed", "the client does not speak TLS"]).await;
}

#[tokio::test]
async fn tls_before_1_2_is_refused() {
    let authority = authority();
    let rig = Rig::start(&authority, IMPLICIT).await;
    // A ClientHello of TLS 1.1 with ECDHE-RSA-AES128-SHA; signature_algorithms, since others would do as well.
    let extensions = [0, 8, 0, 0x0d, 0, 4, 0, 2, 4, 3];
    let hello = [&[3, 2][..], &[7; 32], &[0, 0, 2, 0xc0, 0x13, 1, 0], &extensions].concat();
    let length = u8::try_from(hello.len()).unwrap();
    let record = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
    let mut stream = TcpStream::connect(rig.address()).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    // A fatal alert: protocol_version.
    assert!(matches!(heard.as_slice(), [21, 3, _, 0, 2, 2, 70]), "{heard:?}");
    rig.log.line(&["WARN", "no TLS version or cipher suite in common"]).await;
}

#[tokio::test]
async fn a_failed_handshake_tells_the_operator_who_and_why() {
    let authority = authority();
    let rig = Rig::start(&authority, STARTTLS).await;
    // Another authority, and one of the same name with another key.
    let strangers = [Authority::named("strangers"), Authority::new()];
    for (version, stranger) in [&TLS12, &TLS13]
        .into_iter()
        .flat_map(|version| strangers.iter().map(move |stranger| (version, stranger)))
    {
        let mut client = Client::greeted(rig.address()).await;
        client.ask("EHLO app").await;
        client.ask("STARTTLS").await;
        let stream = client.into_inner();
        let address = stream.local_addr().unwrap().to_string();
        let tls = connector(&stranger.certificate, &[version]);
        assert!(Client::new(stream).secure("localhost", &tls).await.is_err());
        let line = rig.log.line(&[&address, "the client does not trust the certificate"]).await;
        assert!(
            line.contains("WARN") && line.contains("received fatal alert") && line.contains("default"),
            "{line}"
        );
    }
    assert!(Client::greeted(rig.address()).await.send().await.starts_with("250 "));
}

#[tokio::test]
async fn on_an_implicit_tls_listener_smtp_in_clear_is_an_error_and_a_port_check_is_none() {
    let authority = authority();
    let rig = Rig::start(&authority, IMPLICIT).await;
    drop(TcpStream::connect(rig.address()).await.unwrap());

    let mut client = Client::connect(rig.address()).await;
    client.say("EHLO app\r\n").await;
    client.hear().await;
    rig.log.line(&["WARN", "the client does not speak TLS"]).await;
    let warnings = rig.log.text().lines().filter(|line| line.contains("WARN")).count();
    assert_eq!(warnings, 1, "{}", rig.log.text());
}

#[tokio::test]
async fn where_tls_is_implicit_nothing_is_ever_said_in_clear() {
    let authority = authority();
    for limit in ["connections_max", "connections_per_address_max"] {
        let rig = Rig::start(&authority, &format!("{IMPLICIT}[limits]\n{limit} = 1\n")).await;
        let tls = connector(&authority.certificate, &[&TLS13]);
        let mut first = Client::connect(rig.address()).await.secure("localhost", &tls).await.unwrap();
        assert!(first.hear().await.starts_with("220 "));
        assert_eq!(Client::connect(rig.address()).await.hear().await, "", "{limit}");
    }
}

#[tokio::test]
async fn a_handshake_has_its_time() {
    let authority = authority();
    for listener in [STARTTLS, IMPLICIT] {
        let settings = format!("{listener}\n[limits]\ntls_timeout = \"100ms\"\n");
        let rig = Rig::start(&authority, &settings).await;
        let mut client = Client::connect(rig.address()).await;
        if listener == STARTTLS {
            client.hear().await;
            client.ask("STARTTLS").await;
        }
        assert_eq!(client.hear().await, "");
        rig.log.line(&["WARN", "the TLS handshake failed: it took too long"]).await;
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_from_then_on_and_a_broken_one_never() {
    let authority = Authority::new();
    let first = authority.issue("relay", &["localhost"]);
    let rig = Rig::start(&authority, IMPLICIT).await;
    let shown = async || {
        // One that has no session to resume.
        let tls = connector(&authority.certificate, &[&TLS13]);
        let client = Client::connect(rig.address()).await.secure("localhost", &tls).await.unwrap();
        client.certificate().into_owned()
    };
    assert_eq!(shown().await, first);
    let tls = connector(&authority.certificate, &[&TLS13]);
    let mut old = Client::connect(rig.address()).await.secure("localhost", &tls).await.unwrap();

    let second = authority.issue("relay", &["localhost"]);
    assert_eq!(shown().await, first);
    assert!(rig.reloader.reload().await);
    rig.log.line(&["INFO", "reloaded", "listener"]).await;
    assert_eq!(shown().await, second);
    assert!(old.hear().await.starts_with("220 "));

    std::fs::write(authority.folder.path().join("relay.pem"), "half a file").unwrap();
    assert!(!rig.reloader.reload().await);
    rig.log.line(&["ERROR", "relay.pem", "cannot be used"]).await;
    assert_eq!(shown().await, second);
}

#[tokio::test]
async fn an_expired_certificate_is_used_and_warned_of() {
    let authority = Authority::new();
    authority.issue_until("relay", &["localhost"], 2001);
    let rig = Rig::start(&authority, STARTTLS).await;
    rig.log.line(&["WARN", "relay.pem", "the certificate has expired"]).await;
    assert!(Client::greeted(rig.address()).await.ask("EHLO app").await.contains("STARTTLS"));
}
