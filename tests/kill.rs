#![cfg(test)]
//! The relay is killed, or told to stop, while mails are on their way: no client holds a 250 for a mail that SES has not.
//!
//! It is killed a few times by default. `SESGATE_KILLS=200 cargo test --test kill` does it as often as it takes to be
//! sure, and `SESGATE_SOAK_SEED` has it die at other moments.

#[path = "soak/client.rs"]
mod client;
#[path = "soak/dice.rs"]
mod dice;
#[path = "program/variables.rs"]
mod variables;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Write as _, stderr};
use std::net::SocketAddr;
use std::process::Stdio;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::{Attempt, Client, Mail};
use dice::Dice;
use sesgate::sandbox::{Settings, StandIn};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use variables::{REGION, variables};

const CLIENTS: usize = 10;
/// Long enough for a busy machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(1);
const SENDER: &str = "app@mail1.tak1wa.com";

/// `sesgate serve`, listening.
struct Relay {
    child: Child,
    address: SocketAddr,
    _log: Lines<BufReader<ChildStderr>>,
    audit: NamedTempFile,
    _ca_file: NamedTempFile,
}

/// What the clients of one relay came to.
#[derive(Default)]
struct Told {
    /// Mails by number, with their message ids.
    accepted: HashMap<usize, String>,
    unsent: usize,
    interrupted: usize,
    unanswered: usize,
}

fn number_from<T: FromStr>(variable: &str, default: T) -> T {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => default,
    }
}

/// One that takes its time now and then, so that the relay dies at every step of its mails.
async fn stand_in() -> StandIn {
    let settings = Settings {
        region: REGION.to_owned(),
        identities: vec!["mail1.tak1wa.com".to_owned()],
        recipients_per_second_max: u32::MAX,
        recipients_per_day_max: u32::MAX,
        stored_mails_max: usize::MAX,
        ..Settings::default()
    };
    let stand_in = StandIn::start(settings).await.unwrap();
    stand_in.faults().add("any~30%=delay 3ms".parse().unwrap());
    stand_in
}

impl Relay {
    async fn start(stand_in: &StandIn) -> Self {
        let (audit, ca_file) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
        command.arg("serve").env_clear().envs(variables(stand_in, &ca_file));
        command.env("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0").env("SESGATE_ADMIN_ADDRESS", "off");
        command.stdin(Stdio::null()).stdout(File::create(audit.path()).unwrap()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = async {
            let mut said = String::new();
            while let Some(line) = log.next_line().await.unwrap() {
                if line.contains("\"listening\"") {
                    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                    return line["address"].as_str().unwrap().parse().unwrap();
                }
                said.push_str(&line);
            }
            panic!("it ended: {said}");
        };
        let address = timeout(PATIENCE, listening).await.unwrap();
        Self { child, address, _log: log, audit, _ca_file: ca_file }
    }

    fn tell_to_stop(&self) {
        let id = self.child.id().unwrap().to_string();
        let told = std::process::Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]).status();
        assert!(told.unwrap().success());
    }
}

/// Sends mails, each another, until the relay is gone.
async fn send(relay: SocketAddr, numbers: Arc<AtomicUsize>, mut dice: Dice) -> Told {
    let (mut client, mut told) = (Client::new(relay), Told::default());
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let octets = dice.between(100, 5000).try_into().unwrap();
        let mail = Mail::new(number, SENDER, 1, octets);
        match client.attempt(&mail).await {
            Attempt::Replied(reply) => match reply.strip_prefix("250 2.0.0 Ok ") {
                Some(message_id) => drop(told.accepted.insert(mail.number, message_id.to_owned())),
                None if reply.starts_with('4') => {}
                None => panic!("mail {} was answered {reply}", mail.number),
            },
            Attempt::Unsent => {
                told.unsent += 1;
                return told;
            }
            Attempt::Interrupted => {
                told.interrupted += 1;
                return told;
            }
            Attempt::Unanswered => {
                told.unanswered += 1;
                return told;
            }
        }
    }
}

