//! Why a TLS handshake failed, as it concerns whoever has to mend it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HandshakeFailure {
    reason: Reason,
    /// What the client sent.
    alert: Option<AlertDescription>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Untrusted,
    NoClientCertificate,
    ClientCertificateExpired,
    ClientCertificateUnknown,
    Incompatible,
    NotTls,
    Ended,
    TooSlow,
    BrokenOff,
}

impl HandshakeFailure {
    pub(super) fn of(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
        let alert = match tls {
            Some(Error::AlertReceived(alert)) => Some(*alert),
            Some(_) | None => None,
        };
        Self { reason: Reason::of(tls, error.kind()), alert }
    }

    /// Of few.
    pub(super) fn word(self) -> &'static str {
        match self.reason {
            Reason::Untrusted => "untrusted",
            Reason::NoClientCertificate => "no-client-certificate",
            Reason::ClientCertificateExpired => "client-certificate-expired",
            Reason::ClientCertificateUnknown => "client-certificate-unknown",
            Reason::Incompatible => "incompatible",
            Reason::NotTls => "not-tls",
            Reason::Ended => "ended",
            Reason::TooSlow => "timeout",
            Reason::BrokenOff => "broken-off",
        }
    }

    /// By its name (RFC 8446 section 6), empty if the client sent none.
    pub(super) fn alert(self) -> &'static str {
        self.alert.map_or("", |alert| alert.as_str().unwrap_or("unknown"))
    }

    pub(super) fn meaning(self) -> &'static str {
        match self.reason {
            Reason::Untrusted => {
                "the client does not trust the certificate, or not for the name or address that it connects to"
            }
            Reason::NoClientCertificate => "the client showed no certificate",
            Reason::ClientCertificateExpired => "the client's certificate has expired",
            Reason::ClientCertificateUnknown => {
                "no authority of `client_ca_file` vouches for the client's certificate"
            }
            Reason::Incompatible => "the client has no TLS version or cipher suite in common with the relay",
            Reason::NotTls => "the client does not speak TLS",
            Reason::Ended => "the client ended it",
            Reason::TooSlow => "it took too long",
            Reason::BrokenOff => "it broke off",
        }
    }
}

impl Reason {
    fn of(tls: Option<&Error>, kind: io::ErrorKind) -> Self {
        match (tls, kind) {
            (
                Some(Error::AlertReceived(
                    AlertDescription::UnknownCA
                    | AlertDescription::BadCertificate
                    | AlertDescription::CertificateUnknown
                    | AlertDescription::CertificateExpired
                    | AlertDescription::DecryptError
                    | AlertDescription::UnsupportedCertificate,
                )),
                _,
            ) => Self::Untrusted,
            (Some(Error::NoCertificatesPresented), _) => Self::NoClientCertificate,
            (
                Some(Error::InvalidCertificate(
                    CertificateError::Expired | CertificateError::ExpiredContext { .. },
                )),
                _,
            ) => Self::ClientCertificateExpired,
            (Some(Error::InvalidCertificate(_)), _) => Self::ClientCertificateUnknown,
            (Some(Error::PeerIncompatible(_)), _) => Self::Incompatible,
            (Some(Error::InvalidMessage(_)), _) => Self::NotTls,
            (None, io::ErrorKind::UnexpectedEof) => Self::Ended,
            (None, io::ErrorKind::TimedOut) => Self::TooSlow,
            (Some(_) | None, _) => Self::BrokenOff,
        }
    }
}
