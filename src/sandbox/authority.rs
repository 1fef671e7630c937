//! The stand-in's own certificate authority and server certificate, made at each start and kept in memory only.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};

use crate::sandbox::settings::{Certificate, Settings, TlsVersions};

/// What a TLS server needs, and what a client needs to trust it.
#[derive(Debug)]
pub struct Authority {
    pub ca_pem: String,
    pub tls: Arc<ServerConfig>,
}

/// The authority could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the certificates of the stand-in could not be made")]
    Certificate(#[from] rcgen::Error),
    #[error("the certificates of the stand-in do not make a TLS server")]
    Tls(#[from] rustls::Error),
}

impl Authority {
    /// A CA, and a certificate by it for the region's SES endpoint, the region's VPC endpoints and this machine.
    pub fn new(settings: &Settings) -> Result<Self, AuthorityError> {
        let ca = CertifiedIssuer::self_signed(ca_params(), KeyPair::generate()?)?;
        let server_key = KeyPair::generate()?;
        let params = server_params(&settings.region, settings.certificate)?;
        let certificate = params.signed_by(&server_key, &ca)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let versions = match settings.tls_versions {
            TlsVersions::Tls12And13 => &[&TLS12, &TLS13][..],
            TlsVersions::Tls12 => &[&TLS12],
        };
        let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self { ca_pem: ca.pem(), tls: Arc::new(tls) })
    }
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "sesgate sandbox CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(region: &str, certificate: Certificate) -> Result<CertificateParams, rcgen::Error> {
    let endpoint = format!("email-smtp.{region}.amazonaws.com");
    let names = match certificate {
        Certificate::Valid | Certificate::Expired => vec![
            endpoint.clone(),
            format!("*.email-smtp.{region}.vpce.amazonaws.com"),
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ],
        Certificate::WrongName => vec!["email-smtp.elsewhere-1.amazonaws.com".to_owned()],
    };
    let mut params = CertificateParams::new(names)?;
    if certificate == Certificate::Expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    params.distinguished_name.push(DnType::CommonName, endpoint);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
