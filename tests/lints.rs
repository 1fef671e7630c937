#![cfg(test)]
//! What is found in policies, as data: for every code a document, or a folder of documents that apply together,
//! in which it is found, with all that is said; and one, just beside it, in which nothing is found.

#[path = "lints/properties.rs"]
mod properties;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sesgate::json::Position;
use sesgate::policy::{Document, Family, Finding, Key, Level, Reach, Source, Surroundings, lint};

const LINTS: &str = "tests/policy/lints";
const README: &str = "config/policy/README.md";

/// Beside each document stands what is found. `BLESS=1` writes it anew.
#[test]
fn each_document_shows_what_it_is_named_after_with_its_place_and_what_to_do() {
    for (code, documents) in cases().into_iter().filter(|(name, _)| !is_counterpart(name)) {
        let found = told(&documents, &surroundings_of(&code));
        assert!(found.contains(&format!(" {code} ")), "{code} is not found:\n{found}");
        let golden = Path::new(LINTS).join(&code).with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, read(&golden), "{code}");
    }
}

#[test]
fn nothing_is_found_just_beside_it() {
    let mut wrong = String::new();
    for (name, documents) in cases().into_iter().filter(|(name, _)| is_counterpart(name)) {
        let found = told(&documents, &surroundings_of(&name));
        if !found.is_empty() {
            writeln!(wrong, "{name}:\n{found}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_code_has_its_documents() {
    let cases = cases();
    let names: BTreeSet<&str> = cases.keys().map(String::as_str).collect();
    let codes = codes();
    let missing: Vec<&String> = codes
        .iter()
        .filter(|code| !names.contains(code.as_str()) || !names.contains(format!("{code}.not").as_str()))
        .collect();
    assert!(missing.is_empty(), "without documents: {missing:?}");
    assert!(codes.len() > 60, "the codes are not where this test looks for them");
    let stray: Vec<&&str> =
        names.iter().filter(|name| !codes.contains(name.trim_end_matches(".not"))).collect();
    assert!(stray.is_empty(), "documents of no code: {stray:?}");
}

#[test]
fn the_readme_tells_every_code_and_its_level() {
    let readme = read(README);
    let told: BTreeMap<&str, &str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(code, rest)| Some((code, rest.split_once(" | ")?.0)))
        .filter(|(_, level)| ["error", "security", "warning", "suggestion"].contains(level))
        .collect();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (name, documents) in cases() {
        for finding in findings(&documents, &surroundings_of(&name)).into_iter().flatten() {
            let level = finding.level.to_string();
            let known = found.insert(finding.code.to_owned(), level.clone());
            assert!(known.is_none_or(|known| known == level), "{} has two levels", finding.code);
        }
    }
    let found: BTreeMap<&str, &str> = found.iter().map(|(code, level)| (&**code, &**level)).collect();
    assert_eq!(told, found, "{README}");
}

/// The mistakes that people make, each in a document of its own.
#[test]
fn every_known_mistake_is_named() {
    for (document, code) in [
        ("field-05-mistake-two-deny-statements", "NEGATED_ON_ABSENT_KEY_IN_DENY"),
        ("field-07-recipients-with-null-guard", "SMTP_ACTION_MISSING"),
        ("field-09-recipients-single-with-from", "SMTP_ACTION_MISSING"),
        ("field-09-recipients-single-with-from", "ALLVALUES_NOT_GUARDED"),
        ("field-08-from-name-feedback", "LIKE_WITHOUT_WILDCARD"),
        ("ses-control-user-access-restricting-the-recipient-addresses-05", "ALLVALUES_NOT_GUARDED"),
        ("ses-control-user-access-restricting-the-display-name-of-the-email-sender-08", "DISPLAY_NAME_ONLY"),
        ("ses-sending-authorization-policy-examples-specifying-the-delegate-sender-10", "REGEX_LOOKALIKE"),
    ] {
        let text = read(format!("tests/policy/documents/{document}.json"));
        let found = told(&[(document.to_owned(), text)], &surroundings());
        assert!(found.contains(&format!(" {code} ")), "{document}: {found}");
    }
}

#[test]
fn real_documents_load_unless_they_do_nothing_over_smtp() {
    let mut refused = Vec::new();
    for path in json_files("tests/policy/documents") {
        let documents = [("it".to_owned(), read(&path))];
        let findings = findings(&documents, &surroundings()).concat();
        let errors = findings.iter().filter(|finding| finding.level == Level::Error);
        refused.extend(errors.map(|finding| {
            let name = path.file_stem().unwrap().to_string_lossy();
            (name.split('-').take(2).collect::<Vec<_>>().join("-"), finding.code)
        }));
    }
    let expected = [("field-07", "SMTP_ACTION_MISSING"), ("field-09", "SMTP_ACTION_MISSING")]
        .map(|(name, code)| (name.to_owned(), code));
    assert_eq!(refused, expected);
}

#[test]
fn the_samples_have_suggestions_at_most() {
    let surroundings = Surroundings {
        region: "ap-northeast-1".to_owned(),
        identities: vec!["mail1.tak1wa.com".to_owned()],
        families: vec![Family::V4],
        ..surroundings()
    };
    let set = |files: Vec<PathBuf>| -> Vec<(String, String)> {
        files.into_iter().map(|path| (path.display().to_string(), read(&path))).collect()
    };
    let mut sets = vec![set(json_files("config/policy"))];
    sets.extend(json_files("config/policy/examples").into_iter().map(|path| set(vec![path])));
    assert_eq!(sets.len(), 1 + 6);
    for documents in sets {
        let findings = findings(&documents, &surroundings).concat();
        let doubts: Vec<_> = findings.iter().filter(|finding| finding.level < Level::Suggestion).collect();
        assert!(doubts.is_empty(), "{doubts:?}");
    }
}

#[test]
fn simulation_knows_no_vocabulary() {
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get", "Resource": "*",
        "Condition": {"StringEquals": {"s3:nonsense": "x"}}}}"#;
    assert!(Document::parse("it", text).unwrap().1.is_empty());
}

