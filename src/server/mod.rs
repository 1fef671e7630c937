//! Sockets towards applications: listeners accept, connections carry sessions, the drain ends them.
//!
//! Who the client is and when TLS begins is settled at the door. What is said on a connection is decided in
//! `smtp`; what becomes of a mail, in `relay`.

mod certificate;
mod client_authorities;
mod commons;
mod connection;
mod counts;
mod course;
mod door;
mod drain;
mod handshake;
mod incoming;
mod listener;
mod memory;
mod nat;
mod pace;
mod places;
mod proxy;
mod settings;
mod survive;
mod terms;
mod wire;

pub use certificate::{Certificates, NotValid, ServerCertificate, ServerCertificateError};
pub use client_authorities::{Authorities, ClientAuthorities, Showing};
pub use commons::Commons;
pub use connection::Connections;
pub use drain::Drain;
pub use listener::{BindError, Listener};
pub use nat::OneAddress;
pub use proxy::{ProxyError, ProxyHeader};
pub use settings::{Allowance, Entrance, Handshake, Proxy, Settings, Timeouts, Tls};
pub use terms::{Terms, TlsError};
