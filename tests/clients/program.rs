//! The mail programs that people really point at a relay, as far as this machine has them.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Smtplib,
    Curl,
    Swaks,
}

/// What a program said of its mail, and with which exit code it left.
#[derive(Debug)]
pub struct Said {
    pub exit_code: Option<i32>,
    pub text: String,
}

impl Program {
    /// What is missing is told, and where nothing may be missing, it fails the test.
    pub fn is_installed(self) -> bool {
        let name = self.name();
        let found = std::process::Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok();
        assert!(found || std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{name} is not installed");
        if !found {
            // Not by a macro of printing, whose words nobody sees when the test is green.
            let _ =
                writeln!(std::io::stderr(), "skipped: {name} is not installed, so nothing is sent with it");
        }
        found
    }

    fn name(self) -> &'static str {
        match self {
            Self::Smtplib => "python3",
            Self::Curl => "curl",
            Self::Swaks => "swaks",
        }
    }
}

/// Runs a program to its end.
pub async fn run(mut command: Command) -> Said {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.expect("an end in time").unwrap();
    let text = [output.stdout, output.stderr].concat();
    Said { exit_code: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() }
}
