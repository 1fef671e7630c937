#![cfg(test)]
//! That nobody overlooks that refusals are not enforced, or what a candidate would do. What becomes of the mail is
//! in `transcripts/shadow`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use sesgate::app::App;
use sesgate::config::{self, Environment};
use sesgate::gate::Enforcement;
use sesgate::telemetry::JsonLines;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ALLOW: &str = include_str!("../config/policy/allow-sending.json");

fn folder(policy: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policy")).unwrap();
    fs::write(folder.path().join("policy/allow.json"), ALLOW).unwrap();
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[ses]\nregion = \"us-east-1\"\n\
         account_id = \"123456789012\"\nidentities = [\"example.com\"]\nhost = \"127.0.0.1\"\nport = 1\n\
         tls = \"none\"\n[policy]\n{policy}\n"
    );
    fs::write(folder.path().join("sesgate.toml"), text).unwrap();
    folder
}

fn start(folder: &Path) -> App {
    let config = config::load(Some(&folder.join("sesgate.toml")), &Environment::default());
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    App::start(&config, Arc::new(JsonLines::new(std::io::sink()))).unwrap()
}

async fn ready(app: &App) -> String {
    let mut stream = tokio::net::TcpStream::connect(app.admin_address().unwrap()).await.unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Exit code, and both streams.
fn check(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    command.args(["check", "--config"]).arg(folder.join("sesgate.toml")).args(arguments).env_clear();
    let output = command.output().unwrap();
    (
        output.status.code(),
        [output.stderr, output.stdout].map(|text| String::from_utf8(text).unwrap()).concat(),
    )
}

#[tokio::test]
async fn readiness_says_that_nothing_is_refused() {
    let shadow = folder("mode = \"shadow\"");
    let app = start(shadow.path());
    assert_eq!(app.enforcement(), Enforcement::Shadow);
    let answer = ready(&app).await;
    assert!(
        answer.contains("\"policy\",\"state\":\"doubtful\",\"detail\":\"policy.mode is `shadow`"),
        "{answer}"
    );
    app.stop().await;

    let app = start(folder("").path());
    assert_eq!(app.enforcement(), Enforcement::Enforced);
    let answer = ready(&app).await;
    assert!(answer.contains("\"policy\",\"state\":\"well\""), "{answer}");
}

#[test]
fn check_has_a_security_warning_for_shadow_mode() {
    let shadow = folder("mode = \"shadow\"");
    let (code, said) = check(shadow.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("security warning[POLICY_NOT_ENFORCED]: policy.mode: mail that policy refuses"),
        "{said}"
    );
    assert_eq!(check(shadow.path(), &["--fail-on", "security"]).0, Some(2));
    let (_, said) = check(folder("").path(), &[]);
    assert!(!said.contains("POLICY_NOT_ENFORCED"), "{said}");
}
