//! An SMTP client that does what a test tells it, over any stream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client<S: AsyncRead + AsyncWrite>(BufStream<S>);

impl Client<TcpStream> {
    /// Connects, and waits for nothing.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    /// Connects, and hears the greeting.
    pub async fn greeted(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).await;
        assert!(client.hear().await.starts_with("220 "));
        client
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(stream: S) -> Self {
        Self(BufStream::new(stream))
    }

    pub async fn say(&mut self, octets: impl AsRef<[u8]>) {
        self.0.write_all(octets.as_ref()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// One reply, all its lines; nothing at the end of the connection.
    pub async fn hear(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            // A connection that was reset has ended, too.
            let _ = timeout(PATIENCE, self.0.read_line(&mut line)).await.expect("nothing is said");
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            reply.push_str(&line);
            if is_last {
                return reply;
            }
        }
    }

    pub async fn ask(&mut self, command: &str) -> String {
        self.say(format!("{command}\r\n")).await;
        self.hear().await
    }

    /// Sends a mail, from EHLO to the final dot.
    pub async fn send(&mut self) -> String {
        self.begin().await;
        self.say("From: app@example.com\r\n\r\nHello\r\n.\r\n").await;
        self.hear().await
    }

    /// Up to where the message is awaited.
    pub async fn begin(&mut self) {
        assert!(self.ask("EHLO app").await.starts_with("250"));
        assert!(self.ask("MAIL FROM:<app@example.com>").await.starts_with("250"));
        assert!(self.ask("RCPT TO:<bob@example.net>").await.starts_with("250"));
        assert!(self.ask("DATA").await.starts_with("354"));
    }

    pub fn into_inner(self) -> S {
        self.0.into_inner()
    }

    /// The handshake, for this name.
    pub async fn secure(self, name: &str, tls: &TlsConnector) -> std::io::Result<Client<TlsStream<S>>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Ok(Client::new(tls.connect(name, self.into_inner()).await?))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<TlsStream<S>> {
    pub fn certificate(&self) -> CertificateDer<'_> {
        self.0.get_ref().get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    /// Whether an earlier session went on, with what was shown there.
    pub fn is_resumed(&self) -> bool {
        self.0.get_ref().get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

/// Trusts only the one authority.
pub fn connector(
    authority: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The same, with a certificate of its own.
pub fn connector_showing(
    authority: &CertificateDer<'static>,
    (certificate, key): &(CertificateDer<'static>, PrivateKeyDer<'static>),
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
        .unwrap();
    TlsConnector::from(Arc::new(config))
}
