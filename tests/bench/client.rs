//! An SMTP client as small as it can be, for thousands of them share a process and its processors with the measuring.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_mins(1);
/// Connections that are being opened at once.
const OPENING_MAX: usize = 50;

/// To the relay, or to what is measured in its place, and whether by TLS.
#[derive(Clone)]
pub struct Way {
    pub address: SocketAddr,
    pub tls: Option<TlsConnector>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub struct Client {
    stream: Box<dyn Stream>,
    unread: BytesMut,
}

impl Way {
    /// From this address, past the greeting and EHLO.
    pub async fn connect(&self, from: IpAddr) -> Client {
        let socket = TcpSocket::new_v4().expect("a descriptor");
        socket.bind((from, 0).into()).expect("a port");
        let stream = socket.connect(self.address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::from(self.address.ip());
                Box::new(tls.connect(name, stream).await.expect("a handshake"))
            }
        };
        let mut client = Client { stream, unread: BytesMut::new() };
        let greeting = client.hear().await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        client.ask("EHLO app.test\r\n").await;
        client
    }

    /// Clients past their EHLO, 100 from each address: as many as `limits.connections_per_address_max` lets in.
    pub async fn crowd(&self, numbers: Range<usize>) -> Vec<Client> {
        let places = Arc::new(Semaphore::new(OPENING_MAX));
        let mut opening = JoinSet::new();
        for number in numbers {
            let (way, places) = (self.clone(), Arc::clone(&places));
            opening.spawn(async move {
                let _place = places.acquire().await.expect("a place");
                let address = u8::try_from(number / 100).expect("at most 25,600 connections");
                way.connect([127, 0, 1, address].into()).await
            });
        }
        opening.join_all().await
    }
}

impl Client {
    pub async fn say(&mut self, octets: &[u8]) {
        // One that was told to leave may be gone before it hears it.
        let _ = self.stream.write_all(octets).await;
        let _ = self.stream.flush().await;
    }

    /// One reply, all its lines; nothing at the end of the connection. It can be dropped while it waits.
    pub async fn hear(&mut self) -> String {
        loop {
            if let Some(octets) = reply_octets(&self.unread) {
                return String::from_utf8_lossy(&self.unread.split_to(octets)).into_owned();
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.unread));
            if read.await.expect("a reply in time").unwrap_or(0) == 0 {
                return String::new();
            }
        }
    }

    pub async fn ask(&mut self, command: &str) -> String {
        self.say(command.as_bytes()).await;
        let reply = self.hear().await;
        assert!(reply.starts_with(['2', '3']), "{command}{reply}");
        reply
    }
}

/// How many octets the first reply takes, if all of it is there: the last line has no hyphen behind its code.
fn reply_octets(unread: &[u8]) -> Option<usize> {
    let mut octets = 0;
    for line in unread.split_inclusive(|octet| *octet == b'\n') {
        octets += line.len();
        if line.ends_with(b"\n") && line.get(3) != Some(&b'-') {
            return Some(octets);
        }
    }
    None
}
