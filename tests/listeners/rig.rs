//! A relay with listeners of a test's own, the stand-in for SES behind it, and what its operator would see.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sesgate::app::{self, App, Following, Reloader};
use sesgate::config::{self, Config, Environment, Reading};
use sesgate::sandbox::{Settings, StandIn};
use sesgate::server::Connections;
use sesgate::telemetry::{AuditSink, Record};
use sesgate::upstream::{self, Roots, Security, Upstream};
use tempfile::TempDir;
use tracing::subscriber::DefaultGuard;

/// Everybody may send whose address is in these networks.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [{
    "Sid": "FromTheAppsOnly", "Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*",
    "Condition": {"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "10.9.8.0/24"]}}}]}"#;

const NOWHERE: &str = "host = \"127.0.0.1\"\nport = 1\ntls = \"none\"";

pub struct Rig {
    pub app: App,
    pub reloader: Arc<Reloader>,
    pub stand_in: StandIn,
    pub records: Arc<Records>,
    pub log: Log,
    _log_guard: DefaultGuard,
}

/// A folder with certificates, and who vouches for them.
pub struct Authority {
    pub folder: TempDir,
    pub certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// What the audit log says of each mail: client, listener, whether it came by TLS, and the reply.
#[derive(Debug, Default)]
pub struct Records(pub Mutex<Vec<String>>);

/// What was logged, less what was only of interest while developing.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Rig {
    pub async fn start(authority: &Authority, settings: &str) -> Self {
        let (log, log_guard) = Log::capture();
        let stand_in = StandIn::start(Settings::default()).await.unwrap();
        let source = source(authority.folder.path(), settings, &stand_in);
        let Reading { config, footprint } = source();
        let config = config.unwrap_or_else(|errors| panic!("{errors}"));
        let records = Arc::new(Records::default());
        let app = App::start(&config, Arc::clone(&records) as Arc<dyn AuditSink>).unwrap();
        let reloader = app.follow(Following { source: Arc::new(source), footprint, log_level: None });
        Self { app, reloader, stand_in, records, log, _log_guard: log_guard }
    }

    pub fn address(&self) -> SocketAddr {
        self.app.addresses()[0]
    }

    /// What its file says from now on, when it is read again.
    pub fn configure(&self, authority: &Authority, settings: &str) {
        write(authority.folder.path(), settings, &ses(&self.stand_in));
    }

    pub fn audited(&self) -> Vec<String> {
        self.records.0.lock().unwrap().clone()
    }
}

/// A configuration with the stand-in for SES.
fn source(folder: &Path, settings: &str, stand_in: &StandIn) -> impl Fn() -> Reading + use<> {
    let login = stand_in.login();
    write(folder, settings, &ses(stand_in));
    let variables = [
        ("SESGATE_SES_USER_NAME", login.user_name.as_str()),
        ("SESGATE_SES_PASSWORD", login.password.expose()),
    ];
    let environment: Environment =
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let (path, authority) = (folder.join("sesgate.toml"), stand_in.ca_pem().as_bytes().to_vec());
    move || {
        let mut reading = config::read(Some(&path), &environment, None);
        if let Ok(config) = &mut reading.config {
            config.ses.roots = Roots::Pem(authority.clone());
        }
        reading
    }
}

fn ses(stand_in: &StandIn) -> String {
    let endpoint = stand_in.endpoints().implicit_tls;
    format!("host = \"{}\"\nport = {}", endpoint.ip(), endpoint.port())
}

/// A file with SES where nobody is.
pub fn write_configuration(folder: &Path, settings: &str) -> PathBuf {
    write(folder, settings, NOWHERE);
    folder.join("sesgate.toml")
}

fn write(folder: &Path, settings: &str, ses: &str) {
    let text = format!(
        "{settings}\n[admin]\naddress = \"off\"\n[ses]\nregion = \"us-east-1\"\naccount_id = \"123456789012\"\n\
         identities = [\"example.com\"]\n{ses}\n[policy]\nfiles = [\"policy.json\"]\n"
    );
    fs::write(folder.join("policy.json"), POLICY).unwrap();
    fs::write(folder.join("sesgate.toml"), text).unwrap();
}

/// A relay without sockets, for a paused clock. SES is not there.
pub fn connections(
    audit: Arc<dyn AuditSink>,
    settings: &str,
    change: impl FnOnce(&mut Config),
) -> Arc<Connections> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), settings, NOWHERE);
    let config = config::load(Some(&folder.path().join("sesgate.toml")), &Environment::default());
    let mut config = config.unwrap_or_else(|errors| panic!("{errors}"));
    change(&mut config);
    let upstream =
        upstream::Settings { port: 1, security: Security::None, ..upstream::Settings::new("127.0.0.1") };
    let upstream = Upstream::over_tcp(upstream, None).unwrap();
    let documents = app::load_policies(&config).unwrap().documents;
    app::build(&config, documents, upstream, audit).unwrap().0
}

impl Authority {
    pub fn new() -> Self {
        Self::named("tests")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let certificate = certificate.der().clone();
        Self { folder, certificate, issuer: Issuer::new(params, key) }
    }

    /// Writes `<file>.pem`, certificate and key, for these names and addresses.
    pub fn issue(&self, file: &str, names: &[&str]) -> CertificateDer<'static> {
        self.issue_until(file, names, 2100)
    }

    /// A client's certificate and key.
    pub fn issue_to_client(
        &self,
        names: Vec<SanType>,
        year: i32,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::default();
        // Of which nobody takes notice.
        params.distinguished_name.push(DnType::CommonName, "billing.internal");
        params.subject_alt_names = names;
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (certificate, key.into())
    }

    pub fn issue_until(&self, file: &str, names: &[&str], year: i32) -> CertificateDer<'static> {
        let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pem = certificate.pem() + &key.serialize_pem();
        fs::write(self.folder.path().join(format!("{file}.pem")), pem).unwrap();
        certificate.der().clone()
    }
}

impl AuditSink for Records {
    fn record(&self, record: &Record<'_>, _: &Arc<[u8]>) {
        let Record { client, listener, tls, reply, .. } = record;
        let verdict = reply.split(' ').next().unwrap();
        self.0.lock().unwrap().push(format!("{client} {listener} tls={tls} {verdict}"));
    }
}

impl Log {
    /// Of what this thread does from now on.
    pub fn capture() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// Waits until the log holds a line with all of these, and returns it.
    pub async fn line(&self, parts: &[&str]) -> String {
        for _ in 0..200 {
            let text = self.text();
            if let Some(line) = text.lines().find(|line| parts.iter().all(|part| line.contains(part))) {
                return line.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the log does not say {parts:?}:\n{}", self.text());
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
