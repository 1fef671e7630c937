#![cfg(test)]
//! Apps over real sockets: real clients log in, or are known by the loopback address that they come from, and each
//! is judged by the policies that apply to it. `tests/apps/sesgate.toml` says who is who.

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use sesgate::app::App;
use sesgate::config;
use sesgate::sandbox::{Settings, StandIn};
use sesgate::telemetry::{AuditSink, Record};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;

const PASSWORD: &str = "correct horse";
const NETWORK: &str = "127.0.2.9";
const NOWHERE: &str = "127.0.3.9";

/// A relay and a stand-in for SES behind it.
struct Pair {
    app: App,
    stand_in: StandIn,
    audit: Arc<Audit>,
}

#[derive(Debug, Default)]
struct Audit(Mutex<Vec<serde_json::Value>>);

impl AuditSink for Audit {
    fn record(&self, record: &Record<'_>, _: &Arc<[u8]>) {
        self.0.lock().unwrap().push(serde_json::to_value(record).unwrap());
    }
}

/// A client that says a line and hears one.
struct Client(BufReader<TcpStream>);

impl Pair {
    async fn start() -> Self {
        let stand_in = Settings {
            region: "ap-northeast-1".to_owned(),
            recipients_per_second_max: 1000,
            ..Settings::default()
        };
        let stand_in = StandIn::start(stand_in).await.unwrap();
        let (ses, login) = (stand_in.endpoints().plain, stand_in.login());
        let variables = [
            ("SESGATE_SES_TLS", "none".to_owned()),
            ("SESGATE_SES_HOST", ses.ip().to_string()),
            ("SESGATE_SES_PORT", ses.port().to_string()),
            ("SESGATE_SES_USER_NAME", login.user_name.clone()),
            ("SESGATE_SES_PASSWORD", login.password.expose().to_owned()),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let config = config::load(Some("tests/apps/sesgate.toml".as_ref()), &variables);
        let audit = Arc::new(Audit::default());
        let app = App::start(&config.unwrap_or_else(|errors| panic!("{errors}")), audit.clone()).unwrap();
        Self { app, stand_in, audit }
    }

    fn open(&self) -> SocketAddr {
        self.app.addresses()[0]
    }

    fn strict(&self) -> SocketAddr {
        self.app.addresses()[1]
    }

    fn tls_only(&self) -> SocketAddr {
        self.app.addresses()[2]
    }

    /// The app of the last mail, and what it was told.
    fn last(&self) -> (String, String) {
        let records = self.audit.0.lock().unwrap();
        let last = records.last().expect("no mail was settled");
        (last["app"].as_str().unwrap().to_owned(), last["reply"].as_str().unwrap().to_owned())
    }
}

impl Client {
    /// Comes from that loopback address, and says EHLO.
    async fn connect(from: &str, to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        let mut client = Self(BufReader::new(socket.connect(to).await.unwrap()));
        assert!(client.hear().await.starts_with("220 "));
        assert!(client.say("EHLO app").await.starts_with("250 "));
        client
    }

    async fn say(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.hear().await
    }

    /// The last line of the reply.
    async fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    async fn log_in(&mut self, user: &str, password: &str) -> String {
        use base64::Engine;
        let message = format!("\0{user}\0{password}");
        self.say(&format!("AUTH PLAIN {}", base64::prelude::BASE64_STANDARD.encode(message))).await
    }

    /// The last word on a mail, whenever it comes.
    async fn send(&mut self, from: &str, to: &str) -> String {
        for command in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"), "DATA".to_owned()] {
            let reply = self.say(&command).await;
            if !reply.starts_with(['2', '3']) {
                return reply;
            }
        }
        self.say(&format!("From: {from}\r\nTo: {to}\r\n\r\nHello\r\n.")).await
    }
}

