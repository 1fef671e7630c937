//! One listening socket: accepts connections and hands them over.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::server::Connections;

/// Connections that the kernel keeps for us until we accept them.
const BACKLOG: i32 = 1024;
const BACKOFF_MIN: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Listener {
    connections: Arc<Connections>,
    socket: TcpListener,
}

/// A listener that cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("listener `{name}` cannot listen on {address}: {reason}")]
pub struct BindError {
    name: String,
    address: SocketAddr,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("the port is in use; stop what listens there (`ss -ltnp` shows it) or choose another port")]
    PortInUse,
    #[error("a port below 1024 needs a privilege; choose one above and map it, for instance 25 to 2525")]
    PortPrivileged,
    #[error("no interface of this machine has that address; 0.0.0.0 or [::] stands for all")]
    NoSuchAddress,
    #[error("{0}")]
    Other(io::Error),
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse,
            io::ErrorKind::PermissionDenied => Self::PortPrivileged,
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress,
            _ => Self::Other(error),
        }
    }
}

impl Listener {
    /// Must be called within the runtime. `[::]` takes IPv4 connections too.
    pub fn bind(connections: Arc<Connections>, address: SocketAddr) -> Result<Self, BindError> {
        match socket(address) {
            Ok(socket) => Ok(Self { connections, socket }),
            Err(error) => {
                Err(BindError { name: connections.name().to_owned(), address, reason: error.into() })
            }
        }
    }

    pub fn name(&self) -> &str {
        self.connections.name()
    }

    /// Where it really listens: the port is the kernel's choice if 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until the drain begins.
    pub async fn run(self) {
        let drain = self.connections.drain();
        let mut backoff = BACKOFF_MIN;
        loop {
            let accepted = tokio::select! {
                biased;
                () = drain.begun() => return,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    backoff = BACKOFF_MIN;
                    self.connections.begin(stream, peer);
                }
                Err(error) => {
                    self.connections.count_accept_error();
                    // No file descriptors left, say: accepting at once again would only spin.
                    tracing::warn!(listener = self.name(), %error, "cannot accept a connection; waiting {backoff:?}");
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
            }
        }
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the connections of the last run to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
