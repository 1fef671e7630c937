//! How each program is told to send a file that is a whole message.

use std::net::SocketAddr;
use std::path::Path;

use tokio::process::Command;

use crate::program::{Program, Said, run};

pub async fn send(
    program: Program,
    relay: SocketAddr,
    sender: &str,
    recipients: &[&str],
    file: &Path,
) -> Said {
    match program {
        Program::Smtplib => send_over_one_connection(relay, sender, recipients, &[file]).await,
        Program::Curl => {
            let mut command = Command::new("curl");
            // Without --verbose it does not tell what the server said.
            command.args(["--silent", "--show-error", "--verbose"]).arg(format!("smtp://{relay}"));
            command.args(["--mail-from", sender]);
            command.args(recipients.iter().flat_map(|recipient| ["--mail-rcpt", recipient]));
            command.arg("--upload-file").arg(file);
            run(command).await
        }
        Program::Swaks => {
            let mut command = Command::new("swaks");
            command.args(["--server", &relay.ip().to_string(), "--port", &relay.port().to_string()]);
            command.args(["--from", sender, "--to", &recipients.join(","), "--suppress-data"]);
            command.arg("--data").arg(format!("@{}", file.display()));
            run(command).await
        }
    }
}

/// What smtplib alone of the three can do.
pub async fn send_over_one_connection(
    relay: SocketAddr,
    sender: &str,
    recipients: &[&str],
    files: &[&Path],
) -> Said {
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/send.py"));
    command.args([&relay.ip().to_string(), &relay.port().to_string(), sender, &recipients.join(",")]);
    command.args(files);
    run(command).await
}
