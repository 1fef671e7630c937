//! The clients: they send mail as a scenario says, and tell when each mail was answered and how long that took.

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;

use crate::client::{Client, Way};
use crate::letter;
use crate::load::scenarios::{Commands, Load, Mail};

/// Of an open loop: enough for 200 mails a second even if each takes 100 ms.
const OPEN_CLIENTS: usize = 20;
/// The clients of `Load::Idle` that send.
const SENDERS: usize = 10;

/// One mail, as the client saw it.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    pub answered: Instant,
    pub took: Duration,
}

pub struct Letter {
    commands: Vec<String>,
    /// The same in one piece.
    envelope: String,
    is_pipelined: bool,
    message: Vec<u8>,
}

/// Sends mails until then.
pub async fn drive(way: Way, load: Load, mail: Mail, until: Instant) -> Vec<Sent> {
    let letter = Arc::new(Letter::new(mail));
    let mut clients = JoinSet::new();
    match load {
        Load::Closed(count) => {
            (0..count).for_each(|_| drop(clients.spawn(keep(way.clone(), Arc::clone(&letter), until))));
        }
        Load::Idle(_) => {
            (0..SENDERS).for_each(|_| drop(clients.spawn(keep(way.clone(), Arc::clone(&letter), until))));
        }
        Load::Fresh(count) => {
            for number in 0..count {
                clients.spawn(begin_anew(way.clone(), Arc::clone(&letter), address(number), until));
            }
        }
        Load::Open(rate) => {
            let due = Arc::new(Mutex::new(schedule(rate, until)));
            for _ in 0..OPEN_CLIENTS {
                clients.spawn(send_when_due(way.clone(), Arc::clone(&letter), Arc::clone(&due)));
            }
        }
        Load::Start | Load::Soak(_) => {}
    }
    clients.join_all().await.concat()
}

/// One mail after another on one connection.
async fn keep(way: Way, letter: Arc<Letter>, until: Instant) -> Vec<Sent> {
    let mut client = way.connect(address(0)).await;
    let mut sent = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        letter.send(&mut client).await;
        sent.push(Sent::since(begun));
    }
    sent
}

/// One mail after another, each on a connection of its own, which is part of what it costs.
async fn begin_anew(way: Way, letter: Arc<Letter>, from: IpAddr, until: Instant) -> Vec<Sent> {
    let mut sent = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        let mut client = way.connect(from).await;
        letter.send(&mut client).await;
        sent.push(Sent::since(begun));
        client.ask("QUIT\r\n").await;
    }
    sent
}

async fn send_when_due(
    way: Way,
    letter: Arc<Letter>,
    due: Arc<Mutex<UnboundedReceiver<Instant>>>,
) -> Vec<Sent> {
    let mut client = way.connect(address(0)).await;
    let mut sent = Vec::new();
    loop {
        let Some(begun) = due.lock().await.recv().await else { return sent };
        letter.send(&mut client).await;
        sent.push(Sent::since(begun));
    }
}

/// Tells when each mail is due, when it is. A thread can sleep more exactly than a task.
fn schedule(rate: u32, until: Instant) -> UnboundedReceiver<Instant> {
    let (tell, due) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let mut next = Instant::now();
        while next < until {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            if tell.send(next).is_err() {
                return;
            }
            next += Duration::from_secs(1) / rate;
        }
    });
    due
}

impl Letter {
    pub fn new(mail: Mail) -> Self {
        let commands = letter::commands(mail.recipients);
        let is_pipelined = mail.commands == Commands::Pipelined;
        Self { envelope: commands.concat(), commands, is_pipelined, message: letter::message(mail.octets) }
    }

    pub async fn send(&self, client: &mut Client) {
        if self.is_pipelined {
            client.say(self.envelope.as_bytes()).await;
            for command in &self.commands {
                let reply = client.hear().await;
                assert!(reply.starts_with(['2', '3']), "{command}{reply}");
            }
        } else {
            for command in &self.commands {
                client.ask(command).await;
            }
        }
        client.say(&self.message).await;
        let reply = client.hear().await;
        assert!(reply.starts_with("250 "), "{reply}");
    }
}

impl Sent {
    fn since(begun: Instant) -> Self {
        let answered = Instant::now();
        Self { answered, took: answered.saturating_duration_since(begun) }
    }
}

/// Of several, for one address has ports for some 28,000 connections in a minute.
pub fn address(number: usize) -> IpAddr {
    [127, 0, 0, u8::try_from(number % 8).unwrap_or_default() + 1].into()
}
