//! `[[listener]]`: where applications connect, how TLS begins there, and who may speak for others.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::app::{AppError, RawApp};
use super::check::{Noted, Purpose, Surroundings, note};
use super::error::ConfigError;
use super::footprint::Files;
use super::form::{Flag, OneOf};
use super::load::{self, CertificateError};
use super::section::{Notes, Placed, Presence, Section};
use super::settings::{CertificateFiles, ClientAuthoritiesFile, Listener, ListenerTls};
use super::shape;
use crate::admission::{ClearText, Network, Strangers};
use crate::server::{Authorities, Proxy, ServerCertificate, ServerCertificateError, Showing};

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 2525);
const TLS: OneOf<TlsStart> =
    OneOf(&[("none", TlsStart::Never), ("starttls", TlsStart::OnRequest), ("implicit", TlsStart::AtOnce)]);
const SHOWING: OneOf<Option<Showing>> =
    OneOf(&[("none", None), ("optional", Some(Showing::Optional)), ("required", Some(Showing::Required))]);
const PROXY: OneOf<ProxyUse> = OneOf(&[("none", ProxyUse::None), ("required", ProxyUse::Required)]);

/// What was said of one listener.
#[derive(Debug)]
pub struct RawListener {
    pub name: Placed<String>,
    pub address: Placed<SocketAddr>,
    tls: Placed<TlsStart>,
    require_tls: Placed<bool>,
    certificate_files: Option<Vec<Placed<String>>>,
    key_files: Option<Vec<Placed<String>>>,
    client_certificate: Placed<Option<Showing>>,
    client_ca_file: Option<Placed<String>>,
    proxy: Placed<ProxyUse>,
    proxy_from: Option<Vec<Placed<Network>>>,
    plaintext_login: bool,
    require_login: Placed<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsStart {
    Never,
    OnRequest,
    AtOnce,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProxyUse {
    None,
    Required,
}

impl RawListener {
    /// The keys, for variables that could mean several listeners.
    pub const KEYS: [&'static str; 12] = [
        "name",
        "address",
        "tls",
        "require_tls",
        "certificate_files",
        "key_files",
        "client_certificate",
        "client_ca_file",
        "proxy",
        "proxy_from",
        "plaintext_login",
        "require_login",
    ];

    pub fn read(section: &mut Section<'_>) -> Self {
        let keys = Presence::Derived("what `certificate_files` is");
        Self {
            name: section.placed_or("name", &shape::LISTENER_NAME, "default".to_owned()),
            address: section.placed_or("address", &shape::LISTENER_ADDRESS, ADDRESS),
            tls: section.placed_or("tls", &TLS, TlsStart::Never),
            require_tls: section.placed_or("require_tls", &Flag, false),
            certificate_files: section.list("certificate_files", &shape::PATH, &Presence::Optional),
            key_files: section.list("key_files", &shape::PATH, &keys),
            client_certificate: section.placed_or("client_certificate", &SHOWING, None),
            client_ca_file: section.optional("client_ca_file", &shape::PATH),
            proxy: section.placed_or("proxy", &PROXY, ProxyUse::None),
            proxy_from: section.list("proxy_from", &shape::NETWORK, &Presence::Optional),
            plaintext_login: section.or("plaintext_login", &Flag, false),
            require_login: section.placed_or("require_login", &Flag, false),
        }
    }

    /// INVARIANT: without a result, there is a problem in the notes.
    pub fn check(self, surroundings: &Surroundings<'_>, notes: &mut Notes) -> Option<Listener> {
        let proxy = self.check_proxy(notes);
        let client_authorities = self.check_client_certificate(surroundings, notes);
        let tls = self.check_tls(notes)?;
        let (certificates, keys) = (self.certificate_files?, self.key_files?);
        let certificates = match surroundings.purpose {
            Purpose::Sending | Purpose::Rehearsing => {
                load_all(certificates, keys, surroundings.files, notes)?
            }
            Purpose::Judging => Vec::new(),
        };
        let clear_text = if self.plaintext_login { ClearText::Taken } else { ClearText::Refused };
        let strangers = if self.require_login.value { Strangers::Everybody } else { Strangers::Unknown };
        let (name, address) = (self.name.value, self.address.value);
        let (proxy, client_authorities) = (proxy?, client_authorities.ok()?);
        Some(Listener { name, address, tls, certificates, client_authorities, proxy, clear_text, strangers })
    }

    /// A login can be required only if somebody has one.
    pub fn check_login(&self, apps: &[RawApp], notes: &mut Notes) {
        if self.require_login.value && !apps.iter().any(RawApp::has_logins) {
            notes.blame(&self.require_login, AppError::NobodyCanLogIn);
        }
    }

    /// Whether a password can ever come here.
    pub fn takes_logins(&self) -> bool {
        self.plaintext_login || self.tls.value != TlsStart::Never
    }

    pub fn asks_for_certificates(&self) -> bool {
        self.client_certificate.value.is_some()
    }

    /// The authorities, if clients are asked.
    fn check_client_certificate(
        &self,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<Option<ClientAuthoritiesFile>, Noted> {
        match (self.client_certificate.value, &self.client_ca_file, self.tls.value) {
            (None, None, _) => Ok(None),
            (None, Some(file), _) => {
                of_no_use(file, "client_ca_file", "`client_certificate`", notes);
                Err(Noted)
            }
            (Some(_), _, TlsStart::Never) => {
                of_no_use(&self.client_certificate, "client_certificate", "`tls`", notes);
                Err(Noted)
            }
            (Some(_), None, TlsStart::OnRequest | TlsStart::AtOnce) => {
                let error = ConfigError::Needs { key: "client_certificate", other: "`client_ca_file`" };
                Err(note(&self.client_certificate, error, notes))
            }
            (Some(showing), Some(file), TlsStart::OnRequest | TlsStart::AtOnce) => match surroundings.purpose
            {
                Purpose::Sending | Purpose::Rehearsing => {
                    let path = surroundings.files.path(&file.value);
                    let loaded = ClientAuthoritiesFile::load(path, showing, surroundings.files);
                    loaded.map(Some).map_err(|error| note(file, error, notes))
                }
                Purpose::Judging => Ok(None),
            },
        }
    }

    fn check_tls(&self, notes: &mut Notes) -> Option<ListenerTls> {
        let files = self.certificate_files.as_deref()?;
        match (self.tls.value, self.require_tls.value, files) {
            (TlsStart::Never, true, _) => {
                of_no_use(&self.require_tls, "require_tls", "`tls`", notes);
                None
            }
            (TlsStart::Never, false, [first, ..]) => {
                of_no_use(first, "certificate_files", "`tls`", notes);
                None
            }
            (TlsStart::Never, false, []) => match self.key_files.as_deref()? {
                [] => Some(ListenerTls::None),
                [first, ..] => {
                    of_no_use(first, "key_files", "`certificate_files`", notes);
                    None
                }
            },
            (TlsStart::OnRequest | TlsStart::AtOnce, _, []) => {
                notes.blame(&self.tls, ConfigError::Needs { key: "tls", other: "`certificate_files`" });
                None
            }
            (TlsStart::OnRequest, false, [_, ..]) => Some(ListenerTls::StartTls),
            (TlsStart::OnRequest, true, [_, ..]) => Some(ListenerTls::RequiredStartTls),
            (TlsStart::AtOnce, _, [_, ..]) => Some(ListenerTls::Implicit),
        }
    }

    fn check_proxy(&self, notes: &mut Notes) -> Option<Proxy> {
        match (self.proxy.value, self.proxy_from.as_deref()?) {
            (ProxyUse::None, []) => Some(Proxy::None),
            (ProxyUse::None, [first, ..]) => {
                of_no_use(first, "proxy_from", "`proxy = \"required\"`", notes);
                None
            }
            // Without the list, any client could say that it is another.
            (ProxyUse::Required, []) => {
                notes.blame(&self.proxy, ConfigError::Needs { key: "proxy", other: "`proxy_from`" });
                None
            }
            (ProxyUse::Required, networks) => {
                Some(Proxy::Required { from: networks.iter().map(|network| network.value).collect() })
            }
        }
    }
}

impl CertificateFiles {
    fn load(certificate: PathBuf, key: PathBuf, files: &Files<'_>) -> Result<Self, ConfigError> {
        let (certificate_pem, key_pem) = (files.octets(&certificate)?, files.octets(&key)?);
        match ServerCertificate::from_pem(&certificate_pem, &key_pem) {
            Ok(loaded) => Ok(Self { certificate, key, loaded }),
            Err(reason) => {
                let path = match reason {
                    ServerCertificateError::NoKey
                    | ServerCertificateError::UnusableKey(_)
                    | ServerCertificateError::OtherKey => key,
                    ServerCertificateError::NotPem(_)
                    | ServerCertificateError::NoCertificate
                    | ServerCertificateError::Unreadable(_) => certificate,
                };
                Err(ConfigError::ServerCertificate { path, reason })
            }
        }
    }
}

impl ClientAuthoritiesFile {
    fn load(path: PathBuf, showing: Showing, files: &Files<'_>) -> Result<Self, ConfigError> {
        let roots = load::authorities(&path, &files.octets(&path)?)?;
        match Authorities::new(roots) {
            Some(loaded) => Ok(Self { path, showing, loaded }),
            None => Err(CertificateError::None { path }.into()),
        }
    }
}

/// Each certificate with its key, which may be in the same file.
fn load_all(
    certificates: Vec<Placed<String>>,
    keys: Vec<Placed<String>>,
    files: &Files<'_>,
    notes: &mut Notes,
) -> Option<Vec<CertificateFiles>> {
    let keys = if keys.is_empty() { certificates.clone() } else { keys };
    if let (Some(first), true) = (keys.first(), keys.len() != certificates.len()) {
        let error = ConfigError::Unpaired { certificates: certificates.len(), keys: keys.len() };
        notes.blame(first, error);
        return None;
    }
    let load = |(certificate, key): (Placed<String>, Placed<String>)| {
        let loaded = CertificateFiles::load(files.path(&certificate.value), files.path(&key.value), files);
        loaded.map_err(|error| notes.blame(&certificate, error)).ok()
    };
    let loaded = certificates.into_iter().zip(keys).map(load).collect::<Vec<_>>();
    loaded.into_iter().collect()
}

fn of_no_use<T>(placed: &Placed<T>, key: &'static str, without: &'static str, notes: &mut Notes) {
    notes.blame(placed, ConfigError::OfNoUse { key, without });
}
