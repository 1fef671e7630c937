//! A certificate that the relay shows to applications, and its private key: read from PEM, made sure of, and
//! chosen by the name that a client asks for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};

/// RFC 5280 section 4.1.2.5: 99991231235959Z is the end of a certificate that has none. This is the second after it.
const END_OF_TIME: Duration = Duration::from_hours(70_389_528);

/// A certificate, those of the authorities between it and a root, and the key.
#[derive(Debug, Clone)]
pub struct ServerCertificate(Arc<CertifiedKey>);

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerCertificateError {
    #[error("the certificate file is not PEM")]
    NotPem(#[source] pem::Error),
    #[error("the certificate file holds no certificate in PEM form")]
    NoCertificate,
    #[error("the certificate is unreadable")]
    Unreadable(#[source] Error),
    /// Neither what is wrong with it nor what it is: errors are shown.
    #[error("the key file holds no private key in PEM form; one with a pass phrase is of no use")]
    NoKey,
    #[error("the private key is of no use")]
    UnusableKey(#[source] Error),
    #[error("the private key is not the certificate's")]
    OtherKey,
}

/// Why clients will not believe a certificate now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotValid {
    #[error("the certificate has expired")]
    Expired,
    #[error("the certificate is not valid yet")]
    NotYet,
}

/// All certificates of one listener.
#[derive(Debug)]
pub struct Certificates(Vec<ServerCertificate>);

impl ServerCertificate {
    /// The server's own certificate comes first in its file.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, ServerCertificateError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(ServerCertificateError::NotPem)?;
        let own = chain.first().ok_or(ServerCertificateError::NoCertificate)?;
        ParsedCertificate::try_from(own).map_err(ServerCertificateError::Unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| ServerCertificateError::NoKey)?;
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        certified.map(|certified| Self(Arc::new(certified))).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => ServerCertificateError::OtherKey,
            error => ServerCertificateError::UnusableKey(error),
        })
    }

    /// Whether its time has come and is not over. Nothing is asked about who vouches for it.
    pub fn check_validity(&self, now: SystemTime) -> Result<(), NotValid> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        match self.complaint(UnixTime::since_unix_epoch(now)) {
            Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                Err(NotValid::Expired)
            }
            Some(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
                Err(NotValid::NotYet)
            }
            _ => Ok(()),
        }
    }

    /// The last moment of its time, which whoever looks at it too late is told.
    fn end(&self) -> Option<SystemTime> {
        match self.complaint(UnixTime::since_unix_epoch(END_OF_TIME)) {
            Some(CertificateError::ExpiredContext { not_after, .. }) => {
                SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(not_after.as_secs()))
            }
            _ => None,
        }
    }

    /// What is wrong with it at that time.
    fn complaint(&self, now: UnixTime) -> Option<CertificateError> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        // The time is looked at first. Without a root the search for one then always fails.
        let verified = verify_server_cert_signed_by_trust_anchor(
            &self.parsed()?,
            &RootCertStore::empty(),
            &[],
            now,
            algorithms.all,
        );
        match verified {
            Err(Error::InvalidCertificate(complaint)) => Some(complaint),
            Ok(()) | Err(_) => None,
        }
    }

    fn covers(&self, name: &ServerName<'_>) -> bool {
        self.parsed().is_some_and(|own| verify_server_name(&own, name).is_ok())
    }

    fn parsed(&self) -> Option<ParsedCertificate<'_>> {
        self.0.cert.first().and_then(|own| ParsedCertificate::try_from(own).ok())
    }
}

impl PartialEq for ServerCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.cert == other.0.cert
    }
}

impl Certificates {
    /// The first one is for clients that name no server, or none that any of them is for.
    pub fn new(certificates: Vec<ServerCertificate>) -> Self {
        Self(certificates)
    }

    /// When the first of them expires.
    pub(super) fn first_end(&self) -> Option<SystemTime> {
        self.0.iter().filter_map(ServerCertificate::end).min()
    }
}

impl ResolvesServerCert for Certificates {
    /// Of those that the client can verify, one for the name that it asks for, else the first.
    fn resolve(&self, client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let Self(certificates) = self;
        let name = client.server_name().and_then(|name| ServerName::try_from(name).ok());
        let can_verify = |certificate: &&ServerCertificate| {
            certificate.0.key.choose_scheme(client.signature_schemes()).is_some()
        };
        let named = name.and_then(|name| {
            certificates.iter().filter(can_verify).find(|certificate| certificate.covers(&name))
        });
        let chosen = named.or_else(|| certificates.iter().find(can_verify)).or_else(|| certificates.first());
        chosen.map(|certificate| Arc::clone(&certificate.0))
    }
}
