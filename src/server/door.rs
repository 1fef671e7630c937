//! What comes before the first word: who the client is, whether there is a place for it, and TLS where it begins
//! at once.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::admission::Network;
use crate::mail::{Client, Transport};
use crate::server::client_authorities::names;
use crate::server::handshake::HandshakeFailure;
use crate::server::places::{AddressPlace, Places};
use crate::server::proxy::{ProxyError, ProxyHeader};
use crate::server::settings::{Entrance, Handshake, Proxy, Settings, Timeouts, Tls};
use crate::server::wire::Wire;
use crate::smtp::{Awaited, Limit, Reply, StartTls};

/// A listener's entrance, ready for use.
pub(super) struct Door {
    name: Arc<str>,
    proxy: Proxy,
    tls: TlsStart,
}

enum TlsStart {
    Never,
    OnRequest { acceptor: TlsAcceptor, offer: StartTls },
    AtOnce(TlsAcceptor),
}

/// Why nobody came in.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnedAway {
    /// Nothing was said: somebody looked whether the port is open.
    #[error("the connection ended at once")]
    Gone,
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("the address is none of `proxy_from`")]
    NotALoadBalancer,
    #[error(transparent)]
    NoProxyHeader(ProxyError),
    #[error("no PROXY header came in time")]
    ProxyTimeout,
    #[error("too many connections from this address")]
    NoPlace,
    #[error("the TLS handshake failed: {}", HandshakeFailure::of(.0).meaning())]
    Handshake(#[source] io::Error),
}

impl Door {
    pub(super) fn new(entrance: Entrance) -> Result<Self, Error> {
        let Entrance { name, proxy, tls } = entrance;
        let tls = match tls {
            Tls::Never => TlsStart::Never,
            Tls::OnRequest(handshake) => {
                TlsStart::OnRequest { acceptor: acceptor(handshake)?, offer: StartTls::Offered }
            }
            Tls::BeforeMail(handshake) => {
                TlsStart::OnRequest { acceptor: acceptor(handshake)?, offer: StartTls::Required }
            }
            Tls::AtOnce(handshake) => TlsStart::AtOnce(acceptor(handshake)?),
        };
        Ok(Self { name, proxy, tls })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn greets_in_clear(&self) -> bool {
        match &self.tls {
            TlsStart::Never | TlsStart::OnRequest { .. } => true,
            TlsStart::AtOnce(_) => false,
        }
    }

    pub(super) fn start_tls(&self) -> StartTls {
        match &self.tls {
            TlsStart::OnRequest { offer, .. } => *offer,
            TlsStart::Never | TlsStart::AtOnce(_) => StartTls::NotOffered,
        }
    }

    /// Whose connection it is: the peer's, or that of a client behind it.
    pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        peer: SocketAddr,
        timeouts: &Timeouts,
    ) -> Result<SocketAddr, TurnedAway> {
        match &self.proxy {
            Proxy::None => Ok(peer),
            Proxy::Required { from } => introduced(wire, peer, from, timeouts.proxy).await,
        }
    }

    /// Lets a client in, to one of the places of its address.
    pub(super) async fn enter<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        address: SocketAddr,
        places: &Places,
        settings: &Settings,
    ) -> Result<(Client, AddressPlace), TurnedAway> {
        let Settings { connections_per_address_max, timeouts, .. } = settings;
        let place = places.take_for(address.ip(), *connections_per_address_max);
        let place = place.ok_or(TurnedAway::NoPlace)?;
        let mut client = Client::new(address, Arc::clone(&self.name), Transport::Plain);
        match &self.tls {
            TlsStart::Never | TlsStart::OnRequest { .. } => {}
            TlsStart::AtOnce(acceptor) => {
                let begun = async {
                    // Who only looks whether the port is open does not begin a handshake that could fail.
                    if wire.input.is_empty() { wire.receive(Awaited::Command).await } else { Ok(1) }
                };
                match timeout(timeouts.tls, begun).await {
                    Ok(Ok(0)) => return Err(TurnedAway::Gone),
                    Ok(Ok(_)) => secure(wire, acceptor, &mut client, timeouts.tls).await?,
                    Ok(Err(error)) => return Err(TurnedAway::Broken(error)),
                    Err(_) => return Err(TurnedAway::Handshake(io::ErrorKind::TimedOut.into())),
                }
            }
        }
        Ok((client, place))
    }

    /// TLS when the client has asked for it.
    pub(super) async fn start<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        client: &mut Client,
        timeouts: &Timeouts,
    ) -> Result<(), TurnedAway> {
        match &self.tls {
            TlsStart::OnRequest { acceptor, .. } => secure(wire, acceptor, client, timeouts.tls).await,
            TlsStart::Never | TlsStart::AtOnce(_) => {
                Err(TurnedAway::Broken(io::Error::other("TLS was begun where it is not offered")))
            }
        }
    }
}

