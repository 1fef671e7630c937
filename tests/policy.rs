#![cfg(test)]
//! The policy language, as data: cases through the entry that `sesgate simulate` uses, real documents, and
//! documents that are refused, each with what is said of it.

#[path = "policy/explain.rs"]
mod explain;
#[path = "policy/generate.rs"]
mod generate;
#[path = "policy/interface.rs"]
mod interface;
#[path = "policy/oracle.rs"]
mod oracle;
#[path = "policy/properties.rs"]
mod properties;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use sesgate::json::Position;
use sesgate::policy::{Document, Finding, Kind};

const CASES: &str = "tests/policy/documents.cases.jsonl";

#[test]
fn the_language_means_what_iam_means() {
    play(&read("tests/policy/language.jsonl"), 1538);
}

#[test]
fn the_tables_in_the_documentation_come_out_as_printed() {
    play(&read("tests/policy/doc-tables.jsonl"), 92);
}

#[test]
fn corners_are_as_documented() {
    play(&read("tests/policy/corners.jsonl"), 19);
}

/// What AWS leaves open or says in passing, and what a tool shows of documents that would not load.
#[test]
fn the_fine_print_is_kept() {
    play(&read("tests/policy/fine-print.jsonl"), 34);
}

#[test]
fn real_documents_and_the_samples_decide_as_their_authors_say() {
    let mut lines = String::new();
    for line in read(CASES).lines() {
        let mut case: Value = serde_json::from_str(line).unwrap();
        let documents = case["documents"].as_array().unwrap().iter().map(|path| path.as_str().unwrap());
        let policies: Vec<Value> = documents.map(|path| serde_json::from_str(&read(path)).unwrap()).collect();
        case["policies"] = json!(policies);
        lines.push_str(&case.to_string());
        lines.push('\n');
    }
    play(&lines, 98);
}

#[test]
fn every_document_loads_and_has_a_case_that_allows_and_one_that_denies() {
    let mut documents: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for folder in ["tests/policy/documents", "config/policy", "config/policy/examples"] {
        documents.extend(json_files(folder).into_iter().map(|path| (path, Vec::new())));
    }
    assert_eq!(documents.len(), 29 + 4 + 6);
    for line in read(CASES).lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        for path in case["documents"].as_array().unwrap() {
            let expected = case["expected"].as_str().unwrap().to_owned();
            documents.get_mut(Path::new(path.as_str().unwrap())).unwrap().push(expected);
        }
    }
    for (path, expected) in documents {
        let text = read(&path);
        let (document, _) =
            Document::parse("it", &text).unwrap_or_else(|findings| panic!("{path:?}: {findings:?}"));
        let is_resource_based = text.contains("\"Principal\"");
        assert_eq!(
            document.kind(),
            if is_resource_based { Kind::Resource } else { Kind::Identity },
            "{path:?}"
        );
        assert!(expected.contains(&"allow".to_owned()), "{path:?} has no case that allows");
        assert!(expected.iter().any(|one| one != "allow"), "{path:?} has no case that denies");
    }
}

/// Beside each document stands what is found. `BLESS=1` writes it anew.
#[test]
fn bad_documents_are_refused_with_all_that_is_wrong_and_where() {
    let documents = json_files("tests/policy/bad");
    assert!(documents.len() >= 25);
    for path in documents {
        let text = read(&path);
        let Err(findings) = Document::parse("it", &text) else { panic!("{path:?} loads") };
        let found: String = findings.iter().map(|finding| told(&text, finding)).collect();
        let golden = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, read(&golden), "{path:?}");
    }
}

