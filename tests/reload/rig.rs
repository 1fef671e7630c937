//! A relay that follows the files of a folder, the stand-in for SES behind it, and an application.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use sesgate::app::{App, Following, Reloader};
use sesgate::config::{self, Environment, Reading};
use sesgate::sandbox::{Settings, StandIn};
use sesgate::telemetry::JsonLines;
use sesgate::upstream::Roots;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

pub const ALLOW: &str = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Sending", "Effect": "Allow",
    "Action": "ses:SendRawEmail", "Resource": "*"}]}"#;
pub const DENY_HELLO: &str = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "NoHello", "Effect": "Deny",
    "Action": "ses:SendRawEmail", "Resource": "*",
    "Condition": {"StringEquals": {"ses:FromAddress": "hello@example.com"}}}]}"#;

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Rig {
    pub folder: TempDir,
    pub ses: StandIn,
    pub app: App,
    pub reloader: Arc<Reloader>,
}

/// An application on one connection.
pub struct Client(BufStream<TcpStream>);

impl Rig {
    /// With one policy, which allows sending, and settings beside those of the sections `ses` and `listener`.
    pub async fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policy")).unwrap();
        fs::write(folder.path().join("policy/allow.json"), ALLOW).unwrap();
        Self::start_in(folder, settings).await
    }

    pub async fn start_in(folder: TempDir, settings: &str) -> Self {
        let ses = StandIn::start(Settings::default()).await.unwrap();
        fs::write(folder.path().join("sesgate.toml"), configuration(&ses, settings)).unwrap();
        let source = source(folder.path(), &ses);
        let Reading { config, footprint } = source();
        let config = config.unwrap_or_else(|errors| panic!("{errors}"));
        let app = App::start(&config, Arc::new(JsonLines::new(std::io::sink()))).unwrap();
        let reloader = app.follow(Following { source: Arc::new(source), footprint, log_level: None });
        Self { folder, ses, app, reloader }
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    pub fn configure(&self, settings: &str) {
        self.write("sesgate.toml", &configuration(&self.ses, settings));
    }

    /// What is wrong, when nothing was reloaded.
    pub async fn problems(&self) -> Vec<String> {
        let before = self.app.generation();
        assert!(!self.reloader.reload().await, "it was reloaded");
        let after = self.app.generation();
        assert_eq!((before.number, before.since), (after.number, after.since));
        after.last_reload.unwrap().problems
    }

    pub async fn reload(&self) {
        assert!(self.reloader.reload().await, "{:?}", self.app.generation());
    }

    /// Until the files were noticed. Time passes at once where it is paused.
    pub async fn generation(&self, number: u64) {
        for _ in 0..600 {
            if self.app.generation().number == number {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("generation {number} never came: {:?}", self.app.generation());
    }

    pub fn address(&self) -> SocketAddr {
        self.app.addresses()[0]
    }

    /// What an application hears for a small mail.
    pub async fn send(&self) -> String {
        let mut client = Client::greeted(self.address()).await;
        client.send().await
    }
}

fn configuration(ses: &StandIn, settings: &str) -> String {
    let endpoint = ses.endpoints().implicit_tls;
    // What a test says of [ses] stands behind.
    format!(
        "{}\n[admin]\naddress = \"off\"\n[ses]\nregion = \"us-east-1\"\naccount_id = \"123456789012\"\nidentities = [\"example.com\"]\n\
         host = \"{}\"\nport = {}\nserver_name = \"email-smtp.us-east-1.amazonaws.com\"\n",
        if settings.contains("[[listener]]") {
            settings.to_owned()
        } else {
            format!("{settings}\n[[listener]]\naddress = \"127.0.0.1:0\"\n")
        },
        endpoint.ip(),
        endpoint.port(),
    )
}

fn source(folder: &Path, ses: &StandIn) -> impl Fn() -> Reading + use<> {
    let login = ses.login();
    let environment: Environment = [
        ("SESGATE_SES_USER_NAME", login.user_name.as_str()),
        ("SESGATE_SES_PASSWORD", login.password.expose()),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value.into()))
    .collect();
    let (path, authority) = (folder.join("sesgate.toml"), ses.ca_pem().as_bytes().to_vec());
    move || {
        let mut reading = config::read(Some(&path), &environment, None);
        if let Ok(config) = &mut reading.config {
            config.ses.roots = Roots::Pem(authority.clone());
        }
        reading
    }
}

impl Client {
    pub async fn greeted(address: SocketAddr) -> Self {
        let mut client = Self(BufStream::new(TcpStream::connect(address).await.unwrap()));
        let greeting = client.hear().await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        client
    }

    pub async fn ask(&mut self, command: &str) -> String {
        self.0.write_all(command.as_bytes()).await.unwrap();
        self.0.write_all(b"\r\n").await.unwrap();
        self.0.flush().await.unwrap();
        self.hear().await
    }

    /// One reply, all its lines; nothing at the end of the connection.
    pub async fn hear(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            timeout(PATIENCE, self.0.read_line(&mut line)).await.expect("nothing is said").unwrap();
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            reply.push_str(&line);
            if is_last {
                return reply;
            }
        }
    }

    /// Up to where the message is awaited.
    pub async fn begin(&mut self) {
        for command in ["EHLO app", "MAIL FROM:<hello@example.com>", "RCPT TO:<bob@example.net>"] {
            let reply = self.ask(command).await;
            assert!(reply.starts_with("250"), "{command}: {reply}");
        }
        assert!(self.ask("DATA").await.starts_with("354"));
    }

    pub async fn finish(&mut self) -> String {
        self.ask("From: hello@example.com\r\nSubject: hello\r\n\r\nHello\r\n.").await
    }

    pub async fn send(&mut self) -> String {
        self.begin().await;
        self.finish().await
    }
}
