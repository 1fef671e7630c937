#![cfg(test)]
//! `sesgate explain` as people and programs see it, and that it says what the relay would do.
//!
//! `tests/explain/*.args` are command lines, an argument a line, each beside what the program answers (`.txt`).
//! `BLESS=1` writes the answers anew.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use sesgate::app::{Offline, OfflineMail, assumed_config, read_policies};
use sesgate::config::{AccountSketch, MailSketch, PolicyFile};
use sesgate::gate::{Case, DecisionId, Occasion};
use sesgate::inspect::{self, AddedField};
use sesgate::mail::{
    Address, Dialect, Envelope, Evidence, Greeting, KnownApp, Message, ReversePath, Submission,
};

fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    // Of the environment nothing that would be a setting, and no login.
    let output = command.args(arguments).env_clear().output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_command_line_is_answered_as_it_was() {
    let mut paths: Vec<PathBuf> =
        fs::read_dir("tests/explain").unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "args"));
    paths.sort();
    assert!(paths.len() >= 20, "command lines are lost");
    let mut differences = String::new();
    for path in paths {
        let arguments = fs::read_to_string(&path).unwrap();
        let (code, answer, complaint) = run(&arguments.lines().collect::<Vec<_>>());
        let found = format!("{answer}{complaint}exit {code}\n");
        assert!(!found.contains('\x1b'), "{path:?}: colour in a pipe");
        let golden = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if found != expected {
            writeln!(differences, "{path:?}:\n--- expected\n{expected}--- found\n{found}").unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn the_json_says_what_the_text_says() {
    let arguments = fs::read_to_string("tests/explain/denied-in-json.args").unwrap();
    let (code, answer, _) = run(&arguments.lines().collect::<Vec<_>>());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(code, 3);
    assert_eq!(answer["effect"], "explicit-deny");
    assert_eq!(answer["facts"]["aws:SourceIp"], serde_json::json!(["192.0.2.1"]));
    let resource = &answer["resources"][0];
    assert_eq!(resource["statement"]["sid"], "OnlyFromTheAppNetwork");
    assert_eq!(resource["statement"]["document"], "config/policy/only-the-app-network.json");
    let deciding = resource["statements"].as_array().unwrap().iter();
    let deciding = deciding.filter(|one| one["statement"] == resource["statement"]).collect::<Vec<_>>();
    assert_eq!(deciding.len(), 1);
    assert_eq!(deciding[0]["conditions"][0]["holds"], true);
    assert_eq!(deciding[0]["conditions"][0]["why"], "`192.0.2.1` is in none of them");
    assert!(answer["reply"].as_str().unwrap().starts_with("554 5.7.1 "));
}

/// Everything that the relay judges by, from the samples and their tests.
fn offline(app: &str, files: &[&str]) -> Offline {
    let files: Vec<PolicyFile> =
        files.iter().map(|file| PolicyFile::read(Path::new(file).to_owned()).unwrap()).collect();
    let documents = read_policies(&files).unwrap();
    let account =
        AccountSketch { identities: vec!["mail1.tak1wa.com".to_owned()], ..AccountSketch::default() };
    let config = assumed_config(files, &documents, &account, &[], app).unwrap();
    Offline::new(&config, documents).unwrap()
}

#[test]
fn an_explanation_is_of_what_the_relay_would_do() {
    let samples = offline(
        "default",
        &[
            "config/policy/allow-sending.json",
            "config/policy/only-known-recipients.json",
            "config/policy/only-the-app-address.json",
            "config/policy/only-the-app-network.json",
        ],
    );
    let apps = offline("app", &["config/policy/examples/allow-per-app.json"]);
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(494_532);
    let mut rulings = Vec::new();
    for (app, offline) in [("default", &samples), ("app", &apps)] {
        for from in ["app@mail1.tak1wa.com", "ceo@mail1.tak1wa.com", "app@tak1wa.com"] {
            for to in ["bob@example.com", "eve@elsewhere.test"] {
                for (mail_from, client) in [("app@mail1.tak1wa.com", "10.0.5.7"), ("<>", "192.0.2.1")] {
                    let sketch = MailSketch {
                        from: Some(from.to_owned()),
                        to: vec![to.to_owned()],
                        mail_from: Some(mail_from.to_owned()),
                        client: Some(client.parse().unwrap()),
                        app: Some(app.to_owned()),
                        ..MailSketch::default()
                    };
                    let mail = OfflineMail::compose(sketch, "default", now).unwrap();
                    rulings.push(compare(offline, &mail, now));
                }
            }
        }
    }
    for expected in ["None", "Denied", "NotAllowed", "Unverified", "NullSender"] {
        assert!(rulings.iter().any(|ruling| ruling.contains(expected)), "{expected} never came: {rulings:?}");
    }
}

/// Judges a mail as the relay does and explains it, and sees to it that both say the same of everything.
fn compare(offline: &Offline, mail: &OfflineMail, now: SystemTime) -> String {
    let message = Message::from(mail.message.as_slice());
    let header = message.header().clone();
    let reverse_path = Address::parse(&mail.mail_from).map_or(ReversePath::Null, ReversePath::Mailbox);
    let recipients = mail.rcpt.iter().map(|to| Address::parse(to).unwrap()).collect();
    let submission = Submission {
        app: KnownApp { name: mail.app.clone(), by: Evidence::Login },
        client: mail.client.clone(),
        greeting: Greeting { name: "app".to_owned(), dialect: Dialect::Esmtp },
        envelope: Envelope::new(reverse_path, recipients).unwrap(),
        message,
    };
    let findings = inspect::inspect(&header, &inspect::Limits::default()).unwrap();
    let examination = offline.gate().examine(&Case::new(&submission, &findings, now));
    let received = AddedField::new("Received", "from app").unwrap();
    let occasion = Occasion { now, decision: DecisionId::new(0, 0), received };
    let judgement = offline.gate().judge(submission, &findings, occasion);
    let decided: Vec<_> =
        judgement.resources.iter().map(|judged| (&*judged.resource, judged.decision)).collect();
    let explained: Vec<_> =
        examination.resources.iter().map(|one| (&*one.resource, one.explanation.decision)).collect();
    assert_eq!(decided, explained);
    assert_eq!(judgement.ruling.err().map(|refused| refused.refusal), examination.refusal);
    format!("{:?}", examination.refusal)
}
