//! `sesgate hash-password`: what stands for a password in the configuration.

use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin, stdout};

use crate::admission::PasswordHash;
use crate::cli::Exit;
use crate::secret::Secret;

/// As much as a client can say in a login.
const PASSWORD_OCTETS_MAX: usize = 1024;
/// One octet more than the longest password and its line end: then it is too long.
const INPUT_OCTETS_MAX: u64 = PASSWORD_OCTETS_MAX as u64 + 3;

/// The password comes from standard input, one line; never from an argument, which every user of the machine can
/// see. The hash is argon2id with 19 MiB of memory, two passes and one lane (m=19456,t=2,p=1), as OWASP recommends,
/// and a salt of its own, so the same password has another hash every time
#[derive(Debug, clap::Args)]
pub struct Arguments {}

pub fn run(_: &Arguments) -> Exit {
    let hash = password().and_then(|password| {
        PasswordHash::new(&password).map_err(|error| format!("the password could not be hashed: {error}"))
    });
    match hash {
        Ok(hash) => match writeln!(stdout(), "{}", hash.as_str()) {
            Ok(()) => Exit::Done,
            Err(_) => Exit::Failed,
        },
        Err(reason) => {
            let _ = writeln!(stderr(), "error: {reason}");
            Exit::Usage
        }
    }
}

fn password() -> Result<Secret, String> {
    if stdin().is_terminal() {
        let _ = writeln!(stderr(), "Password, then Enter (it shows as you type; a pipe is better):");
    }
    let mut line = String::new();
    stdin()
        .lock()
        .take(INPUT_OCTETS_MAX)
        .read_line(&mut line)
        .map_err(|error| format!("the password could not be read from standard input: {error}"))?;
    let text = line.strip_suffix('\n').unwrap_or(&line);
    let text = Secret::new(text.strip_suffix('\r').unwrap_or(text).to_owned());
    let password = text.expose();
    if password.is_empty() {
        Err("no password: give it on standard input".to_owned())
    } else if password.len() > PASSWORD_OCTETS_MAX {
        Err(format!("the password is longer than {PASSWORD_OCTETS_MAX} octets, more than a client can send"))
    } else if password.chars().any(char::is_control) {
        Err("the password holds a control character, which many clients cannot send".to_owned())
    } else {
        Ok(text)
    }
}
