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

const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
const ENVELOPE: &str = "EHLO app\r\nMAIL FROM:<app@example.com>\r\nRCPT TO:<bob@example.net>\r\n";
const MESSAGE: &str = "DATA\r\nFrom: app@example.com\r\n\r\n.\r\n";
const TOO_LARGE: &str = "EHLO app\r\nMAIL FROM:<app@example.com> SIZE=65537\r\n";
/// `\0ann\0wrong`
const WRONG_LOGIN: &str = "EHLO app\r\nAUTH PLAIN AGFubgB3cm9uZw==\r\n";

/// A limit, how a client meets it, and what it hears then.
struct Meeting {
    limit: &'static str,
    value: &'static str,
    /// Beside the limit.
    settings: String,
    words: String,
    heard: &'static str,
}

/// Those of one client that does not have to wait for long.
fn meetings() -> Vec<Meeting> {
    let hash = PasswordHash::new(&Secret::new("sesame".to_owned())).unwrap();
    let app = "plaintext_login = true\n[[app]]\nname = \"billing\"\nnetworks = [\"127.0.0.0/8\"]\n";
    let login = format!("{app}logins = [{{ user_name = \"ann\", password_hash = \"{}\" }}]\n", hash.as_str());
    let behind = "proxy = \"required\"\nproxy_from = [\"127.0.0.1\"]\n";
    let tls = "tls = \"implicit\"\ncertificate_files = [\"relay.pem\"]\n";
    let meeting = |limit, value, settings: &str, words: &str, heard| {
        let (settings, words) = (format!("{LISTENER}{settings}"), words.to_owned());
        Meeting { limit, value, settings, words, heard }
    };
    let recipients = |count: u32| {
        let recipients = (0..count).map(|number| format!("RCPT TO:<{number}@example.net>\r\n"));
        format!("{ENVELOPE}{}", recipients.collect::<String>())
    };
    let long = "x".repeat(4096);
    let data = format!("{ENVELOPE}DATA\r\n");
    let two_mails = format!("{}{MESSAGE}{ENVELOPE}{MESSAGE}", recipients(49));
    let fields = format!("{data}{}.\r\n", "A: b\r\n".repeat(21));
    vec![
        meeting(
            "app.mails_per_minute",
            "1",
            app,
            &format!("{ENVELOPE}RSET\r\n{ENVELOPE}"),
            "451 4.7.1 Your app",
        ),
        meeting("app.recipients_per_day", "50", app, &two_mails, "451 4.7.1 The application may"),
        meeting("limits.proxy_timeout", "\"100ms\"", behind, "", "421 4.7.0 "),
        meeting("limits.tls_timeout", "\"100ms\"", tls, "", ""),
        meeting("limits.idle_timeout", "\"1s\"", "", "", "421 4.4.2 Nothing came"),
        meeting("limits.message_timeout", "\"1s\"", "", &data, "421 4.4.2 The message came"),
        meeting("limits.command_octets_max", "512", "", &format!("NOOP {long}\r\n"), "500 5.5.2 "),
        meeting("limits.commands_max", "100", "", &"NOOP\r\n".repeat(101), "421 4.7.0 Too many commands"),
        meeting("limits.errors_max", "1", "", "WHAT\r\nWHAT\r\n", "421 4.7.0 Too many errors"),
        meeting("limits.logins_failed_max", "1", &login, WRONG_LOGIN, "421 4.7.0 Too many failed"),
        meeting(
            "limits.login_failures_max",
            "1",
            &login,
            &WRONG_LOGIN.repeat(2),
            "454 4.7.0 Too many failed",
        ),
        meeting("limits.recipients_max", "100", "", &recipients(100), "452 4.5.3 "),
        meeting("limits.header_octets_max", "4096", "", &format!("{data}A: {long}\r\n.\r\n"), "552 5.3.4 "),
        meeting("limits.header_fields_max", "20", "", &fields, "554 5.6.0 "),
        meeting("limits.message_octets_max", "65536", "", TOO_LARGE, "552 5.3.4 "),
    ]
}

#[tokio::test]
async fn a_limit_that_is_met_is_counted_by_its_setting() {
    let authority = Authority::new();
    authority.issue("relay", &["localhost"]);
    for Meeting { limit, value, settings, words, heard } in meetings() {
        let (section, key) = limit.split_once('.').unwrap();
        let header = if section == "app" { "" } else { "[limits]\n" };
        let rig = Rig::start(&authority, &format!("{settings}{header}{key} = {value}\n")).await;
        let mut client = Client::connect(rig.address()).await;
        client.say(&words).await;
        loop {
            let reply = client.hear().await;
            if reply.starts_with(heard) {
                break;
            }
            assert!(!reply.is_empty(), "{limit}: `{heard}` is not said");
        }
        rig.counted(&[&format!("sesgate_limits_met_total{{limit=\"{limit}\"}} 1")]).await;
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
