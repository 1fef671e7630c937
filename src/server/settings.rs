//! What connections may take, and what a listener asks of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::admission::Network;
use crate::server::certificate::Certificates;
use crate::server::client_authorities::ClientAuthorities;

/// What holds for the connections of all listeners.
#[derive(Debug, Clone)]
pub struct Settings {
    pub connections_max: usize,
    /// From one address; of IPv6, from one /64.
    pub connections_per_address_max: usize,
    /// Of all messages on their way together.
    pub messages_octets_max: usize,
    /// Octets that a message must bring in a second, over its time.
    pub message_rate_min: u32,
    pub timeouts: Timeouts,
    /// How long what is in hand may take when the relay is told to stop.
    pub drain: Duration,
    /// By the name of the app.
    pub allowances: HashMap<Arc<str>, Allowance>,
}

/// What one app is granted, whatever its addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    pub connections_max: Option<usize>,
    pub mails_per_minute: Option<u32>,
}

impl Settings {
    pub(super) fn allowance(&self, app: &str) -> Allowance {
        self.allowances.get(app).copied().unwrap_or_default()
    }
}

/// How long a client may take.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// For the PROXY header, from the first octet on.
    pub proxy: Duration,
    pub tls: Duration,
    /// For the next command, and for taking a reply.
    pub idle: Duration,
    /// From the reply to DATA to the final dot.
    pub message: Duration,
    /// How long a message waits for room before it is refused. That time is not the client's.
    pub memory: Duration,
    pub session: Duration,
}

/// What one listener asks of its connections.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// The name of the listener.
    pub name: Arc<str>,
    pub tls: Tls,
    pub proxy: Proxy,
}

impl Entrance {
    /// When the first of its certificates expires.
    pub(super) fn certificates_end(&self) -> Option<SystemTime> {
        match &self.tls {
            Tls::Never => None,
            Tls::OnRequest(handshake) | Tls::BeforeMail(handshake) | Tls::AtOnce(handshake) => {
                handshake.certificates.first_end()
            }
        }
    }
}

/// When TLS begins.
#[derive(Debug, Clone)]
pub enum Tls {
    Never,
    /// When the client says STARTTLS.
    OnRequest(Handshake),
    /// The same, and no mail before.
    BeforeMail(Handshake),
    /// Before the greeting.
    AtOnce(Handshake),
}

/// What each side shows.
#[derive(Debug, Clone)]
pub struct Handshake {
    pub certificates: Arc<Certificates>,
    /// Who vouches for clients, if they are asked for certificates.
    pub clients: Option<Arc<ClientAuthorities>>,
}

/// Who tells the client's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxy {
    /// The socket. A PROXY header is refused like any other word that is not SMTP.
    None,
    /// A PROXY header, from these load balancers; nobody else is let in.
    Required { from: Vec<Network> },
}