impl TurnedAway {
    /// What the client hears, if it can hear us.
    pub(super) fn reply(&self) -> Option<Reply> {
        match self {
            Self::NotALoadBalancer => Some(Reply::NOT_A_LOAD_BALANCER),
            Self::NoProxyHeader(_) | Self::ProxyTimeout => Some(Reply::NO_PROXY_HEADER),
            Self::NoPlace => Some(Reply::TOO_MANY_FROM_ADDRESS),
            Self::Gone | Self::Broken(_) | Self::Handshake(_) => None,
        }
    }

    /// What the client has met, if that is why.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::NoPlace => Some(Limit::ConnectionsPerAddress),
            Self::ProxyTimeout => Some(Limit::ProxyTime),
            Self::Handshake(error) if error.kind() == io::ErrorKind::TimedOut => Some(Limit::TlsTime),
            Self::Gone
            | Self::Broken(_)
            | Self::NotALoadBalancer
            | Self::NoProxyHeader(_)
            | Self::Handshake(_) => None,
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("name", &self.name).field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// The client's address, as a load balancer tells it.
async fn introduced<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    peer: SocketAddr,
    load_balancers: &[Network],
    limit: Duration,
) -> Result<SocketAddr, TurnedAway> {
    let address = peer.ip().to_canonical();
    if !load_balancers.iter().any(|network| network.contains(address)) {
        return Err(TurnedAway::NotALoadBalancer);
    }
    let header = async {
        loop {
            match ProxyHeader::parse(&wire.input) {
                Ok(Some(header)) => return Ok(header),
                Ok(None) => {}
                Err(error) => return Err(TurnedAway::NoProxyHeader(error)),
            }
            match wire.receive(Awaited::Command).await {
                Ok(0) if wire.input.is_empty() => return Err(TurnedAway::Gone),
                Ok(0) => return Err(TurnedAway::NoProxyHeader(ProxyError::Absent)),
                Ok(_) => {}
                Err(error) => return Err(TurnedAway::Broken(error)),
            }
        }
    };
    let (header, octets) = timeout(limit, header).await.map_err(|_| TurnedAway::ProxyTimeout)??;
    let _ = wire.input.split_to(octets);
    match header {
        ProxyHeader::Client(client) => Ok(client),
        ProxyHeader::LoadBalancer => Ok(peer),
    }
}

async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    acceptor: &TlsAcceptor,
    client: &mut Client,
    limit: Duration,
) -> Result<(), TurnedAway> {
    wire.secure(acceptor, limit).await.map_err(TurnedAway::Handshake)?;
    client.transport = Transport::Tls;
    client.certified = wire.peer_certificate().map_or_else(Arc::default, names);
    Ok(())
}

/// TLS 1.2 and 1.3.
fn acceptor(Handshake { certificates, clients }: Handshake) -> Result<TlsAcceptor, Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let config = match clients {
        None => builder.with_no_client_auth().with_cert_resolver(certificates),
        Some(authorities) => {
            let mut config = builder.with_client_cert_verifier(authorities).with_cert_resolver(certificates);
            // A session that is resumed would bring back a certificate that has expired, or whose authority is gone.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        }
    };
    Ok(TlsAcceptor::from(Arc::new(config)))
}
