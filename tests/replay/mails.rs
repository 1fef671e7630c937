//! Mails of every kind that policies can tell apart, sent to a relay, and what it records of them.

use std::fmt::Write;
use std::net::SocketAddr;

use proptest::prelude::{Just, Strategy, any, prop};
use proptest::prop_oneof;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sesgate::sandbox::StandIn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::relay::{Relay, account, way};

#[derive(Debug, Clone)]
struct Mail {
    reverse_path: String,
    recipients: Vec<String>,
    header: Vec<(&'static str, String)>,
    body_lines: usize,
}

fn sender() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => Just("app@mail1.tak1wa.com"),
        2 => Just("ceo@mail1.tak1wa.com"),
        1 => Just("app+${a}*@sub.mail1.tak1wa.com"),
        1 => Just("app?*@mail1.tak1wa.com"),
        1 => Just("lost@mail1.tak1wa.com"),
        1 => Just("app@unverified.example"),
    ]
    .prop_map(str::to_owned)
}

fn recipient() -> impl Strategy<Value = String> {
    let local = prop_oneof![Just("bob"), Just("Bob"), Just("$*?{}")];
    let domain =
        prop_oneof![6 => Just("example.com"), 2 => Just("example.net"), 1 => Just("elsewhere.example")];
    (local, 0..30_u8, domain).prop_map(|(local, number, domain)| format!("{local}{number}@{domain}"))
}

fn name() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof![
        4 => Just("Invoices".to_owned()),
        1 => Just("the boss".to_owned()),
        2 => "[ -~é営]{1,12}".prop_map(|name| format!("\"{}\"", name.replace(['\\', '"'], "\\\\"))),
    ])
}

fn mail() -> impl Strategy<Value = Mail> {
    let field = |name: &'static str, share: f64, value: fn() -> proptest::strategy::BoxedStrategy<String>| {
        prop::option::weighted(share, value()).prop_map(move |value| value.map(|value| (name, value)))
    };
    let from = (name(), sender(), any::<u8>()).prop_map(|(name, sender, luck)| match name {
        // No reader of the header agrees with another.
        _ if luck < 12 => Some(("From", format!("{sender}, {sender}"))),
        Some(name) => Some(("From", format!("{name} <{sender}>"))),
        None => Some(("From", sender)),
    });
    let fields = (
        from,
        field("To", 0.8, || recipient().boxed()),
        field("Cc", 0.2, || recipient().boxed()),
        field("Reply-To", 0.2, || recipient().boxed()),
        field("Sender", 0.2, || sender().boxed()),
        field("X-SES-CONFIGURATION-SET", 0.2, || {
            prop_oneof![Just("news"), Just("forbidden")].prop_map(str::to_owned).boxed()
        }),
    );
    let path = prop_oneof![4 => sender(), 1 => Just(String::new())];
    (path, prop::collection::vec(recipient(), 1..4), fields, 0..6_usize).prop_map(
        |(reverse_path, recipients, (a, b, c, d, e, f), body_lines)| {
            let header = [a, b, c, d, e, f].into_iter().flatten().collect();
            Mail { reverse_path, recipients, header, body_lines }
        },
    )
}

impl Mail {
    fn dialogue(&self) -> String {
        let mut dialogue = format!("EHLO app\r\nMAIL FROM:<{}>\r\n", self.reverse_path);
        for recipient in &self.recipients {
            write!(dialogue, "RCPT TO:<{recipient}>\r\n").unwrap();
        }
        dialogue.push_str("DATA\r\n");
        for (name, value) in &self.header {
            write!(dialogue, "{name}: {value}\r\n").unwrap();
        }
        dialogue
            + "\r\n"
            + &"A line of the body, of some length.\r\n".repeat(self.body_lines)
            + ".\r\nQUIT\r\n"
    }
}

async fn send(relay: SocketAddr, dialogue: &str) {
    let mut stream = TcpStream::connect(relay).await.unwrap();
    stream.write_all(dialogue.as_bytes()).await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert!(heard.contains("\r\n221 "), "{heard}");
}

/// The settings of the relay, as `key = value` lines of `[ses]` too.
const SETTINGS: [(&str, &str); 3] = [
    ("bounce_address", "bounces@mail1.tak1wa.com"),
    ("configuration_set", "usual"),
    ("pass_headers", "X-SES-CONFIGURATION-SET"),
];

/// A configuration that judges as the relay did that recorded.
pub fn config(policies: &str) -> String {
    let mut config = "[ses]\nregion = \"ap-northeast-1\"\naccount_id = \"123456789012\"\n\
                      identities = [\"mail1.tak1wa.com\"]\n"
        .to_owned();
    for (key, value) in SETTINGS {
        let value = if key == "pass_headers" { format!("[\"{value}\"]") } else { format!("\"{value}\"") };
        writeln!(config, "{key} = {value}").unwrap();
    }
    config + "[policy]\nfiles = [\"" + policies + "\"]\n"
}

/// What a relay with the policies of `tests/replay/policy` records of so many mails, a line each.
pub async fn recorded(mails: usize) -> String {
    let stand_in = StandIn::start(account()).await.unwrap();
    let mut settings = way("implicit", stand_in.endpoints().implicit_tls, &stand_in);
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/replay/policy/*.json");
    settings.push(("POLICY_FILES", policies.to_owned()));
    for (name, (_, value)) in
        ["SES_BOUNCE_ADDRESS", "SES_CONFIGURATION_SET", "SES_PASS_HEADERS"].into_iter().zip(SETTINGS)
    {
        settings.push((name, value.to_owned()));
    }
    let relay = Relay::start(None, settings, stand_in.ca_pem());
    let mut runner = TestRunner::default();
    for _ in 0..mails {
        let mail = mail().new_tree(&mut runner).unwrap().current();
        send(relay.address(), &mail.dialogue()).await;
    }
    let records = relay.records();
    relay.stop().await;
    stand_in.stop().await;
    records.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n"
}

pub fn count(lines: &str, is_counted: impl Fn(&serde_json::Value) -> bool) -> usize {
    lines.lines().filter(|line| is_counted(&serde_json::from_str(line).unwrap())).count()
}
