//! Who is at the other end of a connection, as far as the socket tells.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::mail::CertifiedName;

/// The client of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// IPv4-mapped IPv6 addresses, which a dual-stack listener reports, are already unmapped.
    pub address: IpAddr,
    pub port: u16,
    /// The name of the listener that accepted the connection.
    pub listener: Arc<str>,
    pub transport: Transport,
    /// What the certificate names that it has shown, and that an authority vouches for.
    pub certified: Arc<[CertifiedName]>,
}

/// How the octets travel between the client and the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

/// How a client began the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// What it called itself: never trusted, written into Received.
    pub name: String,
    pub dialect: Dialect,
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// It said HELO.
    Smtp,
    /// It said EHLO.
    Esmtp,
}

/// The app that a client is, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownApp {
    pub name: Arc<str>,
    pub by: Evidence,
}

/// What shows which app a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The address that it connects from.
    Network,
    /// A certificate with a name of the app.
    Certificate,
    /// A user name and a password.
    Login,
}

impl Evidence {
    pub fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Certificate => "certificate",
            Self::Login => "login",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Client {
    pub fn new(peer: SocketAddr, listener: Arc<str>, transport: Transport) -> Self {
        let (address, port) = (peer.ip().to_canonical(), peer.port());
        Self { address, port, listener, transport, certified: Arc::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Transport};

    #[test]
    fn an_ipv4_client_of_a_dual_stack_listener_has_an_ipv4_address() {
        let peer = "[::ffff:10.0.5.7]:4711".parse().unwrap();
        let client = Client::new(peer, "default".into(), Transport::Plain);
        assert_eq!(client.address.to_string(), "10.0.5.7");
    }
}
