//! A wire between a client and the relay that keeps what the client says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Listens for as long as the test runs.
#[derive(Debug)]
pub struct Tap {
    pub address: SocketAddr,
    heard: Heard,
}

/// All that was said, connection by connection.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

impl Tap {
    pub async fn start(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), Heard::default());
        tokio::spawn(listen(listener, relay, heard.clone()));
        Self { address, heard }
    }

    pub fn connections(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }

    /// The messages as they were meant: with CRLF alone, and without the dots of RFC 5321 section 4.5.2.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for said in self.connections() {
            let mut lines = said.split_inclusive(|octet| *octet == b'\n');
            while lines.by_ref().any(|line| line.eq_ignore_ascii_case(b"DATA\r\n")) {
                let mut message = Vec::new();
                for line in lines.by_ref().take_while(|line| line != b".\r\n") {
                    let line = line.strip_suffix(b"\n").unwrap();
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
                    message.extend_from_slice(b"\r\n");
                }
                messages.push(message);
            }
        }
        messages
    }
}

async fn listen(listener: TcpListener, relay: SocketAddr, heard: Heard) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let relay = TcpStream::connect(relay).await.unwrap();
        // Small pieces of a dialogue must not wait for each other, or the tap would slow it down.
        client.set_nodelay(true).unwrap();
        relay.set_nodelay(true).unwrap();
        let connection = {
            let mut heard = heard.lock().unwrap();
            heard.push(Vec::new());
            heard.len() - 1
        };
        let ((from_client, to_client), (from_relay, to_relay)) = (client.into_split(), relay.into_split());
        let heard = heard.clone();
        tokio::spawn(carry(from_client, to_relay, move |octets| {
            heard.lock().unwrap()[connection].extend_from_slice(octets);
        }));
        tokio::spawn(carry(from_relay, to_client, |_| {}));
    }
}

/// Until either side is gone. Dropping the half says so to the other.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, listen: impl Fn(&[u8])) {
    let mut octets = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut octets).await {
        listen(&octets[..count]);
        if to.write_all(&octets[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
