#![cfg(test)]
//! That nobody overlooks that refusals are not enforced, or what a candidate would do. What becomes of the mail is
//! in `transcripts/shadow`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use sesgate::app::{App, CandidateState};
use sesgate::config::{self, Environment};
use sesgate::gate::Enforcement;
use sesgate::telemetry::{Effect, JsonLines};
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

const CANDIDATE: &str = "candidate = [\"new/*.json\"]";
const DENY_HELLO: &str = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "NoHello", "Effect": "Deny",
    "Action": "ses:SendRawEmail", "Resource": "*",
    "Condition": {"StringEquals": {"ses:FromAddress": "hello@example.com"}}}]}"#;

/// A folder with a candidate that allows what is in force does, save this.
fn folder_with_candidate(deny: &str) -> TempDir {
    let folder = folder(CANDIDATE);
    fs::create_dir(folder.path().join("new")).unwrap();
    fs::write(folder.path().join("new/allow.json"), ALLOW).unwrap();
    fs::write(folder.path().join("new/deny.json"), deny).unwrap();
    folder
}

async fn send(app: &App, sender: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(app.addresses()[0]).await.unwrap();
    let dialogue = format!(
        "EHLO app\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nFrom: {sender}\r\n\r\n.\r\nQUIT\r\n"
    );
    stream.write_all(dialogue.as_bytes()).await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    heard
}

#[tokio::test]
async fn where_the_candidate_disagrees_is_kept_and_counted() {
    let folder = folder_with_candidate(DENY_HELLO);
    let app = start(folder.path());
    assert_eq!(app.generation().candidate, CandidateState::Judging);
    for sender in ["hello@example.com", "app@example.com", "hello@example.com"] {
        // SES is not there, which is none of the candidate's business.
        assert!(send(&app, sender).await.contains("\r\n451 "));
    }
    let disagreements = app.disagreements();
    let [latest, first] = &disagreements[..] else { panic!("{disagreements:?}") };
    assert!(latest.time >= first.time && latest.decision != first.decision);
    assert_eq!((latest.from.as_str(), latest.in_force.effect), ("hello@example.com", Effect::Allow));
    assert_eq!(latest.candidate.effect, Effect::ExplicitDeny);
    let statement = latest.candidate.statement.as_deref().unwrap();
    assert!(statement.ends_with("new/deny.json:1 (NoHello)"), "{statement}");
    let counted = "sesgate_candidate_disagreements_total{app=\"default\",change=\"refused\"} 2";
    assert!(app.metrics().text().contains(counted), "{}", app.metrics().text());
}

#[tokio::test]
async fn a_candidate_in_error_keeps_nothing_from_starting_and_is_told_of() {
    let empty = "{\"Version\": \"2012-10-17\", \"Statement\": []}";
    for (file, text, expected) in [
        ("new/deny.json", "{", "new/deny.json:1:"),
        ("new/allow.json", DENY_HELLO, "app `default` could never send"),
        ("new/deny.json", empty, "new/deny.json:1:"),
    ] {
        let folder = folder_with_candidate(DENY_HELLO);
        fs::write(folder.path().join(file), text).unwrap();
        let app = start(folder.path());
        assert!(send(&app, "hello@example.com").await.contains("\r\n451 "));
        let CandidateState::InError(problems) = app.generation().candidate else {
            panic!("{text}: it judges")
        };
        assert!(problems[0].contains(expected), "{problems:?}");
        let answer = ready(&app).await;
        assert!(answer.contains("candidate policies are in error"), "{answer}");
        let (code, said) = check(folder.path(), &[]);
        assert_eq!(code, Some(2), "{said}");
        fs::remove_dir_all(folder.path().join("new")).unwrap();
        let CandidateState::InError(problems) = start(folder.path()).generation().candidate else { panic!() };
        assert!(problems[0].contains("no file matches"), "{problems:?}");
    }
}
