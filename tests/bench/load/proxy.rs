//! The blind proxy that the relay is held against: `haproxy` if it is installed, or else one of the bench's own.

use std::fs;
use std::net::{SocketAddr, TcpListener as StandardListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use crate::process::Process;

/// As the first argument it makes of the bench its own proxy.
pub const OWN: &str = "--proxy";
const START_TIME_MAX: Duration = Duration::from_secs(10);

pub struct Proxy {
    pub process: Process,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Proxy {
    pub async fn start(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Neither can tell which port it was given.
        let address = StandardListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = address.expect("a port");
        let mut command = if has_haproxy() {
            let path = folder.path().join("haproxy.cfg");
            let configuration = format!(
                "global\n maxconn 5000\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 5m\n \
                 timeout server 5m\nlisten bench\n bind {address}\n server sink {target}\n"
            );
            fs::write(&path, configuration).expect("a file");
            let mut command = Command::new("haproxy");
            command.arg("-db").arg("-f").arg(path);
            command
        } else {
            let mut command = Command::new(std::env::current_exe().expect("a path"));
            command.args([OWN.to_owned(), address.to_string(), target.to_string()]);
            command
        };
        let process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()));
        let until = Instant::now() + START_TIME_MAX;
        while TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < until, "the proxy does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { process, address, _folder: folder }
    }
}

/// What the ratios are of.
pub fn name() -> &'static str {
    if has_haproxy() { "HAProxy, mode tcp" } else { "the bench's own proxy, for HAProxy is not installed" }
}

/// Copies octets both ways, for as long as the process lives.
pub async fn run(address: SocketAddr, target: SocketAddr) {
    let listener = TcpListener::bind(address).await.expect("a port");
    loop {
        let (mut client, _) = listener.accept().await.expect("a connection");
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(target).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
}

fn has_haproxy() -> bool {
    let mut command = Command::new("haproxy");
    command
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
