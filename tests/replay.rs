#![cfg(test)]
//! Mails of the past judged again: `sesgate replay` and `sesgate explain --decision`.

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

const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/replay/policy/send.json");
const STRICTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/replay/stricter/send.json");

fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    let output = command.args(arguments).env_clear().output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn replayed(arguments: &[&str]) -> (i32, Value) {
    let (code, answer, complaint) = run(&[&["replay", "--format", "json"], arguments].concat());
    (code, serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{complaint}")))
}

/// Records, and a configuration like that of the relay that made them.
async fn files(folder: &Path, mails: usize) -> (String, [String; 2]) {
    let lines = recorded(mails).await;
    let [audit, config_file] = ["audit.jsonl", "sesgate.toml"].map(|name| folder.join(name));
    fs::write(&audit, &lines).unwrap();
    fs::write(&config_file, config(POLICY)).unwrap();
    (lines, [audit, config_file].map(|path| path.display().to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_policies_decide_the_same_and_others_what_they_would() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, [audit, config]) = files(folder.path(), 250).await;
    let effect = |effect: &'static str| count(&lines, move |record| record["effect"] == effect);
    let unread = count(&lines, |record| record["from"].is_null());
    let (allowed, denied) = (effect("allow"), effect("explicit-deny"));
    // Every kind of mail has to be among them, or nothing is shown.
    assert!(
        allowed > 30 && denied > 30 && effect("implicit-deny") > 0 && unread > 0,
        "{allowed} {denied} {unread} in {REGION}"
    );

    for by in [["--config", &config], ["--policy", POLICY]] {
        let (code, answer) = replayed(&[&[audit.as_str(), "--fail-on", "any"], by.as_slice()].concat());
        assert_eq!((code, &answer["still_allowed"]), (0, &Value::from(allowed)), "{by:?}: {answer:#}");
        assert_eq!(answer["refused_for_another_reason"], 0, "{by:?}");
        assert_eq!(answer["judged"], lines.lines().count() - unread);
    }

    let by_ceo =
        count(&lines, |record| record["effect"] == "allow" && record["from"] == "ceo@mail1.tak1wa.com");
    for by in [vec!["--config", &config, "--policy", STRICTER], vec!["--policy", STRICTER]] {
        let (code, answer) =
            replayed(&[&[audit.as_str(), "--fail-on", "new-denies"], by.as_slice()].concat());
        assert_eq!((code, &answer["still_allowed"]), (1, &Value::from(by_ceo)), "{by:?}: {answer:#}");
        assert_eq!(answer["newly_refused"]["mails"], allowed - by_ceo);
        let group = &answer["newly_refused"]["groups"][0];
        assert_eq!((&group["app"], &group["now"]), (&"default".into(), &"no statement allows it".into()));
        assert!(
            group["before"].as_str().unwrap().ends_with("tests/replay/policy/send.json:4 (OurMail)"),
            "{group}"
        );
        let to_ceo = count(&lines, |record| {
            record["effect"] == "explicit-deny" && record["from"] == "ceo@mail1.tak1wa.com"
        });
        assert_eq!(answer["newly_allowed"]["mails"], to_ceo);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_record_or_shows_no_addresses_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, [audit, config]) = files(folder.path(), 1).await;
    let mut record: Value = serde_json::from_str(&lines).unwrap();
    record["from"] = SENDER.into();
    let plain = record.to_string();
    record["addresses"] = "hashed".into();
    fs::write(&audit, format!("{plain}\n\n{{\"half\":\n{record}\n{plain}")).unwrap();
    let (code, text, _) = run(&["replay", &audit, "--config", &config]);
    assert_eq!(code, 0);
    let masked = "Not judged again: 1 mail: its record does not show its addresses, since `log.addresses` was `hashed`";
    assert!(text.contains(masked), "{text}");
    assert!(text.contains(&format!("No audit record: 1 line, the first at {audit}:3")), "{text}");

    fs::write(&audit, record.to_string()).unwrap();
    let (code, _, complaint) = run(&["replay", &audit, "--config", &config]);
    assert_eq!(code, 2);
    assert!(
        complaint.starts_with("error: no mail can be judged again: its record does not show"),
        "{complaint}"
    );
    let (code, _, complaint) = run(&["replay", &audit]);
    assert_eq!(code, 2);
    assert!(complaint.starts_with("error: there are no policies to judge by"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_explained_as_it_was_and_as_it_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, [audit, config]) = files(folder.path(), 40).await;
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let explain = |record: &Value, more: &[&str]| {
        let id = record["decision_id"].as_str().unwrap().to_owned();
        run(&[&["explain", "--decision", &id, "--audit", &audit], more].concat())
    };
    for record in &records {
        let was_sent = record["effect"] == "allow";
        let (code, text, _) = explain(record, &["--config", &config]);
        assert_eq!(code, if was_sent { 0 } else { 3 }, "{text}");
        assert!(text.contains(record["reply"].as_str().unwrap()), "{text}");
        assert!(
            record["from"].is_null() || text.contains("By these policies the answer is the same:"),
            "{text}"
        );

        let (code, answer, _) = explain(record, &["--config", &config, "--format", "json"]);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((code == 0, &answer["record"]), (was_sent, record));
        let effect = &answer["now"]["effect"];
        assert!(
            if record["from"].is_null() { effect.is_null() } else { *effect == record["effect"] },
            "{answer:#}"
        );
        assert_eq!(answer["differs"], false);
    }
    let sent =
        records.iter().find(|record| record["effect"] == "allow" && record["from"] != "ceo@mail1.tak1wa.com");
    let (code, text, _) = explain(sent.unwrap(), &["--policy", STRICTER]);
    assert!(code == 3 && text.contains("By these policies it would be refused now:"), "{text}");
    let (code, text, _) = explain(sent.unwrap(), &[]);
    assert!(code == 0 && text.contains("It is not judged again: no policies were named"), "{text}");
    let (code, _, complaint) = run(&["explain", "--decision", "0000", "--audit", &audit]);
    assert!(code == 2 && complaint.contains("there is no record of decision `0000`"), "{complaint}");
}
