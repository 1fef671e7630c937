//! Clients that show who they are by a certificate.

use rcgen::SanType;
use rustls::version::{TLS12, TLS13};

use crate::client::{Client, connector, connector_showing};
use crate::rig::{Authority, Rig};

const IMPLICIT: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"implicit\"\n";
const STARTTLS: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"starttls\"\n";
const FILES: &str = "certificate_files = [\"relay.pem\"]\nclient_ca_file = \"ca.pem\"\n";
const OPTIONAL: &str = "client_certificate = \"optional\"\n";
const REQUIRED: &str = "client_certificate = \"required\"\n";
const APPS: &str = r#"
    [[app]]
    name = "billing"
    certificates = ["spiffe://prod/billing", "DNS:billing.internal"]
    [[app]]
    name = "payroll"
    networks = ["127.0.0.0/8"]
    certificates = ["DNS:payroll.internal"]
    require = ["network", "certificate"]
    [[app]]
    name = "far"
    networks = ["10.9.8.0/24"]
    certificates = ["DNS:far.internal"]
    require = ["network", "certificate"]
"#;
const UNKNOWN: &str = "550 5.7.1 No app is known at 127.0.0.1\r\n";

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

fn authority() -> Authority {
    let authority = Authority::new();
    authority.issue("relay", &["localhost"]);
    authority
}

#[tokio::test]
async fn a_name_in_the_certificate_says_which_app_the_client_is() {
    let authority = authority();
    let rig = Rig::start(&authority, &[IMPLICIT, FILES, OPTIONAL, APPS].concat()).await;
    let mut sent = 0;
    for version in [&TLS12, &TLS13] {
        for (names, app) in [
            (vec![uri("spiffe://prod/billing")], Some("billing")),
            (vec![dns("Billing.INTERNAL"), dns("elsewhere.internal")], Some("billing")),
            (vec![dns("payroll.internal")], Some("payroll")),
            (vec![dns("far.internal")], None),
            (vec![dns("payroll.internal"), uri("spiffe://prod/billing")], None),
            (vec![dns("*.internal")], None),
            (vec![uri("spiffe://prod/billing/more")], None),
            // Its common name is that of an app.
            (vec![], None),
        ] {
            let shown = authority.issue_to_client(names, 2100);
            let tls = connector_showing(&authority.certificate, &shown, &[version]);
            let mut client = Client::connect(rig.address()).await.secure("localhost", &tls).await.unwrap();
            assert!(client.hear().await.starts_with("220 "));
            match app {
                None => {
                    client.ask("EHLO app").await;
                    assert_eq!(client.ask("MAIL FROM:<app@example.com>").await, UNKNOWN);
                }
                Some(app) => {
                    assert!(client.send().await.starts_with("250 "), "{app}");
                    sent += 1;
                    let mails = rig.stand_in.mailbox().wait_for(sent).await;
                    let octets = String::from_utf8_lossy(&mails.last().unwrap().octets).into_owned();
                    assert!(octets.contains(&format!("X-SES-MESSAGE-TAGS: app={app}, ")), "{octets}");
                    assert!(octets.contains(" with ESMTPS id "), "{octets}");
                }
            }
        }
        let tls = connector(&authority.certificate, &[version]);
        let mut client = Client::connect(rig.address()).await.secure("localhost", &tls).await.unwrap();
        client.hear().await;
        client.ask("EHLO app").await;
        assert_eq!(client.ask("MAIL FROM:<app@example.com>").await, UNKNOWN);
    }
}

