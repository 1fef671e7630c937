//! The limits and choices of the dialogue with clients, ready for use.

use std::sync::Arc;

/// What every session of a listener shares.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the relay calls itself in its greeting and after EHLO.
    pub hostname: Arc<str>,
    /// The longest command line, CRLF included. RFC 5321 section 4.5.3.1.4 asks for 512 and more for extensions.
    pub line_octets_max: usize,
    /// The longest message, announced with SIZE and counted as it comes.
    pub message_octets_max: usize,
    /// The longest header block.
    pub header_octets_max: usize,
    /// The most recipients that one transaction gathers. RFC 5321 section 4.5.3.1.8 asks for at least 100.
    pub recipients_max: usize,
    /// The most faults that one session may answer for.
    pub errors_max: u32,
    /// The most commands in one session.
    pub commands_max: u32,
    /// The failed logins after which a session is closed.
    pub logins_failed_max: u32,
    pub bare_lf: BareLf,
    pub start_tls: StartTls,
}

/// Whether a client that speaks in clear may, or must, go on within TLS (RFC 3207).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartTls {
    /// There is no certificate, or the client is within TLS from the start.
    #[default]
    NotOffered,
    Offered,
    /// No mail is taken in clear, and no password.
    Required,
}

/// What becomes of an LF without CR inside a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareLf {
    /// It is read as CRLF, and sent on as CRLF.
    #[default]
    Normalize,
    /// The message is refused.
    Reject,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".into(),
            line_octets_max: 2048,
            message_octets_max: 41_943_040,
            header_octets_max: 262_144,
            recipients_max: 1000,
            errors_max: 20,
            commands_max: 10_000,
            logins_failed_max: 3,
            bare_lf: BareLf::default(),
            start_tls: StartTls::default(),
        }
    }
}
