//! The relay without file descriptors left: it waits, says so, and goes on.

use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::rig::write_configuration;

const PATIENCE: Duration = Duration::from_secs(20);

struct Relay {
    process: Child,
    log: Receiver<String>,
}

impl Relay {
    fn start(descriptors: u32) -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let settings = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
        let configuration = write_configuration(folder.path(), settings);
        let mut process = Command::new("sh")
            .args([
                "-c",
                "ulimit -n \"$2\"; exec \"$0\" serve --config \"$1\"",
                env!("CARGO_BIN_EXE_sesgate"),
            ])
            .args([configuration.display().to_string(), descriptors.to_string()])
            .env_clear()
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        (Self { process, log }, folder)
    }

    fn line(&self, part: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let line = self.log.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("the log does not say {part}"));
            if line.contains(part) {
                return line;
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn greeting(mut stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut octets = [0; 256];
    let length = stream.read(&mut octets).unwrap();
    String::from_utf8_lossy(&octets[..length]).into_owned()
}

#[test]
fn connections_that_find_no_descriptor_are_served_when_there_is_one() {
    let (relay, _folder) = Relay::start(40);
    let line = relay.line("\"listening\"");
    let address = line.split("\"address\":\"").nth(1).unwrap().split('"').next().unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let streams: Vec<_> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    relay.line("cannot accept a connection");
    let begun = Instant::now();
    // The waits double: 10, 20, 40, ... 640 ms.
    relay.line("waiting 320ms");
    assert!(begun.elapsed() > Duration::from_millis(100));

    let (served, waiting) = streams.split_at(20);
    assert!(served.iter().all(|stream| greeting(stream).starts_with("220 ")));
    for stream in served {
        stream.shutdown(Shutdown::Both).unwrap();
    }
    for stream in waiting {
        assert!(greeting(stream).starts_with("220 "));
        stream.shutdown(Shutdown::Both).unwrap();
    }
}