/// Sends one mail of `user`, from a client program that logs in.
async fn run(program: &str, mechanism: &str, relay: SocketAddr, user: &str, password: &str) -> Output {
    let (host, port) = (relay.ip().to_string(), relay.port().to_string());
    let sender = format!("{user}@example.com");
    let mut command = Command::new(program);
    match program {
        "python3" => command.args(["tests/apps/login.py", &host, &port, mechanism, user, password]),
        "curl" => {
            command.args(["--silent", "--show-error", "--max-time", "20", "--upload-file", "-"]);
            command.args(["--login-options", &format!("AUTH={mechanism}")]);
            command.args(["--user", &format!("{user}:{password}"), "--mail-from", &sender]);
            command.args(["--mail-rcpt", "bob@example.com", &format!("smtp://{relay}")])
        }
        "swaks" => {
            command.args(["--server", &host, "--port", &port, "--timeout", "20", "--from", &sender]);
            command.args(["--to", "bob@example.com", "--auth", mechanism, "--auth-user", user]);
            command.args(["--auth-password", password])
        }
        other => panic!("{other}"),
    };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let message = format!("From: {sender}\r\nTo: bob@example.com\r\n\r\nHello\r\n");
    // A program that reads no standard input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(message.as_bytes()).await;
    child.wait_with_output().await.unwrap()
}

/// All must be there where changes are checked; elsewhere those that are.
fn programs() -> Vec<&'static str> {
    let is_installed = |program: &&str| {
        let found = std::process::Command::new(program).arg("--version").output().is_ok();
        assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed");
        found
    };
    ["python3", "curl", "swaks"].into_iter().filter(is_installed).collect()
}

#[tokio::test]
async fn real_clients_log_in_and_hear_when_they_cannot() {
    let pair = Pair::start().await;
    let mut mails = 0;
    for program in programs() {
        for mechanism in ["PLAIN", "LOGIN"] {
            let output = run(program, mechanism, pair.open(), "billing", PASSWORD).await;
            assert!(output.status.success(), "{program} {mechanism}: {output:?}");
            mails += 1;
            let taken = pair.stand_in.mailbox().mails();
            assert_eq!(taken.len(), mails);
            let octets = String::from_utf8_lossy(&taken[mails - 1].octets).into_owned();
            assert!(octets.contains(" with ESMTPA id "), "{octets}");
            assert!(octets.contains("X-SES-MESSAGE-TAGS: app=billing, "), "{octets}");

            let output = run(program, mechanism, pair.open(), "billing", "wrong").await;
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(!output.status.success(), "{program} {mechanism}");
            // curl says only that the login was denied.
            assert!(said.contains("535") || said.contains("Login denied"), "{program} {mechanism}: {said}");
        }
    }
    pair.app.stop().await;
}

#[tokio::test]
async fn the_longest_network_says_who_a_client_is() {
    let pair = Pair::start().await;
    for (from, sender, expected) in [
        (NETWORK, "web@example.com", Ok("web")),
        ("127.0.2.1", "desk@example.com", Ok("desk")),
        // In the network of `web` too, but the longer one requires a login.
        ("127.0.2.70", "web@example.com", Err("530 5.7.0 Authentication required")),
        (NOWHERE, "web@example.com", Err("530 5.7.0 Authentication required")),
    ] {
        let heard = Client::connect(from, pair.open()).await.send(sender, "bob@customer.test").await;
        match expected {
            Ok(app) => {
                assert!(heard.starts_with("250 2.0.0 Ok "), "{from}: {heard}");
                assert_eq!(pair.last().0, app);
            }
            Err(reply) => assert_eq!(heard, reply, "{from}"),
        }
    }
    pair.app.stop().await;
}

