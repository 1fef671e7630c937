#![cfg(test)]
//! `sesgate suggest`: what it writes passes `check`, allows all that it was made of, and nobody else.

#[path = "replay/mails.rs"]
mod mails;
#[path = "clients/relay.rs"]
mod relay;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use mails::{config, count, recorded};
use relay::{REGION, SENDER};

fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    let login = [("SESGATE_SES_USER_NAME", "user"), ("SESGATE_SES_PASSWORD", "password")];
    let output = command.args(arguments).env_clear().envs(login).output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Writes the records and the policy that they suggest.
fn suggest(folder: &Path, lines: &str, more: &[&str]) -> (String, String, String) {
    let [audit, policy] =
        ["audit.jsonl", "suggested.json"].map(|name| folder.join(name).display().to_string());
    fs::write(&audit, lines).unwrap();
    let (code, text, report) = run(&[&["suggest", &audit], more].concat());
    assert_eq!(code, 0, "{report}");
    fs::write(&policy, &text).unwrap();
    (audit, policy, report)
}

fn replayed(audit: &str, policy: &str) -> Value {
    let (_, answer, complaint) = run(&["replay", audit, "--policy", policy, "--format", "json"]);
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{complaint}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_passes_check_and_allows_just_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let lines = recorded(200).await;
    let (audit, policy, report) = suggest(folder.path(), &lines, &[]);
    let allowed = count(&lines, |record| record["effect"] == "allow");
    assert!(
        report.starts_with(&format!("Learned from {allowed} mails; the policy allows all of them:\n")),
        "{report}"
    );
    let config_file = folder.path().join("sesgate.toml");
    fs::write(&config_file, config(&policy)).unwrap();
    let (code, text, problems) =
        run(&["check", "--fail-on", "warning", "--config", &config_file.display().to_string()]);
    assert_eq!(code, 0, "{text}{problems}");
    assert_eq!(replayed(&audit, &policy)["newly_refused"]["mails"], 0, "in {REGION}");

    // With the denied, all that any policy could allow.
    let (audit, policy, _) = suggest(folder.path(), &lines, &["--include-denied"]);
    let judged = count(&lines, |record| record["effect"] != "not-judged");
    let answer = replayed(&audit, &policy);
    let now_allowed =
        answer["still_allowed"].as_u64().unwrap() + answer["newly_allowed"]["mails"].as_u64().unwrap();
    assert_eq!(usize::try_from(now_allowed).unwrap(), judged);
}

/// A record of a mail that was allowed, with some of its fields as the test has them.
fn record(template: &str, fields: &[(&str, Value)]) -> String {
    let mut record: Value = serde_json::from_str(template).unwrap();
    let usual = [
        ("from", SENDER.into()),
        ("mail_from", SENDER.into()),
        ("ses_mail_from", SENDER.into()),
        ("from_display_name", Value::Null),
        ("sender", Value::Null),
        ("configuration_set", Value::Null),
        ("recipients", vec!["bob@example.com"].into()),
        ("header_recipients", vec!["bob@example.com"].into()),
        ("client", "10.0.5.7".into()),
    ];
    for (name, value) in usual.iter().chain(fields) {
        record[*name] = value.clone();
    }
    record["effect"] = "allow".into();
    let identity = "arn:aws:ses:ap-northeast-1:123456789012:identity/mail1.tak1wa.com";
    record["resources"] =
        serde_json::json!([{"resource": identity, "effect": "allow", "statement": "a.json:1"}]);
    format!("{record}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_not_seen_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let seen = recorded(1).await;
    let other = |name: &'static str, value: Value| record(&seen, &[(name, value)]);
    let learned = record(&seen, &[])
        + &record(&seen, &[("app", "billing".into()), ("from", "billing@mail1.tak1wa.com".into())]);
    let (_, policy, _) = suggest(folder.path(), &learned, &[]);
    let audit = folder.path().join("others.jsonl").display().to_string();
    for (mail, is_seen) in [
        (other("greeting_name", "elsewhere".into()), true),
        (other("client", "10.0.5.99".into()), true),
        (other("from", "ceo@mail1.tak1wa.com".into()), false),
        // What one app may do is not what another may.
        (other("app", "billing".into()), false),
        (other("from", "billing@mail1.tak1wa.com".into()), false),
        (other("ses_mail_from", "bounces@mail1.tak1wa.com".into()), true),
        (other("mail_from", "bounces@mail1.tak1wa.com".into()), false),
        (other("client", "10.0.6.7".into()), false),
        (other("recipients", vec!["eve@example.com"].into()), false),
        (other("header_recipients", vec!["bob@example.net"].into()), false),
    ] {
        // Both apps have to be known.
        fs::write(&audit, learned.clone() + &mail).unwrap();
        assert_eq!(replayed(&audit, &policy)["still_allowed"], if is_seen { 3 } else { 2 }, "{mail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_of_a_kind_become_a_pattern() {
    let folder = tempfile::tempdir().unwrap();
    let seen = recorded(1).await;
    let lines: String = (0..11)
        .map(|number| {
            let recipients: Value =
                vec![format!("user{number}@example.com"), "bob@example.net".to_owned()].into();
            record(&seen, &[("recipients", recipients), ("header_recipients", Vec::<String>::new().into())])
        })
        .collect();
    let (_, policy, report) = suggest(folder.path(), &lines, &[]);
    let policy: Value = serde_json::from_str(&fs::read_to_string(policy).unwrap()).unwrap();
    let condition = &policy["Statement"][0]["Condition"];
    let expected = serde_json::json!(["*@example.com", "bob@example.net"]);
    assert_eq!(condition["ForAllValues:StringLike"]["ses:Recipients"], expected);
    assert_eq!(condition["IpAddress"]["aws:SourceIp"], serde_json::json!(["10.0.5.0/24"]));
    assert_eq!(policy["Statement"][0]["Sid"], "Default1");
    let expected = "Default1                  11 mails of app default from app@mail1.tak1wa.com to 1 address and 1 whole domain";
    assert!(report.contains(expected), "{report}");
}
