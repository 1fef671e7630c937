//! `sesgate diff` and `sesgate who` as they are typed: a folder for each case, with what is printed beside it.
//! `BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each folder holds `old` and `new`, and in `commands` what is asked of them, a command a line.
#[test]
fn what_is_printed_is_what_stands_beside_the_policies() {
    let mut folders: Vec<PathBuf> =
        fs::read_dir("tests/compare/cases").unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 6);
    for folder in folders {
        let mut told = String::new();
        for line in fs::read_to_string(folder.join("commands")).unwrap().lines() {
            let arguments: Vec<&str> = line.split_whitespace().collect();
            write!(told, "$ sesgate {line}\n{}\n", run(&folder, &arguments)).unwrap();
        }
        let golden = folder.join("printed.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &told).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(told, expected, "{folder:?}");
    }
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sesgate"))
        .args(arguments)
        .current_dir(folder)
        // Where only policies are judged, no secret has to be at hand.
        .env_clear()
        .output()
        .unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    format!("{out}{err}exit code {}\n", output.status.code().unwrap())
}
