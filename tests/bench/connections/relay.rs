//! `sesgate serve` in a process of its own, whose memory can be told from the clients'.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use sesgate::sandbox::StandIn;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio_rustls::TlsConnector;

use crate::client::Way;

const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}]}"#;

/// Of the connections that clients make.
#[derive(Debug, Clone, Copy)]
pub enum Security {
    None,
    Tls,
}

pub struct Relay {
    child: Child,
    _log: Lines<BufReader<ChildStderr>>,
    _folder: TempDir,
}

impl Relay {
    pub async fn start(stand_in: &StandIn, security: Security, connections_max: usize) -> (Self, Way) {
        let folder = tempfile::tempdir().expect("a folder");
        let (tls, listener) = match security {
            Security::None => (None, ""),
            Security::Tls => {
                let tls = certificate(&folder);
                (Some(tls), "tls = \"implicit\"\ncertificate_files = [\"relay.pem\"]\n")
            }
        };
        write(&folder, &configuration(stand_in, listener, connections_max), stand_in);
        let program =
            std::env::var("SESGATE_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sesgate").to_owned());
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(folder.path().join("sesgate.toml"));
        command.env_clear().envs([
            ("SESGATE_SES_USER_NAME", stand_in.login().user_name.as_str()),
            ("SESGATE_SES_PASSWORD", stand_in.login().password.expose()),
        ]);
        let audit = fs::File::create(folder.path().join("audit")).expect("a file");
        command.stdin(Stdio::null()).stdout(audit).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("a relay");
        let mut log = BufReader::new(child.stderr.take().expect("its log")).lines();
        let relay = address(&mut log).await;
        (Self { child, _log: log, _folder: folder }, Way { relay, tls })
    }

    pub fn resident_kb(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().expect("a process")));
        let status = status.expect("a Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

fn configuration(stand_in: &StandIn, listener: &str, connections_max: usize) -> String {
    let endpoint = stand_in.endpoints().implicit_tls;
    let mut text = format!("[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}");
    let _ = write!(
        text,
        "[limits]\nconnections_max = {connections_max}\n[admin]\naddress = \"off\"\n[log]\nlevel = \"info\"\n\
         [policy]\nfiles = [\"policy.json\"]\n[ses]\nregion = \"us-east-1\"\naccount_id = \"123456789012\"\n\
         identities = [\"example.com\"]\nhost = \"{}\"\nport = {}\nca_file = \"ca.pem\"\n\
         server_name = \"email-smtp.us-east-1.amazonaws.com\"\n",
        endpoint.ip(),
        endpoint.port(),
    );
    text
}

fn write(folder: &TempDir, configuration: &str, stand_in: &StandIn) {
    for (name, text) in
        [("sesgate.toml", configuration), ("policy.json", POLICY), ("ca.pem", stand_in.ca_pem())]
    {
        fs::write(folder.path().join(name), text).expect("a file");
    }
}

/// Writes the relay's, and trusts it.
fn certificate(folder: &TempDir) -> TlsConnector {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let pem = own.cert.pem() + &own.signing_key.serialize_pem();
    fs::write(folder.path().join("relay.pem"), pem).expect("a file");
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn address(log: &mut Lines<BufReader<ChildStderr>>) -> SocketAddr {
    let mut said = String::new();
    while let Some(line) = log.next_line().await.expect("a log") {
        if line.contains("\"listening\"") {
            let line: serde_json::Value = serde_json::from_str(&line).expect("an event");
            let address = line.get("address").and_then(serde_json::Value::as_str).expect("an address");
            return address.parse().expect("an address");
        }
        said.push_str(&line);
    }
    panic!("it ended: {said}");
}
