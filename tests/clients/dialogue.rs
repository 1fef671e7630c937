//! One mail said by hand, for tests that are about what the relay does behind it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Says a mail from the app to Bob, and returns what is said to the final dot.
pub async fn send_hello(relay: SocketAddr, sender: &str) -> String {
    let message = format!("From: {sender}\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\nHello Bob\r\n");
    send(relay, sender, &["bob@example.com"], message.as_bytes()).await
}

/// Says a mail in one piece, as PIPELINING allows, and returns what is said to the final dot.
pub async fn send(relay: SocketAddr, sender: &str, recipients: &[&str], message: &[u8]) -> String {
    let mut dialogue = format!("EHLO app\r\nMAIL FROM:<{sender}>\r\n").into_bytes();
    for recipient in recipients {
        dialogue.extend_from_slice(format!("RCPT TO:<{recipient}>\r\n").as_bytes());
    }
    dialogue.extend_from_slice(b"DATA\r\n");
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        dialogue.extend_from_slice(if line.starts_with(b".") { b"." } else { b"" });
        dialogue.extend_from_slice(line);
    }
    dialogue.extend_from_slice(b".\r\nQUIT\r\n");
    let mut heard = String::new();
    let talk = async {
        let (mut read, mut write) = TcpStream::connect(relay).await.unwrap().into_split();
        let say = async { write.write_all(&dialogue).await.unwrap() };
        let ((), said) = tokio::join!(say, read.read_to_string(&mut heard));
        said.unwrap();
    };
    timeout(PATIENCE, talk).await.unwrap();
    let (_, said) = heard.split_once("\r\n354 ").unwrap_or_else(|| panic!("no 354: {heard}"));
    said.lines().nth(1).unwrap_or_else(|| panic!("nothing after 354: {heard}")).to_owned()
}
