//! What a crowd costs: the memory of 10,000 idle connections and 1,000 slow ones, and how long mails take meanwhile.
//!
//! `cargo bench --bench connections`. What was measured is in README.md beside this. `SESGATE_PROGRAM` measures a
//! program built elsewhere; `SESGATE_IDLE` and `SESGATE_SLOW` change the crowd.
#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be set up cannot be measured")]

#[path = "connections/client.rs"]
mod client;
#[path = "connections/relay.rs"]
mod relay;

use std::io::{Write as _, stdout};
use std::os::unix::process::CommandExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Client, Way};
use relay::{Relay, Security};
use sesgate::sandbox::{Settings, StandIn};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Connections that are being opened at once.
const OPENING_MAX: usize = 50;
const SENDERS: usize = 4;
/// Shorter than the 30 s after which `limits.message_rate_min` has slow clients leave.
const LOADED: Duration = Duration::from_secs(15);
const UNLOADED: Duration = Duration::from_secs(5);

fn main() {
    if std::env::var_os("SESGATE_DESCRIPTORS").is_none() {
        let program = std::env::current_exe().expect("a path");
        let raised = "ulimit -n \"$(ulimit -H -n)\" && exec \"$0\"";
        let mut again = std::process::Command::new("sh");
        let error = again.args(["-c", raised]).arg(program).env("SESGATE_DESCRIPTORS", "raised").exec();
        panic!("no shell to raise the limit of descriptors: {error}");
    }
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
    let (relay, way) = Relay::start(&stand_in, security, idle + slow + 100).await;
    say(&format!("{security:?}: {idle} idle, {slow} slow"));

    let alone = mails(&way, UNLOADED).await;
    say(&format!("  alone: {alone}"));
    let empty = relay.resident_kb();
    let begun = Instant::now();
    let mut crowd = open(&way, 0..idle).await;
    let opened = begun.elapsed();
    let with_idle = relay.resident_kb();
    say(&format!("  {idle} opened in {:.1} s", opened.as_secs_f64()));
    say(&format!(
        "  memory: {empty} kB, with idle {with_idle} kB: {} for each",
        each(empty, with_idle, idle)
    ));

    let slow_ones = open(&way, idle..idle + slow).await;
    let dripping: JoinSet<usize> = slow_ones.into_iter().map(drip).collect();
    let with_crowd = mails(&way, LOADED).await;
    let with_slow = relay.resident_kb();
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

/// Connections past their EHLO, 100 from each address: as many as `limits.connections_per_address_max` lets in.
async fn open(way: &Way, numbers: std::ops::Range<usize>) -> Vec<Client> {
    let places = Arc::new(Semaphore::new(OPENING_MAX));
    let mut opening = JoinSet::new();
    for number in numbers {
        let (way, places) = (way.clone(), Arc::clone(&places));
        opening.spawn(async move {
            let _place = places.acquire().await.expect("a place");
            let address = u8::try_from(number / 100).expect("at most 25,600 connections");
            way.connect([127, 0, 1, address].into()).await
        });
    }
    opening.join_all().await
}

/// One octet of a message a second, until the relay has enough of it. How many octets that took.
async fn drip(mut client: Client) -> usize {
    client.begin("app@example.com").await;
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
            let body = format!("{}\r\n", "x".repeat(62)).repeat(160);
            let mut took = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                client.begin("app@example.com").await;
                let message = format!("From: app@example.com\r\nTo: bob@example.com\r\n\r\n{body}.\r\n");
                client.say(message.as_bytes()).await;
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
