//! The program itself: a signal, its log, its level.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use sesgate::sandbox::{Settings, StandIn};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::rig::{ALLOW, Client, DENY_HELLO};

const PATIENCE: Duration = Duration::from_mins(1);

struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Running {
    async fn tell(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let told = Command::new("sh").args(["-c", "kill -$1 \"$2\"", "sh", signal, &id]).status().await;
        assert!(told.unwrap().success());
    }

    /// Reads on to the record of the log that says this, and returns it.
    async fn says(&mut self, text: &str) -> serde_json::Value {
        let mut passed = String::new();
        let read = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
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
}

#[tokio::test]
async fn told_to_reload_it_does_and_tells_the_log_what_is_new_or_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ses = StandIn::start(Settings::default()).await.unwrap();
    fs::write(path("ca.pem"), ses.ca_pem()).unwrap();
    fs::write(path("password"), ses.login().password.expose()).unwrap();
    fs::write(path("allow.json"), ALLOW).unwrap();
    let endpoint = ses.endpoints().implicit_tls;
    let configuration = |level: &str| {
        let text = format!(
            "[admin]\naddress = \"off\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n[log]\nlevel = \"{level}\"\nformat = \"json\"\n\
             [policy]\nfiles = [\"*.json\"]\n\
             [ses]\nregion = \"us-east-1\"\naccount_id = \"123456789012\"\nidentities = [\"example.com\"]\n\
             host = \"{}\"\nport = {}\nserver_name = \"email-smtp.us-east-1.amazonaws.com\"\n\
             ca_file = \"ca.pem\"\nuser_name = \"{}\"\npassword = {{ file = \"password\" }}\n",
            endpoint.ip(),
            endpoint.port(),
            ses.login().user_name,
        );
        fs::write(path("sesgate.toml"), text).unwrap();
    };
    configuration("info");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    command.args(["serve", "--config"]).arg(path("sesgate.toml")).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut relay = Running { child, log };
    let address: SocketAddr = relay.says("\"listening\"").await["address"].as_str().unwrap().parse().unwrap();
    relay.says("Amazon SES takes the login").await;
    assert!(Client::greeted(address).await.send().await.starts_with("250 "));

    // Nobody tells it: the files are looked at.
    fs::write(path("deny.json"), DENY_HELLO).unwrap();
    let reloaded = relay.says("\"reloaded\"").await;
    assert_eq!(reloaded["generation"], 2);
    assert!(reloaded["changed"].as_str().unwrap().ends_with("deny.json"), "{reloaded}");
    assert!(Client::greeted(address).await.send().await.starts_with("554 5.7.1 "));

    // Told, it does not wait; and a secret that is gone is as wrong as a policy.
    fs::remove_file(path("password")).unwrap();
    fs::write(path("deny.json"), "{").unwrap();
    relay.tell("HUP").await;
    let told = relay.says("ERROR").await["message"].as_str().unwrap().to_owned();
    assert!(told.starts_with("reload: ") && told.contains("sesgate.toml:19:12: ses.password: "), "{told}");
    relay.says("nothing was reloaded; what was in force stays").await;
    assert!(Client::greeted(address).await.send().await.starts_with("554 5.7.1 "));

    fs::write(path("password"), ses.login().password.expose()).unwrap();
    fs::remove_file(path("deny.json")).unwrap();
    configuration("debug");
    relay.tell("HUP").await;
    assert_eq!(relay.says("\"reloaded\"").await["generation"], 3);
    assert!(Client::greeted(address).await.send().await.starts_with("250 "));
    relay.says("DEBUG").await;

    relay.tell("TERM").await;
    relay.says("\"stopped\"").await;
    assert_eq!(timeout(PATIENCE, relay.child.wait()).await.unwrap().unwrap().code(), Some(0));
}
