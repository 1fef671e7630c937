//! Runs the programs that a test drives.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a program said of its mails, and with which exit code it left.
#[derive(Debug)]
pub struct Said {
    pub exit_code: Option<i32>,
    pub text: String,
}

/// Runs a program to its end.
pub async fn run(mut command: Command) -> Said {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.expect("an end in time").unwrap();
    let text = [output.stdout, output.stderr].concat();
    Said { exit_code: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() }
}
