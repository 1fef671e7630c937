//! What a crowd costs: the memory of 10,000 idle connections and 1,000 slow ones, and how long mails take meanwhile.
//!
//! `cargo bench --bench connections`. What was measured is in README.md beside this. `SESGATE_PROGRAM` measures a
//! program built elsewhere; `SESGATE_IDLE` and `SESGATE_SLOW` change the crowd.
#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be set up cannot be measured")]

#[path = "certificate.rs"]
mod certificate;
#[path = "client.rs"]
mod client;
#[path = "descriptors.rs"]
mod descriptors;
#[path = "documents.rs"]
mod documents;
#[path = "letter.rs"]
mod letter;
#[path = "process.rs"]
mod process;
#[path = "relay.rs"]
mod relay;

use std::io::{Write as _, stdout};
use std::time::{Duration, Instant};

use client::{Client, Way};
use relay::{Relay, Security, Setup};
use sesgate::sandbox::{Settings, StandIn};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

const SENDERS: usize = 4;
/// Shorter than the 30 s after which `limits.message_rate_min` has slow clients leave.
const LOADED: Duration = Duration::from_secs(15);
const UNLOADED: Duration = Duration::from_secs(5);

fn main() {
    descriptors::raise();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for security in [Security::None, Security::Tls] {
        runtime.block_on(measure(security));
    }
}

async fn measure(security: Security) {
    let (idle, slow) = (number("SESGATE_IDLE", 10_000), number("SESGATE_SLOW", 1_000));
    let settings = Settings {
        recipients_per_second_max: u32::MAX,
        recipients_per_day_max: u32::MAX,
        stored_mails_max: 10,
        ..Settings::default()
    };
    let stand_in = StandIn::start(settings).await.expect("a stand-in for SES");
    let (relay, way) = start(&stand_in, security, idle + slow + 100).await;
    say(&format!("{security:?}: {idle} idle, {slow} slow"));

    let alone = mails(&way, UNLOADED).await;
    say(&format!("  alone: {alone}"));
    let empty = relay.process.resident_kb();
    let begun = Instant::now();
    let mut crowd = way.crowd(0..idle).await;
    let opened = begun.elapsed();
    let with_idle = relay.process.resident_kb();
    say(&format!("  {idle} opened in {:.1} s", opened.as_secs_f64()));
    say(&format!(
        "  memory: {empty} kB, with idle {with_idle} kB: {} for each",
        each(empty, with_idle, idle)
    ));

    let slow_ones = way.crowd(idle..idle + slow).await;
    let dripping: JoinSet<usize> = slow_ones.into_iter().map(drip).collect();
    let with_crowd = mails(&way, LOADED).await;
    let with_slow = relay.process.resident_kb();
    say(&format!("  memory: with slow {with_slow} kB: {} for each", each(with_idle, with_slow, slow)));
    say(&format!("  in the crowd: {with_crowd}"));
    let dripped = dripping.join_all().await;
    say(&format!(
        "  slow: told to leave after {:?} to {:?} octets",
        dripped.iter().min(),
        dripped.iter().max()
    ));

    let begun = Instant::now();
    for client in &mut crowd {
        assert_eq!(client.ask("NOOP\r\n").await, "250 2.0.0 Ok\r\n");
    }
    say(&format!("  all idle ones still served, in {:.1} s", begun.elapsed().as_secs_f64()));
}

async fn start(stand_in: &StandIn, security: Security, connections_max: usize) -> (Relay, Way) {
    let endpoint = stand_in.endpoints().implicit_tls;
    let ses = format!(
        "host = \"{}\"\nport = {}\nca_file = \"ca.pem\"\nserver_name = \"email-smtp.us-east-1.amazonaws.com\"\n",
        endpoint.ip(),
        endpoint.port(),
    );
    let setup = Setup {
        security,
        limits: &format!("connections_max = {connections_max}\ncommands_max = 1000000\n"),
        ses: &ses,
        ca_pem: stand_in.ca_pem(),
        user_name: &stand_in.login().user_name,
        password: stand_in.login().password.expose(),
        policy: &documents::document(1),
    };
    Relay::start(&setup).await
}

/// One octet of a message a second, until the relay has enough of it. How many octets that took.
async fn drip(mut client: Client) -> usize {
    begin(&mut client).await;
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for octets in 0.. {
        tokio::select! {
            _ = ticks.tick() => client.say(b"x").await,
            reply = client.hear() => {
                assert!(reply.starts_with("421 4.4.2 ") || reply.starts_with("451 4.4.2 "), "{reply}");
                return octets;
            }
        }
    }
    0
}

/// Some clients send one mail of 10 KiB after another. What they made of it.
async fn mails(way: &Way, during: Duration) -> String {
    let until = Instant::now() + during;
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let way = way.clone();
        senders.spawn(async move {
            let mut client = way.connect([127, 0, 0, 1].into()).await;
            let message = letter::message(10 * 1024);
            let mut took = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                begin(&mut client).await;
                client.say(&message).await;
                let reply = client.hear().await;
                assert!(reply.starts_with("250 "), "{reply}");
                took.push(begun.elapsed());
            }
            took
        });
    }
    let mut took = senders.join_all().await.concat();
    took.sort_unstable();
    let part = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    let rate = took.len() as u64 / during.as_secs();
    let (median, slow, last) = (part(50), part(99), took.last().copied().unwrap_or_default());
    format!("{rate} mails/s; half took {median:.1?} or less, 99 % {slow:.1?} or less, the slowest {last:.1?}")
}

/// Up to where the message is awaited.
async fn begin(client: &mut Client) {
    for command in letter::commands(1) {
        client.ask(&command).await;
    }
}

fn each(before: usize, after: usize, count: usize) -> String {
    let octets = after.saturating_sub(before) * 1024 / count.max(1);
    format!("{}.{} kB", octets / 1000, octets % 1000 / 100)
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

fn say(line: &str) {
    writeln!(stdout(), "{line}").expect("an output");
}