#[tokio::test]
async fn a_login_goes_before_the_network_and_both_can_be_required() {
    let pair = Pair::start().await;
    let refused = "535 5.7.8 Authentication credentials invalid";
    for (from, user, password, expected) in [
        (NETWORK, "billing", PASSWORD, None),
        (NOWHERE, "billing", PASSWORD, None),
        (NOWHERE, "billing-next", "battery staple", None),
        (NOWHERE, "desk", PASSWORD, None),
        ("127.0.2.70", "payroll", PASSWORD, None),
        (NETWORK, "payroll", PASSWORD, Some(refused)),
        (NOWHERE, "payroll", PASSWORD, Some(refused)),
        (NOWHERE, "nobody", PASSWORD, Some(refused)),
        (NOWHERE, "Billing", PASSWORD, Some(refused)),
        (NOWHERE, "billing", "battery staple", Some(refused)),
    ] {
        let mut client = Client::connect(from, pair.open()).await;
        let heard = client.log_in(user, password).await;
        assert_eq!(heard, expected.unwrap_or("235 2.7.0 Authentication successful"), "{user} from {from}");
        if expected.is_none() {
            let app = user.trim_end_matches("-next");
            let heard = client.send(&format!("{app}@example.com"), "bob@example.com").await;
            assert!(heard.starts_with("250 2.0.0 Ok "), "{user} from {from}: {heard}");
            assert_eq!(pair.last().0, app);
        }
    }
    pair.app.stop().await;
}

#[tokio::test]
async fn each_app_is_judged_by_what_applies_to_it() {
    let pair = Pair::start().await;
    let mut web = Client::connect(NETWORK, pair.open()).await;
    let mut desk = Client::connect("127.0.2.1", pair.open()).await;
    let mut billing = Client::connect(NOWHERE, pair.open()).await;
    billing.log_in("billing", PASSWORD).await;

    // ${aws:username} is the app.
    for (client, app, other) in
        [(&mut web, "web", "billing"), (&mut desk, "desk", "web"), (&mut billing, "billing", "desk")]
    {
        let heard = client.send(&format!("{other}@example.com"), "bob@example.com").await;
        assert!(heard.contains("statement OnlyOwnAddress"), "{app}: {heard}");
    }
    // The tag of `web` alone, and a document that `billing` alone names.
    let (inside, outside, ok) = ("bob@example.com", "bob@customer.test", "250 ");
    for (client, sender, cases) in [
        (&mut web, "web@example.com", [(outside, ok), (inside, "statement ShopSendsToCustomersOnly")]),
        (&mut desk, "desk@example.com", [(outside, ok), (inside, ok)]),
        (&mut billing, "billing@example.com", [(outside, "statement BillingStaysInside"), (inside, ok)]),
    ] {
        for (to, expected) in cases {
            let heard = client.send(sender, to).await;
            assert!(heard.contains(expected), "{sender} to {to}: {heard}");
        }
    }

    let sets = pair.stand_in.mailbox().mails().into_iter().map(|mail| {
        let set = mail.ses_fields.iter().find(|(name, _)| name == "X-SES-CONFIGURATION-SET");
        (mail.summary.sender.clone(), set.map(|(_, set)| set.clone()))
    });
    let sets: Vec<_> = sets.filter(|(_, set)| set.is_some()).collect();
    assert_eq!(sets, [("web@example.com".to_owned(), Some("web-set".to_owned()))]);
    pair.app.stop().await;
}

#[tokio::test]
async fn a_listener_can_require_a_login_or_refuse_one_in_clear() {
    let pair = Pair::start().await;
    let mut client = Client::connect(NETWORK, pair.strict()).await;
    assert_eq!(client.say("MAIL FROM:<web@example.com>").await, "530 5.7.0 Authentication required");
    assert!(client.log_in("billing", PASSWORD).await.starts_with("235 "));
    assert!(client.send("billing@example.com", "bob@example.com").await.starts_with("250 "));

    let mut client = Client::connect(NETWORK, pair.tls_only()).await;
    let heard = client.log_in("billing", PASSWORD).await;
    assert_eq!(heard, "538 5.7.11 Encryption required: no password is taken in clear");
    assert!(client.send("web@example.com", "bob@customer.test").await.starts_with("250 "));
    pair.app.stop().await;
}
