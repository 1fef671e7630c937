//! What the stand-in is told before it starts: where it listens, whose account it plays, how patient it is.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::secret::Secret;

/// SES's documented defaults and observed habits, for an account in production.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen: loopback only, port 0 for any free one.
    pub endpoints: Endpoints,
    pub region: String,
    pub account_id: String,
    /// Verified addresses and domains. A domain covers its subdomains.
    pub identities: Vec<String>,
    /// Those of `identities` that the login's IAM policy lets it send as. `None` is all of them.
    pub identities_allowed: Option<Vec<String>>,
    /// The one SMTP user. `None` makes up another one at each start.
    pub login: Option<Login>,
    pub sending: Sending,
    pub certificate: Certificate,
    pub tls_versions: TlsVersions,
    pub message_octets_max: usize,
    /// SES counts recipients, not mails.
    pub recipients_per_second_max: u32,
    /// In any 24 hours.
    pub recipients_per_day_max: u32,
    /// How long SES waits for a command, or for more of a message.
    pub idle_timeout: Duration,
    pub session_mails_max: u32,
    pub connections_max: usize,
    /// How many accepted mails are kept: the oldest go first.
    pub stored_mails_max: usize,
    pub stored_octets_max: usize,
}

/// One address for each way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// TLS from the first octet, as SES has on ports 465 and 2465.
    pub implicit_tls: SocketAddr,
    /// STARTTLS before anything else, as SES has on ports 25, 587 and 2587.
    pub starttls: SocketAddr,
    /// No TLS at all, which SES has nowhere: for benches and for reading along.
    pub plain: SocketAddr,
}

/// SMTP credentials.
#[derive(Debug, Clone)]
pub struct Login {
    pub user_name: String,
    pub password: Secret,
}

/// Whether AWS lets the account send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    Enabled,
    Suspended,
}

/// What the stand-in shows those who ask it for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    Valid,
    /// Of another region's endpoint, and of nothing on this machine.
    WrongName,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    /// As SES speaks.
    Tls12And13,
    Tls12,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoints: Endpoints::default(),
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
            identities: vec!["example.com".to_owned()],
            identities_allowed: None,
            login: None,
            sending: Sending::Enabled,
            certificate: Certificate::Valid,
            tls_versions: TlsVersions::Tls12And13,
            message_octets_max: 40 * 1024 * 1024,
            recipients_per_second_max: 14,
            recipients_per_day_max: 50_000,
            idle_timeout: Duration::from_secs(10),
            session_mails_max: 350,
            connections_max: 250,
            stored_mails_max: 10_000,
            stored_octets_max: 256 * 1024 * 1024,
        }
    }
}

impl Default for Endpoints {
    /// Any three free ports of 127.0.0.1.
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { implicit_tls: any, starttls: any, plain: any }
    }
}
