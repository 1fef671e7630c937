//! The way to SES: a TCP connection, and TLS on it.
//!
//! When TLS begins is not decided here but in `open`. A trait stands between, so that tests can hold the other
//! end of the stream.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::upstream::settings::{Roots, Security, Settings};
use crate::upstream::wire::Stream;

/// SES may think about a mail for ten minutes, and NAT gateways forget a silent connection after less than six.
const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);

/// A stream on its way.
pub type Dialling<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, DialError>> + Send + 'a>>;

/// How a stream to SES comes about. The caller bounds the time of both.
pub trait Dial: Send + Sync + 'static {
    /// A fresh stream in clear.
    fn connect(&self) -> Dialling<'_>;

    /// The same stream within TLS, the server's certificate proven.
    fn secure(&self, clear: Box<dyn Stream>) -> Dialling<'_>;
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("the name `{host}` cannot be resolved")]
    Resolve { host: String, source: io::Error },
    #[error("{0} is not a loopback address, and clear text goes nowhere else")]
    NotLoopback(SocketAddr),
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
}

/// What in the settings can never lead to a stream.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("`{0}` is not a host name or an address that a certificate could bear")]
    ServerName(String),
    #[error("the certificate authorities are not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("no usable certificate authority is given or found on this system")]
    NoRoots,
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    #[error("the program was built without `aws`, which the API of Amazon SES needs")]
    WithoutAws,
    #[error("the certificate authorities cannot be used: {0}")]
    Authorities(String),
    #[error("`{name}` cannot be said in EHLO")]
    EhloName { name: String, source: crate::mail::AddressError },
}

/// The real way: TCP and rustls.
pub struct TcpDial {
    host: String,
    port: u16,
    security: Security,
    server_name: ServerName<'static>,
    tls: TlsConnector,
    connect_timeout: Duration,
}

impl TcpDial {
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let server_name = ServerName::try_from(settings.server_name.clone())
            .map_err(|_| SetupError::ServerName(settings.server_name.clone()))?;
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            security: settings.security,
            server_name,
            tls: TlsConnector::from(Arc::new(tls_config(settings)?)),
            connect_timeout: settings.connect_timeout,
        })
    }

    /// Tries each address. None may take more than its share of the time, or a dead one would hide a live one.
    async fn connect_any(&self) -> Result<TcpStream, DialError> {
        let unresolved = |source| DialError::Resolve { host: self.host.clone(), source };
        let found = lookup_host((self.host.as_str(), self.port)).await.map_err(unresolved)?;
        let addresses: Vec<SocketAddr> = found.collect();
        let until = Instant::now() + self.connect_timeout;
        let mut failure = DialError::Connect(io::ErrorKind::AddrNotAvailable.into());
        for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
            if self.security == Security::None && !address.ip().to_canonical().is_loopback() {
                return Err(DialError::NotLoopback(*address));
            }
            let share = until.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(1);
            failure = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => DialError::Connect(error),
                Err(_) => DialError::Connect(io::ErrorKind::TimedOut.into()),
            };
        }
        Err(failure)
    }
}

impl Dial for TcpDial {
    fn connect(&self) -> Dialling<'_> {
        Box::pin(async {
            let stream = self.connect_any().await?;
            // Each command waits for its answer, so gathering small writes would only delay them.
            stream.set_nodelay(true).map_err(DialError::Connect)?;
            let keepalive =
                TcpKeepalive::new().with_time(KEEPALIVE_INTERVAL).with_interval(KEEPALIVE_INTERVAL);
            SockRef::from(&stream).set_tcp_keepalive(&keepalive).map_err(DialError::Connect)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn secure(&self, clear: Box<dyn Stream>) -> Dialling<'_> {
        Box::pin(async {
            let secured = self.tls.connect(self.server_name.clone(), clear).await.map_err(DialError::Tls)?;
            Ok(Box::new(secured) as Box<dyn Stream>)
        })
    }
}

impl fmt::Debug for TcpDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpDial").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// TLS 1.2 and 1.3. One configuration for all connections, so that they resume each other's sessions.
fn tls_config(settings: &Settings) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(SetupError::Tls)?;
    let roots = match (settings.security, &settings.roots) {
        // Never used: nothing is secured.
        (Security::None, _) => {
            return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        }
        (Security::ImplicitTls | Security::StartTls, roots) => root_store(roots)?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| SetupError::NoRoots)?;
    Ok(builder.with_webpki_verifier(verifier).with_no_client_auth())
}

fn root_store(roots: &Roots) -> Result<RootCertStore, SetupError> {
    let mut store = RootCertStore::empty();
    let certificates = match roots {
        Roots::System => rustls_native_certs::load_native_certs().certs,
        Roots::Pem(pem) => {
            CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(SetupError::Pem)?
        }
    };
    store.add_parsable_certificates(certificates);
    if store.is_empty() { Err(SetupError::NoRoots) } else { Ok(store) }
}
