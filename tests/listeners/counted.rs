//! What is counted of connections that come to nothing.

use std::time::Duration;

use rustls::version::TLS13;
use sesgate::admission::PasswordHash;
use sesgate::secret::Secret;
use tokio::time::sleep;

use crate::client::{Client, connector};
use crate::rig::{Authority, Rig};

impl Rig {
    /// Waits until the metrics say all of this: a connection ends a moment after its last reply.
    async fn counted(&self, lines: &[&str]) {
        let mut text = String::new();
        for _ in 0..200 {
            text = self.app.metrics().text();
            if lines.iter().all(|line| text.lines().any(|said| said == *line)) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("not all of {lines:#?} is in\n{text}");
    }
}

#[tokio::test]
async fn limits_logins_handshakes_and_replies_are_counted() {
    let authority = Authority::new();
    authority.issue_until("relay", &["localhost"], 2030);
    let hash = PasswordHash::new(&Secret::new("sesame".to_owned())).unwrap();
    let settings = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\nname = \"inside\"\ntls = \"starttls\"\n\
         certificate_files = [\"relay.pem\"]\nkey_files = [\"relay.pem\"]\nplaintext_login = true\n\
         [[app]]\nname = \"billing\"\nnetworks = [\"127.0.0.0/8\"]\n\
         [[app.logins]]\nuser_name = \"ann\"\npassword_hash = \"{}\"\n\
         [limits]\nconnections_per_address_max = 2\nerrors_max = 2\nlogin_failure_delay = \"0s\"\n",
        hash.as_str()
    );
    let rig = Rig::start(&authority, &settings).await;
    rig.counted(&[
        "sesgate_connections_open{} 0.0",
        r#"sesgate_limits_met_total{limit="limits.connections_max"} 0"#,
        "sesgate_messages_budget_octets{} 268435456.0",
        "sesgate_messages_held_octets{} 0.0",
        // 2030-01-01
        r#"sesgate_certificate_expiry_timestamp_seconds{listener="inside"} 1893456000.0"#,
    ])
    .await;

    let mut first = Client::greeted(rig.address()).await;
    let mut second = Client::greeted(rig.address()).await;
    assert!(Client::connect(rig.address()).await.hear().await.starts_with("421 "));
    rig.counted(&[
        r#"sesgate_limits_met_total{limit="limits.connections_per_address_max"} 1"#,
        r#"sesgate_connections_total{listener="inside"} 3"#,
        "sesgate_connections_open{} 2.0",
        r#"sesgate_replies_total{code="220"} 2"#,
        r#"sesgate_replies_total{code="421"} 1"#,
    ])
    .await;

    first.begin().await;
    first.say("From: app@example.com\r\n").await;
    rig.counted(&["sesgate_messages_held_octets{} 65536.0"]).await;
    drop(first);
    assert!(second.ask("EHLO app").await.starts_with("250"));
    // \0ann\0wrong and \0ann\0sesame
    for (response, code) in [("AGFubgB3cm9uZw==", "535 "), ("AGFubgBzZXNhbWU=", "235 ")] {
        assert!(second.ask(&format!("AUTH PLAIN {response}")).await.starts_with(code));
    }
    for expected in ["500 ", "421 4.7.0 Too many errors"] {
        assert!(second.ask("WHAT").await.starts_with(expected));
    }
    rig.counted(&[
        r#"sesgate_limits_met_total{limit="limits.errors_max"} 1"#,
        r#"sesgate_logins_total{outcome="accepted"} 1"#,
        r#"sesgate_logins_total{outcome="refused"} 1"#,
        r#"sesgate_replies_total{code="235"} 1"#,
        r#"sesgate_replies_total{code="500"} 1"#,
        "sesgate_messages_held_octets{} 0.0",
        "sesgate_connections_open{} 0.0",
        "sesgate_panics_total{} 0",
    ])
    .await;

    let stranger = Authority::named("another").certificate;
    let mut client = Client::greeted(rig.address()).await;
    assert!(client.ask("EHLO app").await.starts_with("250"));
    assert!(client.ask("STARTTLS").await.starts_with("220 "));
    client.secure("localhost", &connector(&stranger, &[&TLS13])).await.map(drop).unwrap_err();
    rig.counted(&[r#"sesgate_tls_handshakes_failed_total{reason="untrusted",alert="UnknownCA"} 1"#]).await;
}
