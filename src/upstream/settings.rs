//! What the configuration says about the way to SES.

use std::time::Duration;

/// Where SES is, and how long anything there may take.
#[derive(Debug, Clone)]
pub struct Settings {
    pub transport: Transport,
    /// Policies may name it.
    pub region: String,
    /// The name or address to connect to.
    pub host: String,
    pub port: u16,
    /// The name that the certificate must bear. It differs from `host` where a VPC endpoint is reached by its
    /// address.
    pub server_name: String,
    pub security: Security,
    pub roots: Roots,
    /// SES writes it into the mail's Received field, so it should tell recipients nothing.
    pub ehlo_name: String,
    /// What SES takes from the account, as far as somebody knows it.
    pub recipients_per_second_max: Option<u32>,
    pub connections_max: usize,
    /// How many sessions are kept ready while there is traffic.
    pub connections_min: usize,
    /// SES closes a session after some hundreds of mails.
    pub connection_mails_max: u32,
    pub connection_age_max: Duration,
    /// SES closes a session after about ten seconds of silence.
    pub connection_idle_max: Duration,
    pub connect_timeout: Duration,
    pub tls_timeout: Duration,
    /// For the greeting, and for each command with its answer.
    pub command_timeout: Duration,
    /// How long the message may make no progress at all.
    pub write_timeout: Duration,
    /// From the final dot to its answer (RFC 5321 section 4.5.3.2.6). Giving up earlier makes duplicates.
    pub verdict_timeout: Duration,
    /// How long a mail waits for its turn.
    pub hold: Duration,
}

/// In which language SES is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Smtp,
    /// SES's API, version 2. Of the settings of sessions and connections, only `connections_max` and
    /// `connection_idle_max` mean something there.
    Api,
}

/// How the way to SES is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first octet: ports 465 and 2465.
    ImplicitTls,
    /// TLS before anything but EHLO is said: ports 25, 587 and 2587.
    StartTls,
    /// Clear text, to a loopback address only.
    None,
}

/// Whose word counts for the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The certificate authorities that the system trusts.
    System,
    /// Those in this PEM text and no others.
    Pem(Vec<u8>),
}

impl Settings {
    /// The defaults, for an SMTP endpoint of the first of all regions.
    pub fn new(host: &str) -> Self {
        Self {
            transport: Transport::Smtp,
            region: "us-east-1".to_owned(),
            host: host.to_owned(),
            port: 465,
            server_name: host.to_owned(),
            security: Security::ImplicitTls,
            roots: Roots::System,
            ehlo_name: "sesgate".to_owned(),
            recipients_per_second_max: None,
            connections_max: 10,
            connections_min: 0,
            connection_mails_max: 100,
            connection_age_max: Duration::from_mins(5),
            connection_idle_max: Duration::from_secs(8),
            connect_timeout: Duration::from_secs(5),
            tls_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_mins(1),
            verdict_timeout: Duration::from_mins(10),
            hold: Duration::from_secs(20),
        }
    }
}
