//! What stands between clients and SES, running.

use std::fs;
use std::time::Duration;

use crate::client::Way;
use crate::documents::document;
use crate::load::proxy::Proxy;
use crate::load::scenarios::{Peer, Variant};
use crate::load::sink::Sink;
use crate::process::Process;
use crate::relay::{Relay, Security, Setup};

/// More than any scenario meets.
const LIMITS: &str = "connections_max = 11000\nconnections_per_address_max = 11000\ncommands_max = 1000000\n";
/// As many as there are clients at most, so that none waits for another one's session.
const SES_CONNECTIONS_MAX: usize = 100;

pub struct Standing {
    pub peer: Peer,
    pub way: Way,
    runs: Runs,
}

enum Runs {
    Nothing,
    Proxy(Proxy),
    Relay(Relay),
}

impl Standing {
    pub async fn start(peer: Peer, sink: &Sink) -> Self {
        match peer {
            Peer::Direct => Self { peer, way: Way { address: sink.clear, tls: None }, runs: Runs::Nothing },
            Peer::Proxy => {
                let proxy = Proxy::start(sink.clear).await;
                Self { peer, way: Way { address: proxy.address, tls: None }, runs: Runs::Proxy(proxy) }
            }
            Peer::Relay(variant) => {
                let (relay, way) = relay(variant, sink).await;
                Self { peer, way, runs: Runs::Relay(relay) }
            }
        }
    }

    /// What its threads have taken of the processors. INVARIANT: none of them ends while it is measured.
    pub fn processor_time(&self) -> Option<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process()?.id())).expect("a Linux");
        let nanoseconds = tasks.map(|task| {
            let path = task.expect("a thread").path().join("schedstat");
            let text = fs::read_to_string(path).expect("a Linux that counts what threads take");
            let first = text.split(' ').next().expect("a field");
            first.parse::<u64>().expect("nanoseconds")
        });
        Some(Duration::from_nanos(nanoseconds.sum()))
    }

    pub fn resident_kb(&self) -> Option<usize> {
        Some(self.process()?.resident_kb())
    }

    fn process(&self) -> Option<&Process> {
        match &self.runs {
            Runs::Nothing => None,
            Runs::Proxy(proxy) => Some(&proxy.process),
            Runs::Relay(relay) => Some(&relay.process),
        }
    }
}

async fn relay(variant: Variant, sink: &Sink) -> (Relay, Way) {
    let ses = match variant.ses {
        Security::None => format!("tls = \"none\"\nport = {}", sink.clear.port()),
        Security::Tls => format!("ca_file = \"ca.pem\"\nport = {}", sink.secured.port()),
    };
    let setup = Setup {
        security: variant.clients,
        limits: LIMITS,
        ses: &format!("host = \"127.0.0.1\"\nconnections_max = {SES_CONNECTIONS_MAX}\n{ses}\n"),
        ca_pem: &sink.certificate.pem,
        user_name: "AKIAIOSFODNN7EXAMPLE",
        password: "a password that the sink takes, as any other",
        policy: &document(variant.statements),
    };
    Relay::start(&setup).await
}