#[test]
fn a_line_that_is_no_case_is_answered_with_its_error_and_the_next_is_read() {
    let good =
        r#"{"id": 7, "policies": [], "action": "a:b", "resource": "*", "principal": "ses.amazonaws.com"}"#;
    let lines = [
        "{\"id\": 1, \"id\": 2}".to_owned(),
        "nonsense".to_owned(),
        String::new(),
        good.replace("[]", "[{}]"),
        good.replace("[]", "7"),
        good.replace("ses.amazonaws.com", "jane"),
        good.replace("\"a:b\"", "7"),
        good.replace('}', ", \"context\": {\"a\": {}}}"),
        good.to_owned(),
    ];
    let answers = simulate(lines.join("\n").as_bytes());
    let errors: Vec<&str> = answers.iter().map(|answer| answer["error"].as_str().unwrap_or("-")).collect();
    let expected = [
        "line 1 column 11: the key `id` occurs twice in one object",
        "line 1 column 2: not a JSON value",
        "policies[0] line 1 column 1: MISSING_ELEMENT document: a document needs at least one statement",
        "`policies`: invalid type: integer `7`, expected a sequence",
        "`principal`: `jane` is neither the ARN of a user, role, session or root nor the name of a service",
        "`action` is a number, not a string",
        "`context`: `a` is neither a value nor a list of values",
        "-",
    ];
    assert_eq!(errors, expected);
    assert_eq!(answers.last().unwrap()["id"], 7);
    assert_eq!(simulate(b"\"\xff\"\n")[0]["error"], "not UTF-8");
}

#[test]
fn an_answer_names_the_statements_that_match_and_the_keys_that_are_missing() {
    let document = r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "Open", "Effect": "Allow", "Action": "ses:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "ses:*", "Resource": "*", "Condition": {
            "StringNotLike": {"ses:FromAddress": "${aws:PrincipalTag/Team}@example.com"}}},
        {"Effect": "Deny", "Action": "ses:*", "Resource": "arn:aws:ses:*:*:identity/other", "Condition": {
            "Null": {"ses:FeedbackAddress": "true"}}}]}"#;
    let case = json!({
        "id": "x", "policies": [serde_json::from_str::<Value>(document).unwrap()], "action": "ses:SendRawEmail",
        "resource": "arn:aws:ses:us-east-1:123456789012:identity/x", "principal": "arn:aws:iam::123456789012:user/x",
    });
    let line = case.to_string();
    let answer = &simulate(line.as_bytes())[0];
    assert_eq!(answer["decision"], "explicit-deny");
    let sids: Vec<&Value> = answer["matched"].as_array().unwrap().iter().map(|one| &one["sid"]).collect();
    assert_eq!(sids, [&json!("Open"), &Value::Null]);
    assert_eq!(answer["matched"][1]["statement"], 1);
    assert_eq!(answer["missing"], json!(["ses:FromAddress", "aws:PrincipalTag/Team"]));
}

/// Plays every case and tells all that were decided otherwise than they expect.
fn play(cases: &str, cases_min: usize) {
    let answers = simulate(cases.as_bytes());
    let mut wrong = Vec::new();
    for (case, answer) in cases.lines().zip(&answers) {
        let case: Value = serde_json::from_str(case).unwrap();
        assert_eq!(case["id"], answer["id"]);
        let decided = answer["matched"].as_array().into_iter().flatten();
        let names_it = case["sid"].is_null() || decided.into_iter().any(|one| one["sid"] == case["sid"]);
        if case["expected"] != answer["decision"] || !names_it {
            wrong.push(format!("{case}\n  -> {answer}"));
        }
    }
    assert_eq!(cases.lines().count(), answers.len());
    assert!(answers.len() >= cases_min, "cases are lost");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn simulate(input: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    sesgate::cli::simulate::answer_all(input, &mut output).unwrap();
    let lines = output.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn told(text: &str, finding: &Finding) -> String {
    let Position { line, column } = Position::of(text, finding.span.start);
    let Finding { code, level, path, message, .. } = finding;
    let fix = finding.fix.as_ref().map(|fix| format!("    {fix}\n")).unwrap_or_default();
    format!("{line}:{column} {level} {code} {path}: {message}\n{fix}")
}

fn json_files(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|error| panic!("{:?}: {error}", path.as_ref()))
}
