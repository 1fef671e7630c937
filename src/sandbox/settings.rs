//! What the stand-in is told: where it listens, whose account it plays, how patient it is.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// SES's documented defaults and observed habits, for an account in production. Most can be changed while the stand-in
/// runs; changes to `endpoints`, `control`, `login`, `certificate`, `tls_versions`, `seed` and what is stored have no effect then.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen: loopback only, port 0 for any free one.
    pub endpoints: Endpoints,
    /// Where it can be steered and asked over HTTP: nowhere, or anywhere that the user wants.
    pub control: Option<SocketAddr>,
    pub region: String,
    pub account_id: String,
    /// Verified addresses and domains. A domain covers its subdomains.
    pub identities: Vec<String>,
    /// Those of `identities` that the login's IAM policy lets it send as. `None` is all of them.
    pub identities_allowed: Option<Vec<String>>,
    /// The one SMTP user. `None` makes up another one at each start.
    pub login: Option<Login>,
    pub sending: Sending,
    pub reach: Reach,
    pub extensions: Extensions,
    pub certificate: Certificate,
    pub tls_versions: TlsVersions,
    pub message_octets_max: usize,
    pub oversize: Oversize,
    /// SES counts recipients, not mails.
    pub recipients_per_second_max: u32,
    /// In any 24 hours.
    pub recipients_per_day_max: u32,
    /// How long SES waits for a command, or for more of a message.
    pub idle_timeout: Duration,
    pub session_mails_max: u32,
    pub session_full_at: SessionFullAt,
    pub connections_max: usize,
    /// A connection of this age ends with RST, wherever it stands: SES replaces its machines without asking.
    pub connection_age_max: Option<Duration>,
    /// How long a login that is added while the stand-in runs is refused: AWS takes a minute or two to spread it.
    pub new_login_delay: Duration,
    /// How many accepted mails are kept: the oldest go first.
    pub stored_mails_max: usize,
    pub stored_octets_max: usize,
    /// Of the dice that faults such as `mail~5%=close` throw.
    pub seed: u64,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sending {
    Enabled,
    Suspended,
}

/// Whom the account may send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    Anyone,
    /// An account in SES's own sandbox: verified identities, and SES's mailbox simulator.
    VerifiedRecipients,
}

/// What SES offered after EHLO, by the year in which it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Extensions {
    /// With SIZE, and STARTTLS even in TLS.
    #[serde(rename = "2012")]
    Of2012,
    /// STARTTLS even in TLS.
    #[serde(rename = "2023")]
    Of2023,
    #[serde(rename = "2026")]
    Of2026,
}

/// How SES meets a message that is longer than it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Oversize {
    /// It reads on to the final dot, and answers.
    Answered,
    /// It resets the connection where the limit is met.
    Cut,
}

/// Where a session in which enough mails were sent is ended. It is not known where SES does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionFullAt {
    Mail,
    EndOfData,
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
            control: None,
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
            identities: vec!["example.com".to_owned()],
            identities_allowed: None,
            login: None,
            sending: Sending::Enabled,
            reach: Reach::Anyone,
            extensions: Extensions::Of2026,
            certificate: Certificate::Valid,
            tls_versions: TlsVersions::Tls12And13,
            message_octets_max: 40 * 1024 * 1024,
            oversize: Oversize::Answered,
            recipients_per_second_max: 14,
            recipients_per_day_max: 50_000,
            idle_timeout: Duration::from_secs(10),
            session_mails_max: 350,
            session_full_at: SessionFullAt::Mail,
            connections_max: 250,
            connection_age_max: None,
            new_login_delay: Duration::ZERO,
            stored_mails_max: 10_000,
            stored_octets_max: 256 * 1024 * 1024,
            seed: 0,
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
