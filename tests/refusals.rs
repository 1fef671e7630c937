#![cfg(test)]
//! The program as an operator meets it: what it says when something is wrong, and with which code it leaves.
//!
//! Each `tests/refusals/*.txt` is a session at a shell, in that folder: `$` and a command, what it printed (`1|` on
//! standard output, `2|` on standard error), and its exit code in brackets. Of `{serve,check}`, both say the same.
//! `BLESS=1` writes down what is said now.

use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/refusals");
/// Stands for a port of 127.0.0.1 on which something listens already.
const PORT_IN_USE: &str = "PORT_IN_USE";

/// Everything that a command did, in the words of the session files.
fn run(command: &str, port_in_use: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_sesgate"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let output = Command::new("sh")
        .args(["-c", &command.replace(PORT_IN_USE, port_in_use)])
        .current_dir(FOLDER)
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut told = String::new();
    for (stream, octets) in [(1, output.stdout), (2, output.stderr)] {
        for line in String::from_utf8(octets).unwrap().replace(port_in_use, PORT_IN_USE).lines() {
            let space = if line.is_empty() { "" } else { " " };
            writeln!(told, "{stream}|{space}{line}").unwrap();
        }
    }
    writeln!(told, "[{}]", output.status.code().unwrap()).unwrap();
    told
}

/// Plays a session again: its comments and commands, and what they do now.
fn play(session: &str, port_in_use: &str) -> String {
    let mut played = String::new();
    for line in session.lines() {
        match line.strip_prefix("$ ") {
            None if line.is_empty() || line.starts_with('#') => writeln!(played, "{line}").unwrap(),
            None => {}
            Some(command) if command.contains("{serve,check}") => {
                let [serve, check] =
                    ["serve", "check"].map(|name| run(&command.replace("{serve,check}", name), port_in_use));
                assert_eq!(serve, check, "{command}");
                write!(played, "{line}\n{check}").unwrap();
            }
            Some(command) => write!(played, "{line}\n{}", run(command, port_in_use)).unwrap(),
        }
    }
    played
}

#[test]
fn every_session_goes_as_it_is_written() {
    let occupier = TcpListener::bind("127.0.0.1:0").unwrap();
    let port_in_use = occupier.local_addr().unwrap().port().to_string();
    let mut paths: Vec<_> = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    paths.sort();
    assert!(paths.len() > 10, "the sessions are not where this test looks for them");
    let mut differing = String::new();
    for path in paths {
        let session = fs::read_to_string(&path).unwrap();
        let played = play(&session, &port_in_use);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &played).unwrap();
        } else if played != session {
            writeln!(differing, "{} is now:\n{played}", path.display()).unwrap();
        }
    }
    assert!(differing.is_empty(), "{differing}");
}
