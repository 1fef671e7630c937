//! Plays every `tests/upstream/*.smtp` against the upstream. `tests/upstream/README.md` tells the language.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{Call, PATIENCE, Peer, large_mail, settings, small_mail, upstream};
use crate::upstream::{Outcome, Progress, Security, Settings, Upstream};

struct Stage {
    upstream: Arc<Upstream>,
    called: UnboundedReceiver<Call>,
    peers: Vec<Option<Peer>>,
    current: usize,
    mails: VecDeque<JoinHandle<Outcome>>,
}

#[tokio::test(start_paused = true)]
async fn every_transcript_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upstream");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "smtp"));
    paths.sort();
    assert!(paths.len() > 20, "the transcripts are missing");
    let mut failures = Vec::new();
    for path in paths {
        if let Err(failure) = play(&fs::read_to_string(&path).unwrap()).await {
            failures.push(format!("{}:{failure}", path.display()));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn play(script: &str) -> Result<(), String> {
    let is_step = |(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with('#');
    let mut settings = settings();
    let (set, steps): (Vec<_>, Vec<_>) =
        script.lines().enumerate().filter(is_step).partition(|(_, line)| line.starts_with("set "));
    for (_, line) in set {
        set_up(&mut settings, line);
    }
    let (upstream, called) = upstream(settings);
    let mut stage = Stage { upstream, called, peers: Vec::new(), current: 0, mails: VecDeque::new() };
    for (index, line) in steps {
        stage.step(line).await.map_err(|error| format!("{}: `{line}`: {error}", index + 1))?;
    }
    if stage.mails.is_empty() { Ok(()) } else { Err("a mail has no outcome".to_owned()) }
}

fn set_up(settings: &mut Settings, line: &str) {
    match line.split(' ').collect::<Vec<_>>()[..] {
        [_, "security", "starttls"] => settings.security = Security::StartTls,
        [_, "security", "none"] => settings.security = Security::None,
        [_, "hold", seconds] => settings.hold = Duration::from_secs(seconds.parse().unwrap()),
        [_, "connection_mails_max", count] => settings.connection_mails_max = count.parse().unwrap(),
        [_, "connection_age_max", seconds] => {
            settings.connection_age_max = Duration::from_secs(seconds.parse().unwrap());
        }
        _ => panic!("unknown setting `{line}`"),
    }
}

impl Stage {
    async fn step(&mut self, line: &str) -> Result<(), String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (verb, rest) {
            ("mail", "") => self.start(small_mail(&["b@example.org"])),
            ("mail", "to two") => self.start(small_mail(&["b@example.org", "c@example.org"])),
            ("mail", "large") => self.start(large_mail()),
            ("outcome", expected) => return self.expect_outcome(expected).await,
            ("wait", time) => sleep(duration(time)).await,
            ("login", "") => {
                let peer = Peer::accept_and_log_in(&mut self.called).await;
                self.join(peer);
            }
            ("connect", "") => {
                let peer = Peer::accept(&mut self.called).await;
                self.join(peer);
            }
            ("tls", "") => match timeout(PATIENCE, self.called.recv()).await {
                Ok(Some(Call::Secure)) => {}
                _ => return Err("the relay secures nothing".to_owned()),
            },
            ("no", "connect") => {
                if let Ok(Some(_)) = timeout(Duration::from_millis(1), self.called.recv()).await {
                    return Err("the relay connects".to_owned());
                }
            }
            ("on", number) => self.current = number.parse::<usize>().unwrap() - 1,
            ("take", "mail") => self.peer().take_mail().await,
            ("S:", text) => self.peer().say(&text.replace("\\r\\n", "\r\n")).await,
            ("S-endless", "") => self.peer().say(&"2".repeat(100_000)).await,
            ("C:", line) => return self.peer().hear(line).await,
            ("message", "") => return self.peer().hear_message().await,
            ("message", "large") => return self.peer().hear_large_message().await,
            ("part", count) => return self.peer().hear_count(count.parse().unwrap()).await,
            ("close", "") => self.peers[self.current] = None,
            ("cut", "off") => return self.peer().hear_cut_off().await,
            ("end", "") => return self.peer().hear_end().await,
            _ => return Err("unknown step".to_owned()),
        }
        Ok(())
    }

    fn start(&mut self, mail: crate::gate::PermittedMail) {
        let upstream = Arc::clone(&self.upstream);
        self.mails.push_back(tokio::spawn(async move {
            upstream.deliver("app", &mail, &Progress::default()).await.outcome
        }));
    }

    fn join(&mut self, peer: Peer) {
        self.peers.push(Some(peer));
        self.current = self.peers.len() - 1;
    }

    fn peer(&mut self) -> &mut Peer {
        self.peers[self.current].as_mut().expect("the connection is closed")
    }

    async fn expect_outcome(&mut self, expected: &str) -> Result<(), String> {
        let mail = self.mails.pop_front().expect("no mail was sent");
        let outcome = timeout(PATIENCE, mail).await.map_err(|_| "no outcome".to_owned())?.unwrap();
        let told = format!("{}: {outcome}", outcome.label());
        if told == expected { Ok(()) } else { Err(format!("it was {told}")) }
    }
}

fn duration(time: &str) -> Duration {
    let (number, unit) = time.split_once(' ').unwrap();
    let number = number.parse().unwrap();
    match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        _ => panic!("unknown unit of time `{unit}`"),
    }
}
