//! An emulation of AWS in a process of its own: the server of moto, a Python package.
//!
//! It is `target/moto/bin/python` that has it (`python3 -m venv target/moto && target/moto/bin/pip install
//! 'moto[server]'`), else `python3`. Where neither has, tests that need it say so and pass; with `CI` set they fail.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Serves on a port of its own until its standard input ends, as it does when the tests' process is gone.
const PROGRAM: &str = "
import os, sys, threading
from moto.server import main
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
main(['-H', '127.0.0.1', '-p', '0'])
";

pub struct Moto {
    /// `http://127.0.0.1:4711`
    pub endpoint: String,
    /// Holds the pipe that keeps the server alive.
    _server: Child,
}

impl Moto {
    /// The server that all tests of this process share, started by the first: let each test use names of its own.
    /// `None` where there is no moto.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Moto>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start).as_ref();
        if shared.is_none() {
            assert!(std::env::var_os("CI").is_none(), "python3 has no moto.server");
            eprintln!("skipped: python3 has no moto.server");
        }
        shared
    }

    /// What a program needs to take it for AWS.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
    }

    fn start() -> Option<Self> {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/target/moto/bin/python");
        let python = if Path::new(own).exists() { own } else { "python3" };
        let mut server = Command::new(python)
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(server.stderr.take()?).lines();
        // "* Running on http://127.0.0.1:4711"
        let endpoint = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, endpoint) = line.split_once("Running on ")?;
            Some(endpoint.trim().to_owned())
        })?;
        // It would wait for a reader of its log.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { endpoint, _server: server })
    }
}
