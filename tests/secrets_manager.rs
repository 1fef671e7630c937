#![cfg(test)]
#![cfg(feature = "aws")]
//! The logins of SES come from AWS Secrets Manager: the program as it ships, an emulation of AWS, and the stand-in.

#[path = "moto/mod.rs"]
mod moto;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_secretsmanager::{Client, Config};
use moto::Moto;
use sesgate::sandbox::{Login, Settings, StandIn};
use sesgate::secret::Secret;

/// Longer than anything takes here; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn client(moto: &Moto) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&moto.endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    Client::from_conf(config)
}

fn login(name: &str) -> Login {
    Login { user_name: name.to_owned(), password: Secret::new(format!("secret of {name}")) }
}

fn text(name: &str) -> String {
    format!(r#"{{"user_name": "{name}", "password": "secret of {name}"}}"#)
}

/// `sesgate serve`, and what it logs.
struct Relay {
    process: Child,
    log: std::sync::mpsc::Receiver<String>,
    port: u16,
}

impl Relay {
    fn start(moto: &Moto, secret: &str, ses: &StandIn) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}]}"#;
        std::fs::write(folder.path().join("allow.json"), policy).unwrap();
        std::fs::write(folder.path().join("ca.pem"), ses.ca_pem()).unwrap();
        let endpoint = ses.endpoints().implicit_tls;
        let config = format!(
            r#"
            [[listener]]
            address = "127.0.0.1:0"
            [ses]
            region = "us-east-1"
            account_id = "123456789012"
            identities = ["example.com"]
            host = "{}"
            port = {}
            server_name = "email-smtp.us-east-1.amazonaws.com"
            ca_file = "ca.pem"
            user_name = {{ secretsmanager = "{secret}", key = "user_name" }}
            password = {{ secretsmanager = "{secret}", key = "password" }}
            secrets_interval = "1s"
            connection_mails_max = 1
            [policy]
            files = ["allow.json"]
            [admin]
            address = "127.0.0.1:0"
            [log]
            format = "json"
            "#,
            endpoint.ip(),
            endpoint.port()
        );
        std::fs::write(folder.path().join("sesgate.toml"), config).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_sesgate"))
            .args(["serve", "--config"])
            .arg(folder.path().join("sesgate.toml"))
            .envs(moto.variables())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, log) = std::sync::mpsc::channel();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            // The folder lives as long as the relay.
            let _folder = folder;
            lines.map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut relay = Self { process, log, port: 0 };
        let listening = relay.hear("\"listening\"");
        let (_, port) = listening.split_once("127.0.0.1:").unwrap();
        relay.port = port.split('"').next().unwrap().parse().unwrap();
        relay
    }

    /// Waits for a line of the log. None of them holds a secret.
    fn hear(&self, words: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        loop {
            let line = self.log.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("`{words}` is not logged: {heard:#?}"));
            heard.push(line.clone());
            assert!(!line.contains("secret of"), "{line}");
            if line.contains(words) {
                return line;
            }
        }
    }

    fn send(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let dialogue = "EHLO app\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
        let mut reply = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        stream.write_all(dialogue.as_bytes()).unwrap();
        while !reply.starts_with("354") {
            reply.clear();
            assert!(reader.read_line(&mut reply).unwrap() > 0, "the relay hangs up");
        }
        stream.write_all(b"From: a@example.com\r\nTo: b@example.org\r\n\r\nhello\r\n.\r\nQUIT\r\n").unwrap();
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// The relay is waited for without the runtime's knowledge, and the stand-in goes on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_asked_for_again_and_the_version_before_is_the_last_resort() {
    let Some(moto) = Moto::shared() else { return };
    let aws = client(moto);
    let ses = StandIn::start(Settings { login: Some(login("first")), ..Settings::default() }).await.unwrap();

    // The relay runs before there is a secret: it says so, takes no mail, and finds it by itself.
    let relay = Relay::start(moto, "ses-login", &ses);
    relay.hear("`ses-login` in Secrets Manager cannot be read");
    assert!(relay.send().starts_with("451 4.3.0 "));
    aws.create_secret().name("ses-login").secret_string(text("first")).send().await.unwrap();
    relay.hear("Amazon SES takes the login");
    assert!(relay.send().starts_with("250 2.0.0 "));

    // The next one is not yet known to SES.
    aws.put_secret_value().secret_id("ses-login").secret_string(text("second")).send().await.unwrap();
    relay.hear("it is used as soon as Amazon SES takes it");
    relay.hear("Amazon SES refuses a login");
    assert!(relay.send().starts_with("250 2.0.0 "));

    // A relay that starts now has the version before.
    let another = Relay::start(moto, "ses-login", &ses);
    another.hear("Amazon SES refuses a login");
    assert!(another.send().starts_with("250 2.0.0 "));

    ses.add_login(login("second"));
    ses.remove_login("first");
    for relay in [&relay, &another] {
        relay.hear("Amazon SES takes the login");
        assert!(relay.send().starts_with("250 2.0.0 "));
    }

    // What is no login replaces nothing.
    aws.put_secret_value().secret_id("ses-login").secret_string("{}").send().await.unwrap();
    relay.hear("is a JSON object without a text named `user_name`");
    assert!(relay.send().starts_with("250 2.0.0 "));
}
