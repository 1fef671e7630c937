//! What a checked configuration holds: plain values, all within their bounds.
//!
//! These are the words of the file, not of the parts that use them: `app` hands each part what it needs. Nothing
//! here can be wrong any more; what was wrong is in [`ConfigErrors`](super::ConfigErrors).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::load::{self, FileError};
use super::login::SesLogin;
use crate::admin;
use crate::admission::{self, ClearText, Network, Strangers};
use crate::gate::{Enforcement, IdentityName, RecipientsScope, Tag};
use crate::mail::{Address, CertifiedName, Evidence};
use crate::server::{Allowance, Authorities, Proxy, ServerCertificate, Showing};
use crate::smtp::BareLf;
use crate::telemetry::{AuditSettings, LogSettings};
use crate::upstream::{Roots, Security, Transport};

/// Everything that the relay needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    /// Never empty; names and addresses differ.
    pub listeners: Vec<Listener>,
    /// Never empty; names, networks and user names differ.
    pub apps: Vec<App>,
    pub limits: Limits,
    pub message: Message,
    pub ses: Ses,
    pub delivery: Delivery,
    pub policy: Policy,
    pub log: LogSettings,
    pub audit: AuditSettings,
    pub traces: Option<Traces>,
    /// `None` if nobody may ask, or nothing is to be sent.
    pub admin: Option<admin::Settings>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What the relay calls itself in its greeting and in Received.
    pub hostname: Arc<str>,
    /// How long the mails in hand may take after SIGTERM.
    pub drain: Duration,
}

/// `[[listener]]`
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// `sesgate:Listener` in a policy.
    pub name: String,
    pub address: SocketAddr,
    pub tls: ListenerTls,
    /// None if there is no TLS.
    pub certificates: Vec<CertificateFiles>,
    pub client_authorities: Option<ClientAuthoritiesFile>,
    pub proxy: Proxy,
    pub clear_text: ClearText,
    pub strangers: Strangers,
}

/// `tls` and `require_tls`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerTls {
    None,
    StartTls,
    RequiredStartTls,
    Implicit,
}

/// One of `certificate_files` and its key, which belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub loaded: ServerCertificate,
}

/// `client_ca_file` and `client_certificate`
#[derive(Debug, Clone, PartialEq)]
pub struct ClientAuthoritiesFile {
    pub path: PathBuf,
    pub showing: Showing,
    pub loaded: Authorities,
}

/// `[[app]]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct App {
    /// `aws:username` in a policy.
    pub name: String,
    pub networks: Vec<Network>,
    pub logins: Vec<admission::Login>,
    pub certificates: Vec<CertifiedName>,
    /// Of these each, or of what it has any one.
    pub requires: Vec<Evidence>,
    pub tags: Vec<Tag>,
    /// Policy files that apply to this app; those that no app names apply to all.
    pub policies: Vec<PathBuf>,
    pub configuration_set: Option<String>,
    /// Without it, as many as SES takes.
    pub recipients_per_day: Option<u32>,
    pub allowance: Allowance,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub recipients_max: usize,
    pub command_octets_max: usize,
    pub message_octets_max: usize,
    pub messages_octets_max: usize,
    pub header_octets_max: usize,
    pub header_fields_max: usize,
    pub errors_max: u32,
    pub commands_max: u32,
    /// Failed logins in one session.
    pub logins_failed_max: u32,
    /// Failed logins from one address.
    pub login_failures_max: u32,
    pub login_lockout: Duration,
    pub login_failure_delay: Duration,
    pub login_checks_max: usize,
    pub login_memory: Duration,
    pub proxy_timeout: Duration,
    pub tls_timeout: Duration,
    pub idle_timeout: Duration,
    pub memory_timeout: Duration,
    /// Octets a second.
    pub message_rate_min: u32,
    pub message_timeout: Duration,
    pub session_timeout: Duration,
}

/// `[message]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub bare_lf: BareLf,
}

/// `[ses]`
#[derive(Debug, Clone)]
pub struct Ses {
    pub transport: Transport,
    pub region: String,
    pub account_id: String,
    /// Never empty.
    pub identities: Vec<IdentityName>,
    pub host: String,
    pub server_name: String,
    pub port: u16,
    pub tls: Security,
    pub roots: Roots,
    /// `None` only with [`Security::None`] or [`Transport::Api`], or where nothing is to be sent.
    pub login: Option<SesLogin>,
    /// Used while SES refuses `login`.
    pub fallback: Option<SesLogin>,
    /// How often Secrets Manager is asked.
    pub secrets_interval: Duration,
    pub standbys: Vec<Endpoint>,
    pub configuration_set: Option<String>,
    /// In capitals.
    pub pass_headers: Vec<String>,
    /// Covered by one of the identities.
    pub bounce_address: Option<Address>,
    pub ehlo_name: String,
    /// Recipients a second.
    pub max_send_rate: Option<u32>,
    pub pool: Pool,
    pub timeouts: Timeouts,
}

/// `[[ses.standby]]`
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub transport: Transport,
    pub region: String,
    pub host: String,
    pub server_name: String,
    pub port: u16,
    pub tls: Security,
    pub roots: Roots,
    pub login: Option<SesLogin>,
    pub fallback: Option<SesLogin>,
    pub max_send_rate: Option<u32>,
}

/// How many connections to SES there may be, and how long one is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub connections_max: usize,
    /// Kept ready while there is traffic.
    pub connections_min: usize,
    pub connection_mails_max: u32,
    pub connection_age_max: Duration,
    pub connection_idle_max: Duration,
}

/// How long SES may take for each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    pub connect_timeout: Duration,
    pub tls_timeout: Duration,
    pub command_timeout: Duration,
    pub write_timeout: Duration,
    pub verdict_timeout: Duration,
}

/// `[delivery]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// How long a client may be kept waiting for its turn.
    pub hold: Duration,
    /// How long a mail is not sent again of which nobody knows whether SES has it.
    pub in_doubt_wait: Duration,
    pub in_doubt_mails_max: usize,
}

/// `[traces]`
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// Of the collector, without `/v1/traces`.
    pub endpoint: String,
    /// Of all mails, from 0 to 1.
    pub ratio: f64,
}

/// `[policy]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Never empty; each file once.
    pub files: Vec<PolicyFile>,
    pub candidate: Option<Candidate>,
    pub enforcement: Enforcement,
    pub recipients: RecipientsScope,
    pub source_vpc: Option<String>,
    pub source_vpce: Option<String>,
}

/// Policies that are judged beside those in force. What is wrong with them is no fault of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub files: Vec<PolicyFile>,
    /// What could not be read, a line each.
    pub unread: Vec<String>,
}

/// A policy document that nobody has parsed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    pub path: PathBuf,
    pub text: String,
}

impl PolicyFile {
    pub fn read(path: PathBuf) -> Result<Self, FileError> {
        let text = load::text(&path)?;
        Ok(Self { path, text })
    }
}

impl Endpoint {
    /// Host and port, by which it is known.
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}
