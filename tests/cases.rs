#![cfg(test)]
//! `sesgate test`: that the samples pass their own tests, how a failure looks, what is said of a bad file.
//!
//! `tests/cases/*.txt`, `*.json`, `*.xml` are what the program says of the files beside them. `BLESS=1` writes
//! them anew.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    // Neither settings nor a login.
    let output = command.arg("test").args(arguments).env_clear().output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}

fn check(arguments: &[&str], golden: &str, expected_code: i32) -> String {
    let (code, found) = run(arguments);
    let golden = PathBuf::from(golden);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&golden).unwrap_or_default(), "{}", golden.display());
    assert_eq!(code, expected_code, "{found}");
    assert!(!found.contains('\x1b'), "colour in a pipe");
    found
}

#[test]
fn the_samples_pass_their_own_tests_which_cover_every_statement() {
    let (code, found) = run(&["config/policy", "--min-coverage", "100", "--format", "json"]);
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!((code, &found["failed"]), (0, &json!(0)), "{found:#}");
    assert!(found["passed"].as_u64().unwrap() >= 37, "tests are lost");
    // Four that are in force and six examples.
    assert_eq!(found["coverage"]["statements"], 10);
    assert_eq!(found["coverage"]["percent"], 100);
}

#[test]
fn the_samples_pass_their_tests_under_the_sample_configuration_too() {
    let (code, found) = run(&["config/policy/sample.test.toml", "--config", "config/sesgate.toml"]);
    assert_eq!(code, 0, "{found}");
    assert!(found.contains("4 of 4 statements decide a test (100 %)"), "{found}");
}

#[test]
fn a_failure_says_what_was_expected_and_what_came_instead() {
    check(&["tests/cases/mixed.test.toml"], "tests/cases/mixed.txt", 1);
    let found = check(&["tests/cases/mixed.test.toml", "--format", "json"], "tests/cases/mixed.json", 1);
    let found: Value = serde_json::from_str(&found).unwrap();
    let cases = found["cases"].as_array().unwrap();
    let passed = cases.iter().filter(|case| case["passed"] == true).count();
    assert_eq!(
        (json!(passed), json!(cases.len() - passed)),
        (found["passed"].clone(), found["failed"].clone())
    );
    check(&["tests/cases/mixed.test.toml", "--format", "junit"], "tests/cases/mixed.xml", 1);
}

#[test]
fn too_little_coverage_fails_though_all_tests_pass() {
    let path = "tests/cases/some.test.toml";
    let coverage = |min: &str| run(&[path, "--min-coverage", min]);
    let (code, found) = coverage("40");
    assert_eq!(code, 0, "{found}");
    let (code, found) = coverage("41");
    assert_eq!(code, 1, "{found}");
    assert!(found.contains("2 of 5 statements decide a test (40 %), fewer than 41 %"), "{found}");
    check(&[path, "--min-coverage", "41", "--format", "junit"], "tests/cases/some.xml", 1);
    assert_eq!(coverage("101").0, 2);
}

#[test]
fn a_bad_file_is_told_with_its_places_and_nothing_is_run() {
    let mut paths: Vec<PathBuf> =
        fs::read_dir("tests/cases/bad").unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    assert!(paths.len() >= 6);
    for path in paths {
        let path = path.to_str().unwrap();
        check(&[path], &path.replace(".test.toml", ".txt"), 2);
    }
}

#[test]
fn what_is_not_there_is_bad_usage() {
    for (path, expected) in [
        ("tests/cases/none.test.toml", "cannot read `tests/cases/none.test.toml`"),
        ("tests/explain", "no file under `tests/explain` ends with `.test.toml`"),
    ] {
        let (code, found) = run(&[path]);
        assert_eq!(code, 2, "{found}");
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn a_folder_is_searched_and_policies_are_never_tests_nor_tests_policies() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    fs::copy("config/policy/allow-sending.json", inner.join("allow.json")).unwrap();
    let case = "[[case]]\nname = \"it\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\npolicies = [\"*\"]\nexpect = \"allow\"\n";
    fs::write(inner.join("it.test.toml"), case).unwrap();
    fs::write(folder.path().join(".git/old.test.toml"), "nonsense").unwrap();
    let (code, found) = run(&[folder.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{found}");
    assert!(found.contains("1 passed, 0 failed\n1 of 1 statements decide a test (100 %)"), "{found}");
}
