//! `sesgate serve` as it ships, with what it logs, and what its clients hear.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longer than anything takes here; a test that waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Relay {
    process: Child,
    /// Audit records and log.
    lines: Receiver<String>,
    /// What neither may show.
    secret: &'static str,
    port: u16,
}

impl Relay {
    /// With settings of `[ses]` and whatever follows it. The certificate authority is in `ca.pem`.
    pub fn start(settings: &str, ca_pem: &str, variables: &[(&str, &str)], secret: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}]}"#;
        std::fs::write(folder.path().join("allow.json"), policy).unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca_pem).unwrap();
        let config = format!(
            r#"
            [[listener]]
            address = "127.0.0.1:0"
            [policy]
            files = ["allow.json"]
            [admin]
            address = "127.0.0.1:0"
            [log]
            format = "json"
            [ses]
            region = "us-east-1"
            account_id = "123456789012"
            identities = ["example.com"]
            ca_file = "ca.pem"
            {settings}
            "#
        );
        std::fs::write(folder.path().join("sesgate.toml"), config).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_sesgate"))
            .args(["serve", "--config"])
            .arg(folder.path().join("sesgate.toml"))
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let records = BufReader::new(process.stdout.take().unwrap()).lines();
        let of_records = sender.clone();
        std::thread::spawn(move || {
            records.map_while(Result::ok).for_each(|line| drop(of_records.send(line)));
        });
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            // The folder lives as long as the relay.
            let _folder = folder;
            log.map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut relay = Self { process, lines, secret, port: 0 };
        let listening = relay.hear("\"listening\"");
        let (_, port) = listening.split_once("127.0.0.1:").unwrap();
        relay.port = port.split('"').next().unwrap().parse().unwrap();
        relay
    }

    /// Waits for a line of the log, or for an audit record. None of them holds a secret.
    pub fn hear(&self, words: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("`{words}` is not logged: {heard:#?}"));
            heard.push(line.clone());
            assert!(!line.contains(self.secret), "{line}");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// A small mail. The last reply but that to QUIT tells what became of it.
    pub fn send(&self) -> String {
        self.send_message(&["b@example.org"], "From: a@example.com\r\nTo: b@example.org\r\n\r\nhello\r\n")
    }

    /// A message as it is in DATA, its dots stuffed.
    pub fn send_message(&self, recipients: &[&str], message: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let recipients = recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>\r\n"));
        let recipients = recipients.collect::<String>();
        let dialogue = format!("EHLO app\r\nMAIL FROM:<bounces@example.com>\r\n{recipients}DATA\r\n");
        let mut reply = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        stream.write_all(dialogue.as_bytes()).unwrap();
        while !reply.starts_with("354") {
            reply.clear();
            assert!(reader.read_line(&mut reply).unwrap() > 0, "the relay hangs up");
        }
        stream.write_all(format!("{message}.\r\nQUIT\r\n").as_bytes()).unwrap();
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
