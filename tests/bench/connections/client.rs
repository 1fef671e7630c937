//! An SMTP client of a crowd: as small as it can be, for 11,000 of them share a process with the measuring.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_mins(1);

/// To the relay, and whether by TLS.
#[derive(Clone)]
pub struct Way {
    pub relay: SocketAddr,
    pub tls: Option<TlsConnector>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub struct Client(Box<dyn Stream>);

impl Way {
    /// From this address, past the greeting and EHLO.
    pub async fn connect(&self, from: IpAddr) -> Client {
        let socket = TcpSocket::new_v4().expect("a descriptor");
        socket.bind((from, 0).into()).expect("a port");
        let stream = socket.connect(self.relay).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let mut client = match &self.tls {
            None => Client(Box::new(stream)),
            Some(tls) => {
                let name = ServerName::from(self.relay.ip());
                Client(Box::new(tls.connect(name, stream).await.expect("a handshake")))
            }
        };
        let greeting = client.hear().await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        client.ask("EHLO app.test\r\n").await;
        client
    }
}

impl Client {
    pub async fn say(&mut self, octets: &[u8]) {
        // One that was told to leave may be gone before it hears it.
        let _ = self.0.write_all(octets).await;
        let _ = self.0.flush().await;
    }

    /// One reply, all its lines; nothing at the end of the connection. It can be dropped while it waits for the first
    /// octet.
    pub async fn hear(&mut self) -> String {
        let mut reply = Vec::new();
        loop {
            let mut octets = [0; 1024];
            let length =
                timeout(PATIENCE, self.0.read(&mut octets)).await.expect("a reply in time").unwrap_or(0);
            reply.extend(octets.iter().take(length));
            let text = String::from_utf8_lossy(&reply);
            let last = text.lines().last().unwrap_or_default();
            if length == 0 || (text.ends_with('\n') && last.as_bytes().get(3) != Some(&b'-')) {
                return text.into_owned();
            }
        }
    }

    pub async fn ask(&mut self, command: &str) -> String {
        self.say(command.as_bytes()).await;
        let reply = self.hear().await;
        assert!(reply.starts_with(['2', '3']), "{command}{reply}");
        reply
    }

    /// Up to where the message is awaited.
    pub async fn begin(&mut self, sender: &str) {
        self.ask(&format!("MAIL FROM:<{sender}>\r\n")).await;
        self.ask("RCPT TO:<bob@example.com>\r\n").await;
        self.ask("DATA\r\n").await;
    }
}
