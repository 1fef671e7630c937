//! One mail said by hand, for tests that are about what the relay does behind it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Says a mail from the app to Bob in one piece, as PIPELINING allows, and returns what is said to the final dot.
pub async fn send_hello(relay: SocketAddr, sender: &str) -> String {
    let dialogue = format!(
        "EHLO app\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n\
         From: {sender}\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\nHello Bob\r\n.\r\nQUIT\r\n"
    );
    let mut heard = String::new();
    let talk = async {
        let mut stream = TcpStream::connect(relay).await.unwrap();
        stream.write_all(dialogue.as_bytes()).await.unwrap();
        stream.read_to_string(&mut heard).await.unwrap();
    };
    timeout(PATIENCE, talk).await.unwrap();
    let (_, said) = heard.split_once("\r\n354 ").unwrap_or_else(|| panic!("no 354: {heard}"));
    said.lines().nth(1).unwrap_or_else(|| panic!("nothing after 354: {heard}")).to_owned()
}
