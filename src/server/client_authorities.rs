//! Who vouches for the certificates of clients, and what such a certificate names.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

use crate::mail::CertifiedName;

/// Whether a client has to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// One that it shows has to be good all the same.
    Optional,
    Required,
}

/// Authorities as their file has them.
#[derive(Debug, Clone)]
pub struct Authorities {
    roots: Arc<RootCertStore>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// The authorities of one listener.
#[derive(Debug)]
pub struct ClientAuthorities {
    showing: Showing,
    authorities: Authorities,
}

impl Authorities {
    /// `None` without any.
    pub fn new(roots: RootCertStore) -> Option<Self> {
        let roots = Arc::new(roots);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider).build();
        verifier.ok().map(|verifier| Self { roots, verifier })
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.roots.roots == other.roots.roots
    }
}

impl ClientAuthorities {
    pub fn new(showing: Showing, authorities: Authorities) -> Self {
        Self { showing, authorities }
    }

    fn verifier(&self) -> &dyn ClientCertVerifier {
        self.authorities.verifier.as_ref()
    }
}

impl ClientCertVerifier for ClientAuthorities {
    fn client_auth_mandatory(&self) -> bool {
        self.showing == Showing::Required
    }

    /// No hints: they would have to outlive the authorities. Clients have one certificate as a rule.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verifier().verify_client_cert(own, chain, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}

/// The alternative names of a certificate that was verified. A wildcard names no client.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Arc<[CertifiedName]> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Arc::default() };
    let dns = certificate.valid_dns_names().map(CertifiedName::dns);
    dns.chain(certificate.valid_uri_names().map(CertifiedName::uri)).collect()
}
