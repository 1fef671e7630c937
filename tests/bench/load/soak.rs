//! Very many mails: whether memory grows with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;

use crate::client::Way;
use crate::load::drive::{Letter, address};
use crate::load::figures::say;
use crate::load::peers::Standing;
use crate::load::scenarios::{Mail, Scenario};
use crate::load::sink::Sink;

const CLIENTS: usize = 50;
/// The mails that a client sends on one connection.
const STAY: usize = 200;
/// One of them after another; most mail is small.
const OCTETS: [usize; 10] =
    [1 << 10, 2 << 10, 3 << 10, 5 << 10, 10 << 10, 2 << 10, 30 << 10, 4 << 10, 10 << 10, 300 << 10];
/// How often memory is looked at.
const LOOKS: usize = 10;

/// Sends so many mails, and tells at each tenth of them what the relay takes.
pub async fn soak(mails: usize, scenario: &Scenario, sink: &Sink) {
    let [peer] = scenario.peers else { panic!("one peer") };
    let standing = Standing::start(*peer, sink).await;
    let letters: Arc<[Letter]> =
        OCTETS.iter().map(|octets| Letter::new(Mail { octets: *octets, ..scenario.mail })).collect();
    say(&format!("\n{:<12}{:>12}{:>12}{:>15}", scenario.name, "mails/s", "RSS MB", "CPU ms/mail"));
    for look in 1..=LOOKS {
        let begun = (Instant::now(), standing.processor_time());
        let left = Arc::new(AtomicUsize::new(mails / LOOKS));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(send(standing.way.clone(), number, Arc::clone(&letters), Arc::clone(&left)));
        }
        clients.join_all().await;
        let sent = u32::try_from(mails / LOOKS).map_or(f64::NAN, f64::from);
        let rate = sent / begun.0.elapsed().as_secs_f64();
        let time = standing.processor_time().zip(begun.1).map(|(now, before)| now.saturating_sub(before));
        let time = time.map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0 / sent);
        let resident = standing.resident_kb().unwrap_or_default() * 1024 / 1_000_000;
        say(&format!("{:<12}{rate:>12.0}{resident:>12}{time:>15.3}", mails / LOOKS * look));
    }
}

async fn send(way: Way, number: usize, letters: Arc<[Letter]>, left: Arc<AtomicUsize>) {
    let one_less = |left: usize| left.checked_sub(1);
    loop {
        let mut client = way.connect(address(number)).await;
        for letter in letters.iter().cycle().skip(number).take(STAY) {
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
                return;
            }
            letter.send(&mut client).await;
        }
    }
}
