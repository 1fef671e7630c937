//! A small SMTP client that hears every octet: TCP or TLS, lines out, lines in, nothing understood.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How a line is written: in one piece, or octet by octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Whole,
    Octets,
}

pub struct Client {
    stream: Box<dyn Stream>,
    pace: Pace,
}

impl Client {
    pub async fn connect(address: SocketAddr, pace: Pace) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self { stream: Box::new(tcp), pace }
    }

    /// Shakes hands, trusting one authority only.
    pub async fn into_tls(
        self,
        ca_pem: &str,
        server_name: &str,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(server_name.to_owned()).unwrap();
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, self.stream);
        let tls = timeout(PATIENCE, handshake).await.expect("a handshake in time")?;
        Ok(Self { stream: Box::new(tls), pace: self.pace })
    }

    /// A negative answer may come, and the connection be closed, before the last octet is written.
    pub async fn write(&mut self, octets: &[u8]) {
        let pieces = match self.pace {
            Pace::Whole => octets.chunks(octets.len().max(1)),
            Pace::Octets => octets.chunks(1),
        };
        for piece in pieces {
            if self.stream.write_all(piece).await.is_err() || self.stream.flush().await.is_err() {
                return;
            }
        }
    }

    /// One line without its CRLF, or what there was before the connection was closed.
    pub async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            match timeout(PATIENCE, self.stream.read_u8()).await.expect("an answer in time") {
                Ok(octet) => line.push(octet),
                Err(_) => return format!("{}[closed]", String::from_utf8_lossy(&line)),
            }
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Says a line and hears a line.
    pub async fn ask(&mut self, line: &str) -> String {
        self.write(format!("{line}\r\n").as_bytes()).await;
        self.line().await
    }

    /// Says a line and wants one answer.
    pub async fn expect(&mut self, line: &str, answer: &str) {
        assert_eq!(self.ask(line).await, answer, "to {line}");
    }

    /// The first error that reading meets, or the end of the stream.
    pub async fn end(&mut self) -> std::io::Result<usize> {
        timeout(PATIENCE, self.stream.read(&mut [0; 1])).await.expect("an end in time")
    }

    pub async fn envelope(&mut self, sender: &str, recipients: &[&str]) {
        self.expect(&format!("MAIL FROM:{sender}"), "250 Ok").await;
        for recipient in recipients {
            self.expect(&format!("RCPT TO:{recipient}"), "250 Ok").await;
        }
        self.expect("DATA", "354 End data with <CR><LF>.<CR><LF>").await;
    }
}
