//! `sesgate health`: whether the relay on this machine is alive, or ready. An image without a shell has nothing else to
//! ask. Without an admin listener, the relay's greeting is what there is to hear.

use std::io::{BufRead, BufReader, Write, stderr, stdout};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

use crate::cli::http::{self, TIMEOUT, in_words};
use crate::cli::{ConfigFile, Exit, problems};
use crate::config::{self, Config, ListenerTls};
use crate::server::Proxy;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Ask whether mail should be sent here now, not only whether the relay is alive
    #[arg(long)]
    ready: bool,
}

/// What is asked for, and whether the answer is worth showing.
enum Question {
    Alive,
    Ready,
}

pub fn run(arguments: &Arguments) -> Exit {
    let path = arguments.file.path();
    let question = if arguments.ready { Question::Ready } else { Question::Alive };
    let config = match config::load(path.as_deref(), &std::env::vars_os().collect()) {
        Ok(config) => config,
        Err(errors) => return problems::refuse(&problems::of_config(&errors)),
    };
    match (&config.admin, question) {
        (Some(admin), question) => ask(reachable(admin.address()), &question),
        (None, Question::Alive) => greet_all(&config),
        (None, Question::Ready) => {
            let _ = writeln!(
                stderr(),
                "whether the relay is ready only its admin listener can say, and that is off"
            );
            Exit::Usage
        }
    }
}

/// Shows the answer about readiness: it says what is not well.
fn ask(address: SocketAddr, question: &Question) -> Exit {
    let path = match question {
        Question::Alive => "/healthz",
        Question::Ready => "/readyz",
    };
    match http::get(address, path, None) {
        Ok((status, body)) => {
            if matches!(question, Question::Ready) {
                let _ = writeln!(stdout(), "{body}");
            }
            if status == 200 { Exit::Done } else { Exit::Failed }
        }
        Err(reason) => {
            let _ = writeln!(stderr(), "admin listener on {address}: {reason}");
            Exit::Failed
        }
    }
}

fn greet_all(config: &Config) -> Exit {
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
    let greeting = hear(&stream).map_err(|error| in_words(&error))?;
    let _ = (&stream).write_all(b"QUIT\r\n");
    let _ = hear(&stream);
    if greeting.starts_with("220 ") {
        Ok(())
    } else {
        Err(format!("it says `{}`", greeting.trim().escape_debug()))
    }
}
