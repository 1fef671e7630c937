//! One question to a relay's admin listener, over HTTP: of that no more is needed than that the relay closes behind its
//! answer.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::secret::Secret;

/// Docker's own time-out for a health check is longer.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// The metrics of a thousand apps are a tenth of it.
const ANSWER_OCTETS_MAX: u64 = 16 * 1024 * 1024;

/// The status and the body. Why there is neither is said in words.
pub fn get(address: SocketAddr, path: &str, token: Option<&Secret>) -> Result<(u16, String), String> {
    let authorization =
        token.map_or_else(String::new, |token| format!("Authorization: Bearer {}\r\n", token.expose()));
    let question = Secret::new(format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{authorization}\r\n"
    ));
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(question.expose().as_bytes())?;
        let mut answer = String::new();
        stream.take(ANSWER_OCTETS_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| in_words(&error))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let strange = || format!("it says `{}`", head.lines().next().unwrap_or_default().escape_debug());
    status.map(|status| (status, body.to_owned())).ok_or_else(strange)
}

/// The system's own words for a time-out are that a resource is unavailable.
pub fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("it does not answer within {TIMEOUT:?}"),
        _ => error.to_string(),
    }
}
