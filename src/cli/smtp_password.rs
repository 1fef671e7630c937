//! `sesgate smtp-password`: the SES SMTP password of an IAM secret access key.

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};

use crate::cli::Exit;
use crate::config;
use crate::credentials::smtp_password;
use crate::secret::Secret;

/// Where the secret access key may come from beside standard input: AWS's own name for it.
const VARIABLE: &str = "AWS_SECRET_ACCESS_KEY";
/// A secret access key has 40 characters; more than this is another file.
const INPUT_OCTETS_MAX: u64 = 1024;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The secret access key comes from AWS_SECRET_ACCESS_KEY if that is set, else from standard \
    input;\nnever from an argument, which every user of the machine can see:\n\n  \
    sesgate smtp-password --region eu-west-1 < secret-access-key"
)]
pub struct Arguments {
    /// The region of the SES endpoint: the password is good there only
    #[arg(long, value_name = "REGION", value_parser = config::region)]
    region: String,
    /// A key where none may be. Clap's own message would repeat it.
    #[arg(hide = true)]
    misplaced: Option<OsString>,
}

pub fn run(arguments: &Arguments) -> Exit {
    let key = match &arguments.misplaced {
        None => secret_access_key(),
        Some(_) => Err(
            "arguments show in the list of processes and stay in the shell's history: if that was a secret \
            access key, replace it; then give the new one on standard input"
                .to_owned(),
        ),
    };
    match key {
        Ok(secret) => print(&smtp_password(&secret, &arguments.region)),
        Err(reason) => {
            let _ = writeln!(stderr(), "error: {reason}");
            Exit::Usage
        }
    }
}

fn print(password: &Secret) -> Exit {
    match writeln!(stdout(), "{}", password.expose()) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Failed,
    }
}

fn secret_access_key() -> Result<Secret, String> {
    let text = match std::env::var(VARIABLE) {
        Ok(text) => text,
        Err(_) => from_input()?,
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("no secret access key: give it on standard input or in {VARIABLE}"));
    }
    if text.contains(char::is_whitespace) {
        return Err("the secret access key holds white space: give the key alone, on one line".to_owned());
    }
    Ok(Secret::new(text.to_owned()))
}

fn from_input() -> Result<String, String> {
    if stdin().is_terminal() {
        let _ = writeln!(
            stderr(),
            "Secret access key, then Enter and Ctrl-D (it shows as you type; a pipe is better):"
        );
    }
    let mut text = String::new();
    stdin()
        .take(INPUT_OCTETS_MAX)
        .read_to_string(&mut text)
        .map_err(|error| format!("the secret access key could not be read from standard input: {error}"))?;
    Ok(text)
}
