//! `sesgate health`: whether the relay on this machine answers. An image without a shell has nothing else to ask.

use std::io::{BufRead, BufReader, ErrorKind, Write, stderr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::cli::{Exit, problems};
use crate::config::{self, ListenerTls};
use crate::server::Proxy;

/// Docker's own time-out for a health check is longer.
const TIMEOUT: Duration = Duration::from_secs(2);

pub fn run(path: Option<&Path>) -> Exit {
    let config = match config::load(path, &std::env::vars_os().collect()) {
        Ok(config) => config,
        Err(errors) => return problems::refuse(&problems::of_config(&errors)),
    };
    for listener in &config.listeners {
        let address = reachable(listener.address);
        let asked = match (listener.tls, &listener.proxy) {
            // Here nobody is greeted who does not begin with something else.
            (ListenerTls::Implicit, _) | (_, Proxy::Required { .. }) => connect(address).map(drop),
            (ListenerTls::None | ListenerTls::StartTls | ListenerTls::RequiredStartTls, Proxy::None) => {
                greet(address)
            }
        };
        if let Err(reason) = asked {
            let _ = writeln!(stderr(), "listener `{}` on {}: {reason}", listener.name, listener.address);
            return Exit::Failed;
        }
    }
    Exit::Done
}

/// A listener on all addresses is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect_timeout(&address, TIMEOUT).map_err(|error| error.to_string())
}

fn greet(address: SocketAddr) -> Result<(), String> {
    let hear = |stream: &TcpStream| -> std::io::Result<String> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    };
    let stream = connect(address)?;
    let greeting = hear(&stream).map_err(|error| match error.kind() {
        // The system's own words for it are that a resource is unavailable.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("it does not greet within {TIMEOUT:?}"),
        _ => error.to_string(),
    })?;
    let _ = (&stream).write_all(b"QUIT\r\n");
    let _ = hear(&stream);
    if greeting.starts_with("220 ") {
        Ok(())
    } else {
        Err(format!("it says `{}`", greeting.trim().escape_debug()))
    }
}