fn surroundings() -> Surroundings {
    Surroundings {
        partition: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
        identities: ["example.com", "example.org", "noreply@example.com"].map(str::to_owned).into(),
        configuration_sets: Vec::new(),
        unconfigured: vec![Key::SourceVpc, Key::SourceVpce],
        families: vec![Family::V4, Family::V6],
        reach: Reach::Anywhere,
        // 2026-06-01
        now: UNIX_EPOCH + Duration::from_hours(494_520),
    }
}

/// Mails have a configuration set, and listeners are on loopback, only where that is the point.
fn surroundings_of(name: &str) -> Surroundings {
    match name.split('_').next() {
        Some("CONFIGSET") => {
            Surroundings { configuration_sets: vec!["transactional".to_owned()], ..surroundings() }
        }
        Some("LOOPBACK") => Surroundings { reach: Reach::ThisMachine, ..surroundings() },
        _ => surroundings(),
    }
}

/// By name: the documents that apply together, each with its name.
fn cases() -> BTreeMap<String, Vec<(String, String)>> {
    let mut cases = BTreeMap::new();
    for entry in fs::read_dir(LINTS).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let documents = json_files(&path)
                .into_iter()
                .map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), read(&file)));
            cases.insert(name, documents.collect());
        } else if let Some(case) = name.strip_suffix(".json") {
            cases.insert(case.to_owned(), vec![(String::new(), read(&path))]);
        }
    }
    cases
}

fn is_counterpart(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end == "not")
}

/// Of the language and of the lints, as the relay finds them when it loads.
fn findings(documents: &[(String, String)], surroundings: &Surroundings) -> Vec<Vec<Finding>> {
    let sources: Vec<Source<'_>> = documents.iter().map(|(name, text)| Source { name, text }).collect();
    let mut all = lint(&sources, surroundings);
    for ((name, text), found) in documents.iter().zip(&mut all) {
        found.extend(Document::parse(name, text).map_or_else(|findings| findings, |(_, findings)| findings));
        found.sort_by_key(|finding| finding.span.start);
    }
    all
}

fn told(documents: &[(String, String)], surroundings: &Surroundings) -> String {
    let mut told = String::new();
    for ((name, text), findings) in documents.iter().zip(findings(documents, surroundings)) {
        for Finding { code, level, span, path, message, fix } in findings {
            let Position { line, column } = Position::of(text, span.start);
            let width = text.get(span.start..span.end).unwrap().chars().count();
            let fix = fix.map(|fix| format!("    {fix}\n")).unwrap_or_default();
            let separator = if name.is_empty() { "" } else { ":" };
            writeln!(told, "{name}{separator}{line}:{column}+{width} {level} {code} {path}: {message}")
                .unwrap();
            told += &fix;
        }
    }
    told
}

/// What looks like a code in the sources of the policy language.
fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for folder in ["src/policy", "src/policy/lint"] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let is_code = |word: &&str| {
                word.len() > 6
                    && word
                        .bytes()
                        .all(|octet| octet.is_ascii_uppercase() || matches!(octet, b'_' | b'0'..=b'9'))
                    && word.starts_with(|letter: char| letter.is_ascii_uppercase())
            };
            codes.extend(read(&path).split('"').filter(is_code).map(str::to_owned));
        }
    }
    codes
}

fn json_files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|error| panic!("{:?}: {error}", path.as_ref()))
}
