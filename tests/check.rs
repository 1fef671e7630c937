#![cfg(test)]
//! `sesgate check` as a person and a program see it: what is found, how it is summed up, and the exit code.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const FOLDER: &str = "tests/check";

#[test]
fn doubts_are_shown_where_they_stand_and_the_relay_would_start() {
    let output = check(&[], "policy/*.json");
    assert_eq!(output.status.code(), Some(0));
    matches("doubts.txt", &spoken(&output));
}

#[test]
fn a_program_reads_codes_levels_paths_and_spans() {
    let output = check(&["--format", "json"], "policy/*.json");
    assert_eq!(output.status.code(), Some(0));
    matches("doubts.json.txt", &spoken(&output));
}

#[test]
fn an_error_is_refused() {
    let output = check(&[], "refused/*.json");
    assert_eq!(output.status.code(), Some(2));
    matches("refused.txt", &spoken(&output));
}

#[test]
fn what_is_wrong_with_settings_hides_nothing_that_is_wrong_with_policies() {
    let mut command = sesgate(&["check", "--config", "sesgate.toml"]);
    command.env("SESGATE_POLICY_FILES", "refused/*.json").env("SESGATE_LIMITS_ERRORS_MAX", "none");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    matches("both.txt", &spoken(&output));
}

#[test]
fn the_level_that_fails_can_be_chosen() {
    for (level, code) in [("error", 0), ("security", 2), ("warning", 2), ("suggestion", 2)] {
        let output = check(&["--fail-on", level], "policy/*.json");
        assert_eq!(output.status.code(), Some(code), "{level}");
    }
}

#[test]
fn the_relay_does_not_start_with_what_check_refuses() {
    let output = run(&["serve"], "refused/*.json");
    assert_eq!(output.status.code(), Some(2));
    assert!(spoken(&output).contains("SMTP_ACTION_MISSING"), "{output:?}");
}

/// Billing's Deny would shadow the shop's Allow, if they applied together.
#[test]
fn documents_are_compared_as_they_apply_to_each_app() {
    let output = sesgate(&["check", "--config", "apps.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    matches("apps.txt", &spoken(&output));
}

/// A load balancer on this machine would speak for others.
#[test]
fn networks_that_no_listener_hears_of_are_doubted() {
    let near = [("SESGATE_LISTENER_ADDRESS", "127.0.0.1:2525")];
    let behind = [("SESGATE_LISTENER_PROXY", "required"), ("SESGATE_LISTENER_PROXY_FROM", "127.0.0.1")];
    for (variables, is_doubted) in
        [(&near[..], true), (&[near[0], behind[0], behind[1]], false), (&[], false)]
    {
        let mut command = sesgate(&["check", "--config", "sesgate.toml"]);
        command.env("SESGATE_POLICY_FILES", "../../config/policy/only-the-app-network.json,policy/*.json");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", spoken(&output));
        assert_eq!(spoken(&output).contains("LOOPBACK_LISTENERS"), is_doubted, "{}", spoken(&output));
    }
}

fn check(arguments: &[&str], policies: &str) -> Output {
    run(&[&["check"], arguments].concat(), policies)
}

fn run(arguments: &[&str], policies: &str) -> Output {
    let config = ["--config", "sesgate.toml"];
    sesgate(&[arguments, &config].concat()).env("SESGATE_POLICY_FILES", policies).output().unwrap()
}

fn sesgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    command.args(arguments).env_clear();
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER));
    command
}

/// What was found, on standard error, and then the summary.
fn spoken(output: &Output) -> String {
    [&output.stderr[..], &output.stdout].map(String::from_utf8_lossy).concat()
}

/// `BLESS=1` writes the file anew.
fn matches(golden: &str, spoken: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(golden);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, spoken).unwrap();
    }
    assert_eq!(spoken, fs::read_to_string(&path).unwrap(), "{golden}");
}