/// Has clients send until `end` has made the relay go, at a moment that the dice choose once mails flow.
async fn load(relay: &mut Relay, numbers: &Arc<AtomicUsize>, dice: &mut Dice, end: fn(&mut Relay)) -> Told {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let dice = Dice::new(dice.between(0, u64::MAX));
        clients.spawn(send(relay.address, Arc::clone(numbers), dice));
    }
    let begun = numbers.load(Ordering::Relaxed);
    while numbers.load(Ordering::Relaxed) < begun + CLIENTS {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_micros(dice.between(0, 300_000))).await;
    end(relay);
    let mut sum = Told::default();
    while let Some(told) = timeout(PATIENCE, clients.join_next()).await.unwrap() {
        let told = told.unwrap();
        sum.accepted.extend(told.accepted);
        sum.unsent += told.unsent;
        sum.interrupted += told.interrupted;
        sum.unanswered += told.unanswered;
    }
    sum
}

/// The message ids of the mails that SES has, by number.
fn at_ses(stand_in: &StandIn) -> HashMap<usize, String> {
    let mails = stand_in.mailbox().mails();
    let number = |subject: &str| subject.strip_prefix("mail ").unwrap().parse().unwrap();
    let found: HashMap<_, _> =
        mails.iter().map(|mail| (number(&mail.summary.subject), mail.summary.message_id.clone())).collect();
    assert_eq!(found.len(), mails.len(), "a mail is there twice");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_leaves_no_250_for_a_mail_that_ses_has_not() {
    let (kills, seed) = (number_from("SESGATE_KILLS", 10), number_from("SESGATE_SOAK_SEED", 1));
    let stand_in = stand_in().await;
    let (mut dice, numbers) = (Dice::new(seed), Arc::new(AtomicUsize::new(0)));
    let mut sum = Told::default();
    for _ in 0..kills {
        let mut relay = Relay::start(&stand_in).await;
        let told = load(&mut relay, &numbers, &mut dice, |relay| relay.child.start_kill().unwrap()).await;
        relay.child.wait().await.unwrap();
        sum.accepted.extend(told.accepted);
        sum.unsent += told.unsent;
        sum.interrupted += told.interrupted;
        sum.unanswered += told.unanswered;
    }
    let at_ses = at_ses(&stand_in);
    for (number, message_id) in &sum.accepted {
        assert_eq!(at_ses.get(number), Some(message_id), "mail {number}, seed {seed}");
    }
    // Else it was never killed with a mail in hand.
    assert!(sum.unanswered > 0, "seed {seed}");
    let _ = writeln!(
        stderr(),
        "kill: seed {seed}: {kills} kills; {} mails with 250, {} without an answer of which SES has {}; {} cut before \
         their dot, {} not begun",
        sum.accepted.len(),
        sum.unanswered,
        at_ses.len() - sum.accepted.len(),
        sum.interrupted,
        sum.unsent,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_at_any_moment_it_drops_nothing_in_hand() {
    let stops = number_from("SESGATE_KILLS", 10).min(20);
    let seed = number_from("SESGATE_SOAK_SEED", 1);
    let (mut dice, numbers) = (Dice::new(seed), Arc::new(AtomicUsize::new(0)));
    for _ in 0..stops {
        let stand_in = stand_in().await;
        let mut relay = Relay::start(&stand_in).await;
        let told = load(&mut relay, &numbers, &mut dice, |relay| relay.tell_to_stop()).await;
        let status = timeout(PATIENCE, relay.child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0));
        assert_eq!((told.interrupted, told.unanswered), (0, 0), "seed {seed}");
        // Whatever SES has was answered 250, and the reverse; and the audit log knows.
        assert_eq!(told.accepted, at_ses(&stand_in), "seed {seed}");
        let audit = std::fs::read_to_string(relay.audit.path()).unwrap();
        let records = audit.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let recorded: HashSet<String> =
            records.filter_map(|record| Some(record["ses_message_id"].as_str()?.to_owned())).collect();
        assert_eq!(recorded, told.accepted.into_values().collect(), "seed {seed}");
    }
}
