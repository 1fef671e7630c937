#![cfg(test)]
//! The login over real TLS on loopback: what must be proven is, and what cannot be proven fails closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ServerConfig, SupportedProtocolVersion};
use sesgate::credentials::{Keyring, Login};
use sesgate::secret::Secret;
use sesgate::upstream::{Health, Roots, Security, Settings, Upstream};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const NAME: &str = "email-smtp.eu-west-1.amazonaws.com";

/// A certificate authority of the test's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: Vec<u8>,
}

/// What the server of a test is like.
struct Server {
    security: Security,
    name: &'static str,
    year_of_expiry: i32,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl Server {
    fn new(security: Security) -> Self {
        Self { security, name: NAME, year_of_expiry: 2100, versions: vec![&TLS12, &TLS13] }
    }

    /// Serves logins on a port of its own, and counts the TLS sessions that were resumed.
    async fn start(self, authority: &Authority) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(self.tls_config(authority)));
        let resumed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&resumed);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that refuses the certificate ends the session, which is what some tests are about.
                let _ = serve(stream, self.security, &acceptor, &count).await;
            }
        });
        (port, resumed)
    }

    fn tls_config(&self, authority: &Authority) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([self.name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(self.year_of_expiry, 1, 1);
        let certificate = params.signed_by(&key, &authority.issuer).unwrap();
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap()
    }
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem().into_bytes();
        Self { issuer: Issuer::new(params, key), pem }
    }
}

async fn serve(
    mut stream: TcpStream,
    security: Security,
    acceptor: &TlsAcceptor,
    resumed: &AtomicUsize,
) -> std::io::Result<()> {
    if security == Security::StartTls {
        stream.write_all(b"220 ready\r\n").await?;
        let mut in_clear = BufStream::new(&mut stream);
        answer(&mut in_clear, "EHLO", "250-here\r\n250-AUTH PLAIN\r\n250 STARTTLS").await?;
        answer(&mut in_clear, "STARTTLS", "220 go").await?;
    }
    let mut secured = acceptor.accept(stream).await?;
    if secured.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
        resumed.fetch_add(1, Ordering::SeqCst);
    }
    if security == Security::ImplicitTls {
        secured.write_all(b"220 ready\r\n").await?;
    }
    let mut secured = BufStream::new(secured);
    answer(&mut secured, "EHLO", "250-here\r\n250 AUTH PLAIN").await?;
    answer(&mut secured, "AUTH PLAIN ", "235 welcome").await?;
    answer(&mut secured, "QUIT", "221 bye").await
}

async fn answer(
    stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>,
    verb: &str,
    text: &str,
) -> std::io::Result<()> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    assert!(line.starts_with(verb), "heard `{line}` for {verb}");
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}

fn settings(port: u16, security: Security, roots: &[u8]) -> Settings {
    Settings {
        port,
        security,
        server_name: NAME.to_owned(),
        roots: Roots::Pem(roots.to_vec()),
        ..Settings::new("127.0.0.1")
    }
}

fn upstream(settings: Settings) -> Upstream {
    let login = Login::new("user".to_owned(), Secret::new("password".to_owned())).unwrap();
    Upstream::over_tcp(settings, Some(Keyring::of(login))).unwrap()
}

/// What keeps the relay from logging in to this server.
async fn cause(server: Server, authority: &Authority, trusted: &Authority) -> String {
    let security = server.security;
    let (port, _) = server.start(authority).await;
    upstream(settings(port, security, &trusted.pem)).probe().await.unwrap_err().causes()
}

#[tokio::test]
async fn the_login_goes_through_tls_of_either_kind_and_version() {
    let authority = Authority::new("ours");
    for security in [Security::ImplicitTls, Security::StartTls] {
        for version in [&TLS12, &TLS13] {
            let (port, resumed) =
                Server { versions: vec![version], ..Server::new(security) }.start(&authority).await;
            let upstream = upstream(settings(port, security, &authority.pem));
            for _ in 0..3 {
                upstream.probe().await.unwrap();
            }
            assert!(matches!(upstream.health(), Health::Up));
            assert_eq!(resumed.load(Ordering::SeqCst), 2, "{security:?} {version:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_prove_its_name_gets_no_login() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for security in [Security::ImplicitTls, Security::StartTls] {
        let wrong_name = Server { name: "email-smtp.us-east-1.amazonaws.com", ..Server::new(security) };
        let cause_of_name = cause(wrong_name, &ours, &ours).await;
        assert!(cause_of_name.contains("not valid for name"), "{cause_of_name}");

        let cause_of_issuer = cause(Server::new(security), &theirs, &ours).await;
        assert!(cause_of_issuer.contains("UnknownIssuer"), "{cause_of_issuer}");

        let expired = Server { year_of_expiry: 2020, ..Server::new(security) };
        let cause_of_age = cause(expired, &ours, &ours).await;
        assert!(cause_of_age.contains("expired"), "{cause_of_age}");
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_login() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 ready\r\n").await.unwrap();
        let mut heard = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard).await;
        heard
    });
    let error = upstream(settings(port, Security::ImplicitTls, &Authority::new("ours").pem))
        .probe()
        .await
        .unwrap_err();
    assert!(error.causes().starts_with("the TLS handshake failed"), "{}", error.causes());
    let heard = server.await.unwrap();
    assert!(!heard.windows(4).any(|octets| octets == b"EHLO" || octets == b"AUTH"));
}

#[tokio::test]
async fn clear_text_goes_to_this_host_only() {
    // 192.0.2.1 is for documents (RFC 5737): nothing is sent there, since the address alone is refused.
    let upstream = upstream(Settings { security: Security::None, ..Settings::new("192.0.2.1") });
    let error = upstream.probe().await.unwrap_err();
    assert_eq!(error.causes(), "192.0.2.1:465 is not a loopback address, and clear text goes nowhere else");
}

#[tokio::test]
async fn what_can_never_work_is_refused_at_once() {
    let login = || Login::new("user".to_owned(), Secret::new("password".to_owned())).unwrap();
    let pem = Authority::new("ours").pem;
    let fine = settings(465, Security::ImplicitTls, &pem);
    for (settings, expected) in [
        (
            Settings { server_name: "not a name".to_owned(), ..fine.clone() },
            "`not a name` is not a host name",
        ),
        (
            Settings { roots: Roots::Pem(b"nothing".to_vec()), ..fine.clone() },
            "no usable certificate authority",
        ),
        (Settings { ehlo_name: "a\r\nMAIL FROM:<>".to_owned(), ..fine.clone() }, "cannot be said in EHLO"),
    ] {
        let error = Upstream::over_tcp(settings, Some(Keyring::of(login()))).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
