//! A whole relay in this process, as `sesgate serve` would start it: configured by variables, listening on ports of
//! its own, judging by the sample policies. Where SES is, the test says.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use sesgate::app::App;
use sesgate::config;
use sesgate::sandbox::{self, StandIn};
use sesgate::telemetry::{AuditSink, Record};
use tempfile::NamedTempFile;

pub const REGION: &str = "ap-northeast-1";
/// What the sample policies let through: from here, to anyone at example.com.
pub const SENDER: &str = "app@mail1.tak1wa.com";

pub struct Relay {
    pub app: App,
    audit: Arc<Audit>,
    _ca_file: NamedTempFile,
}

/// Settings as an operator gives them, `SES_HOST` for `SESGATE_SES_HOST`.
pub type Way = Vec<(&'static str, String)>;

/// Keeps what the audit log would hold.
#[derive(Debug, Default)]
struct Audit(Mutex<Vec<serde_json::Value>>);

impl AuditSink for Audit {
    fn record(&self, record: &Record<'_>, _: &Arc<[u8]>) {
        self.0.lock().unwrap().push(serde_json::to_value(record).unwrap());
    }
}

impl Relay {
    /// The listeners are in the file, if there is one. `ca_pem` is whom the relay trusts to vouch for SES.
    pub fn start(file: Option<&Path>, way: Way, ca_pem: &str) -> Self {
        let ca_file = NamedTempFile::new().unwrap();
        std::fs::write(ca_file.path(), ca_pem).unwrap();
        let mut settings = vec![
            ("ADMIN_ADDRESS", "off".to_owned()),
            ("POLICY_FILES", concat!(env!("CARGO_MANIFEST_DIR"), "/config/policy/*.json").to_owned()),
            ("SES_REGION", REGION.to_owned()),
            ("SES_ACCOUNT_ID", "123456789012".to_owned()),
            ("SES_IDENTITIES", "mail1.tak1wa.com".to_owned()),
            ("SES_SERVER_NAME", format!("email-smtp.{REGION}.amazonaws.com")),
        ];
        if !ca_pem.is_empty() {
            settings.push(("SES_CA_FILE", ca_file.path().display().to_string()));
        }
        if file.is_none() {
            settings.push(("LISTENER_ADDRESS", "127.0.0.1:0".to_owned()));
        }
        settings.extend(way);
        let variable = |(name, value)| (OsString::from(format!("SESGATE_{name}")), OsString::from(value));
        let config = config::load(file, &settings.into_iter().map(variable).collect());
        let audit = Arc::new(Audit::default());
        let app = App::start(&config.unwrap_or_else(|errors| panic!("{errors}")), audit.clone()).unwrap();
        Self { app, audit, _ca_file: ca_file }
    }

    pub fn address(&self) -> SocketAddr {
        self.app.addresses()[0]
    }

    /// The audit record of each mail, in order.
    pub fn records(&self) -> Vec<serde_json::Value> {
        self.audit.0.lock().unwrap().clone()
    }

    pub async fn stop(self) {
        self.app.stop().await;
    }
}

/// The account of the sample policies, without limits that a test would meet.
pub fn account() -> sandbox::Settings {
    sandbox::Settings {
        region: REGION.to_owned(),
        identities: vec!["mail1.tak1wa.com".to_owned()],
        recipients_per_second_max: 10_000,
        ..sandbox::Settings::default()
    }
}

/// The way to an endpoint of the stand-in, with its login.
pub fn way(tls: &str, endpoint: SocketAddr, stand_in: &StandIn) -> Way {
    let login = stand_in.login();
    vec![
        ("SES_TLS", tls.to_owned()),
        ("SES_HOST", endpoint.ip().to_string()),
        ("SES_PORT", endpoint.port().to_string()),
        ("SES_USER_NAME", login.user_name.clone()),
        ("SES_PASSWORD", login.password.expose().to_owned()),
    ]
}
