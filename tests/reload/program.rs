//! The program itself: a signal, its log, its level.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use sesgate::sandbox::{Settings, StandIn};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::rig::{ALLOW, Client, DENY_HELLO};

const PATIENCE: Duration = Duration::from_mins(1);

/// `sesgate serve` on the files of a folder.
struct Running {
    folder: TempDir,
    ses: StandIn,
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Running {
    /// It has said that SES takes its login.
    async fn start() -> Self {
        let (folder, ses) =
            (tempfile::tempdir().unwrap(), StandIn::start(Settings::default()).await.unwrap());
        fs::write(folder.path().join("ca.pem"), ses.ca_pem()).unwrap();
        fs::write(folder.path().join("password"), ses.login().password.expose()).unwrap();
        fs::write(folder.path().join("allow.json"), ALLOW).unwrap();
        configure(folder.path(), &ses, "info");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
        command.args(["serve", "--config"]).arg(folder.path().join("sesgate.toml")).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let smtp = address(&says(&mut log, "\"listening\"").await);
        let admin = address(&says(&mut log, "\"the admin listener listens\"").await);
        says(&mut log, "Amazon SES takes the login").await;
        Self { folder, ses, child, log, address: smtp, admin }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.folder.path().join(file)).unwrap();
    }

    async fn tell(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let told = Command::new("sh").args(["-c", "kill -$1 \"$2\"", "sh", signal, &id]).status().await;
        assert!(told.unwrap().success());
    }

    async fn says(&mut self, text: &str) -> Value {
        says(&mut self.log, text).await
    }

    /// What an application hears for a small mail.
    async fn send(&self) -> String {
        Client::greeted(self.address).await.send().await
    }

    /// What the admin listener shows there.
    async fn shows(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).await.unwrap();
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.admin);
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// Reads on to the record of the log that says this, and returns it.
async fn says(log: &mut Lines<BufReader<ChildStderr>>, text: &str) -> Value {
    let mut passed = String::new();
    let read = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains(text) {
                return serde_json::from_str(&line).unwrap();
            }
            passed.push_str(&line);
            passed.push('\n');
        }
        panic!("it ended without `{text}`: {passed}");
    };
    timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("it does not say `{text}`"))
}

fn address(told: &Value) -> SocketAddr {
    told["address"].as_str().unwrap().parse().unwrap()
}

fn configure(folder: &Path, ses: &StandIn, level: &str) {
    let (endpoint, user_name) = (ses.endpoints().implicit_tls, &ses.login().user_name);
    let text = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
         [log]\nlevel = \"{level}\"\nformat = \"json\"\n[policy]\nfiles = [\"*.json\"]\n\
         [ses]\nregion = \"us-east-1\"\naccount_id = \"123456789012\"\nidentities = [\"example.com\"]\n\
         host = \"{}\"\nport = {}\nserver_name = \"email-smtp.us-east-1.amazonaws.com\"\n\
         ca_file = \"ca.pem\"\nuser_name = \"{user_name}\"\npassword = {{ file = \"password\" }}\n",
        endpoint.ip(),
        endpoint.port(),
    );
    fs::write(folder.join("sesgate.toml"), text).unwrap();
}

#[tokio::test]
async fn told_to_reload_it_does_and_tells_the_log_what_is_new_or_wrong() {
    let mut relay = Running::start().await;
    assert!(relay.send().await.starts_with("250 "));

    // Nobody tells it: the files are looked at.
    relay.write("deny.json", DENY_HELLO);
    let reloaded = relay.says("\"reloaded\"").await;
    assert_eq!(reloaded["generation"], 2);
    assert!(reloaded["changed"].as_str().unwrap().ends_with("deny.json"), "{reloaded}");
    assert!(relay.send().await.starts_with("554 5.7.1 "));

    // Told, it does not wait.
    relay.remove("deny.json");
    configure(relay.folder.path(), &relay.ses, "debug");
    relay.tell("HUP").await;
    assert_eq!(relay.says("\"reloaded\"").await["generation"], 3);
    assert!(relay.send().await.starts_with("250 "));
    relay.says("DEBUG").await;

    relay.tell("TERM").await;
    relay.says("\"stopped\"").await;
    assert_eq!(timeout(PATIENCE, relay.child.wait()).await.unwrap().unwrap().code(), Some(0));
}

#[tokio::test]
async fn what_goes_wrong_changes_nothing_and_the_log_readiness_the_page_and_a_metric_say_so() {
    let mut relay = Running::start().await;
    let password = relay.ses.login().password.expose().to_owned();
    let incidents: [(&str, Option<&str>, &str, &str); 3] = [
        // A bad policy, a file half written, and a secret that is gone.
        (
            "allow.json",
            Some(r#"{"Statement": [{"Efect": "Deny"}]}"#),
            ALLOW,
            "allow.json:1:16: Statement[0]: a statement needs an Effect",
        ),
        ("allow.json", Some(ALLOW.split_at(100).0), ALLOW, "allow.json:2:"),
        ("password", None, &password, "sesgate.toml:19:12: ses.password: cannot read "),
    ];
    for (number, (file, now, before, expected)) in (1..).zip(incidents) {
        match now {
            Some(text) => relay.write(file, text),
            None => relay.remove(file),
        }
        relay.tell("HUP").await;
        let told = relay.says("ERROR").await["message"].as_str().unwrap().to_owned();
        assert!(told.starts_with("reload: ") && told.contains(expected), "{told}");
        relay.says("nothing was reloaded; what was in force stays").await;

        let ready = relay.shows("/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 200 "), "what is in force can send: {ready}");
        let doubt = r#"{"name":"configuration","state":"doubtful","detail":"generation "#;
        assert!(ready.contains(doubt) && ready.contains(expected), "{ready}");
        let page = relay.shows("/").await;
        assert!(page.contains("What the files say is in error, so generation "), "{page}");
        assert!(page.contains(expected), "{page}");
        let metrics = relay.shows("/metrics").await;
        assert!(metrics.contains("sesgate_configuration_in_error{} 1.0\n"), "{metrics}");
        let failed = format!("sesgate_reloads_total{{outcome=\"in-error\"}} {number}\n");
        assert!(metrics.contains(&failed), "{metrics}");
        assert!(relay.send().await.starts_with("250 "));

        relay.write(file, before);
        relay.tell("HUP").await;
        relay.says("\"reloaded\"").await;
        assert!(relay.shows("/metrics").await.contains("sesgate_configuration_in_error{} 0.0\n"));
        assert!(!relay.shows("/").await.contains("is in error"));
    }
}
