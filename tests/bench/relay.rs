//! `sesgate serve`, set up as a measurement needs it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificate::Certificate;
use crate::client::Way;
use crate::process::Process;

const START_TIME_MAX: Duration = Duration::from_secs(10);
const LOG: &str = "log";

/// Of the connections that clients make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    None,
    Tls,
}

/// What differs from one measurement to the next.
pub struct Setup<'a> {
    pub security: Security,
    /// The lines of `[limits]`.
    pub limits: &'a str,
    /// The lines of `[ses]` that say where SES is.
    pub ses: &'a str,
    /// Whom the relay trusts to vouch for SES.
    pub ca_pem: &'a str,
    pub user_name: &'a str,
    pub password: &'a str,
    pub policy: &'a str,
}

pub struct Relay {
    pub process: Process,
    _folder: TempDir,
}

impl Relay {
    /// Until it listens.
    pub async fn start(setup: &Setup<'_>) -> (Self, Way) {
        let folder = tempfile::tempdir().expect("a folder");
        let (tls, listener) = match setup.security {
            Security::None => (None, ""),
            Security::Tls => {
                let certificate = Certificate::new();
                fs::write(folder.path().join("relay.pem"), &certificate.pem).expect("a file");
                (Some(certificate.connector()), "tls = \"implicit\"\ncertificate_files = [\"relay.pem\"]\n")
            }
        };
        let configuration = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}[limits]\n{}[admin]\naddress = \"off\"\n\
             [policy]\nfiles = [\"policy.json\"]\n[ses]\nregion = \"us-east-1\"\naccount_id = \"123456789012\"\n\
             identities = [\"example.com\"]\n{}",
            setup.limits, setup.ses
        );
        for (name, text) in
            [("sesgate.toml", &*configuration), ("policy.json", setup.policy), ("ca.pem", setup.ca_pem)]
        {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let program =
            std::env::var("SESGATE_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sesgate").to_owned());
        let mut command = Command::new(program);
        command
            .args(["serve", "--config"])
            .arg(folder.path().join("sesgate.toml"))
            .env_clear()
            .envs([("SESGATE_SES_USER_NAME", setup.user_name), ("SESGATE_SES_PASSWORD", setup.password)]);
        let file = |name| File::create(folder.path().join(name)).expect("a file");
        command.stdin(Stdio::null()).stdout(file("audit")).stderr(file(LOG));
        let process = Process::start(&mut command);
        let address = address(&folder).await;
        (Self { process, _folder: folder }, Way { address, tls })
    }
}

/// Where the relay listens, as its log says.
async fn address(folder: &TempDir) -> SocketAddr {
    let until = Instant::now() + START_TIME_MAX;
    loop {
        let log = fs::read_to_string(folder.path().join(LOG)).expect("its log");
        let listening = log.lines().find(|line| line.contains("\"listening\"") && line.ends_with('}'));
        if let Some(line) = listening {
            let line: serde_json::Value = serde_json::from_str(line).expect("an event");
            let address = line.get("address").and_then(serde_json::Value::as_str).expect("an address");
            return address.parse().expect("an address");
        }
        assert!(Instant::now() < until, "it does not listen: {log}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
