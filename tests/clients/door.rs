//! The ways into the relay: with and without TLS, with and without a login.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a client connects, and how it goes on.
#[derive(Debug, Clone)]
pub struct Door {
    pub address: SocketAddr,
    pub security: Security,
    pub mechanism: Option<Mechanism>,
    pub password: &'static str,
    /// Whom to trust to vouch for the relay.
    pub ca_file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    None,
    StartTls,
    Implicit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    Login,
}

/// As `sesgate.toml` has them.
pub const USER: &str = "billing";
pub const PASSWORD: &str = "correct horse";

/// Each kind of TLS with each kind of login, or none.
pub const WAYS: [(Security, Option<Mechanism>); 7] = [
    (Security::None, None),
    (Security::None, Some(Mechanism::Plain)),
    (Security::None, Some(Mechanism::Login)),
    (Security::StartTls, None),
    (Security::StartTls, Some(Mechanism::Plain)),
    (Security::Implicit, None),
    (Security::Implicit, Some(Mechanism::Login)),
];

impl Door {
    /// Who the client is to the relay.
    pub fn app(&self) -> &'static str {
        if self.mechanism.is_some() { USER } else { "desk" }
    }

    /// What Received must say (RFC 3848).
    pub fn protocol(&self) -> &'static str {
        match (self.security, self.mechanism) {
            (Security::None, None) => "ESMTP",
            (Security::None, Some(_)) => "ESMTPA",
            (Security::StartTls | Security::Implicit, None) => "ESMTPS",
            (Security::StartTls | Security::Implicit, Some(_)) => "ESMTPSA",
        }
    }
}

impl Security {
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
        }
    }
}

impl Mechanism {
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}