#[tokio::test]
async fn a_certificate_counts_from_starttls_on() {
    let authority = authority();
    let rig = Rig::start(&authority, &[STARTTLS, FILES, REQUIRED, APPS].concat()).await;
    let mut client = Client::greeted(rig.address()).await;
    client.ask("EHLO app").await;
    let in_clear = client.ask("MAIL FROM:<app@example.com>").await;
    assert_eq!(in_clear, "530 5.7.0 Must issue a STARTTLS command first\r\n");
    client.ask("STARTTLS").await;
    let shown = authority.issue_to_client(vec![uri("spiffe://prod/billing")], 2100);
    let tls = connector_showing(&authority.certificate, &shown, &[&TLS13]);
    let mut client = client.secure("localhost", &tls).await.unwrap();
    assert!(client.send().await.starts_with("250 "));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_ends_the_handshake() {
    let (authority, other) = (authority(), Authority::named("other"));
    let billing = || vec![uri("spiffe://prod/billing")];
    for (showing, shown, why) in [
        (OPTIONAL, Some(other.issue_to_client(billing(), 2100)), "no authority of `client_ca_file` vouches"),
        (OPTIONAL, Some(authority.issue_to_client(billing(), 2001)), "the client's certificate has expired"),
        (REQUIRED, Some(other.issue_to_client(billing(), 2100)), "no authority of `client_ca_file` vouches"),
        (REQUIRED, None, "the client showed no certificate"),
    ] {
        for version in [&TLS12, &TLS13] {
            let rig = Rig::start(&authority, &[IMPLICIT, FILES, showing, APPS].concat()).await;
            let tls = match &shown {
                Some(shown) => connector_showing(&authority.certificate, shown, &[version]),
                None => connector(&authority.certificate, &[version]),
            };
            // In TLS 1.3 the client has done its part before the relay looks at the certificate.
            if let Ok(mut client) = Client::connect(rig.address()).await.secure("localhost", &tls).await {
                assert_eq!(client.hear().await, "");
            }
            rig.log.line(&["WARN", "127.0.0.1", why]).await;
        }
    }
}

#[tokio::test]
async fn a_certificate_is_shown_anew_on_each_connection() {
    let authority = authority();
    let rig = Rig::start(&authority, &[IMPLICIT, FILES, REQUIRED, APPS].concat()).await;
    let shown = authority.issue_to_client(vec![uri("spiffe://prod/billing")], 2100);
    for version in [&TLS12, &TLS13] {
        let tls = connector_showing(&authority.certificate, &shown, &[version]);
        for _ in 0..3 {
            let mut client = Client::connect(rig.address()).await.secure("localhost", &tls).await.unwrap();
            // With the greeting comes what a session could be resumed by.
            assert!(client.hear().await.starts_with("220 "));
            assert!(!client.is_resumed(), "{version:?}");
        }
    }
}

#[tokio::test]
async fn authorities_are_renewed_and_no_session_brings_back_the_old_ones() {
    let (authority, other) = (authority(), Authority::named("other"));
    let rig = Rig::start(&authority, &[IMPLICIT, FILES, REQUIRED, APPS].concat()).await;
    let show = |by: &Authority| {
        let shown = by.issue_to_client(vec![uri("spiffe://prod/billing")], 2100);
        [&TLS12, &TLS13].map(|version| connector_showing(&authority.certificate, &shown, &[version]))
    };
    let is_let_in = async |tls| match Client::connect(rig.address()).await.secure("localhost", tls).await {
        Ok(mut client) => client.hear().await.starts_with("220 "),
        Err(_) => false,
    };
    let (before, after) = (show(&authority), show(&other));
    for tls in &before {
        assert!(is_let_in(tls).await);
    }
    std::fs::copy(other.folder.path().join("ca.pem"), authority.folder.path().join("ca.pem")).unwrap();
    assert!(rig.reloader.reload().await);
    for (old, new) in before.iter().zip(&after) {
        assert!(!is_let_in(old).await);
        assert!(is_let_in(new).await);
    }
    std::fs::write(authority.folder.path().join("ca.pem"), "half a file").unwrap();
    assert!(!rig.reloader.reload().await);
    rig.log.line(&["ERROR", "ca.pem"]).await;
    assert!(is_let_in(&after[1]).await);
}
