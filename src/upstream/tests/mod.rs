//! The other end of the wire, for tests: SES's voice as a script, over a stream in memory and a paused clock.

mod limits;
mod logins;
mod pacing;
mod secrets;
mod transcripts;
mod warm;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::credentials::{Keyring, Login};
use crate::gate::PermittedMail;
use crate::mail::{BodyBuilder, Message};
use crate::secret::Secret;
use crate::upstream::{Dial, DialError, Dialling, Settings, Stream, Upstream};

/// Smaller than a large mail, so that SES can leave the relay with half of it.
const PIPE_OCTETS: usize = 2048;
/// Longer than anything in the settings: what takes longer hangs.
const PATIENCE: Duration = Duration::from_hours(1);
/// More than one write takes.
const LARGE_PIECES: usize = 100;
const SMALL: &[u8] = b"From: a@example.com\r\n\r\n.hidden\r\nbye\r\n";
const SMALL_ON_WIRE: &str = "From: a@example.com\r\n\r\n..hidden\r\nbye\r\n.\r\n";

pub(super) fn login() -> Login {
    Login::new("AKIAIOSFODNN7EXAMPLE".to_owned(), Secret::new("BLBMsecret".to_owned())).unwrap()
}

pub(super) fn settings() -> Settings {
    Settings::new("email-smtp.eu-west-1.amazonaws.com")
}

pub(super) fn small_mail(recipients: &[&str]) -> PermittedMail {
    PermittedMail::for_tests("a@example.com", recipients, &Message::from(SMALL))
}

pub(super) fn large_mail() -> PermittedMail {
    let mut body = BodyBuilder::default();
    body.push(BytesMut::from(&b"\r\n"[..]), 0);
    for number in 0..LARGE_PIECES {
        body.push(BytesMut::from(large_piece(number).as_bytes()), 0);
    }
    let message = Message::new(Bytes::from_static(b"From: a@example.com\r\n"), body.finish());
    PermittedMail::for_tests("a@example.com", &["b@example.org"], &message)
}

fn large_piece(number: usize) -> String {
    format!("line {number:100}\r\n").repeat(50)
}

/// What the relay did towards SES.
pub(super) enum Call {
    Connect(DuplexStream),
    Secure,
}

/// Connects to the test itself, in as long as it is told, and secures nothing.
pub(super) struct ScriptedDial {
    calls: UnboundedSender<Call>,
    failures: Mutex<Vec<DialError>>,
}

/// SES's end of one connection.
pub(super) struct Peer {
    stream: DuplexStream,
}

pub(super) fn upstream(settings: Settings) -> (Arc<Upstream>, UnboundedReceiver<Call>) {
    upstream_that_first_fails(settings, Vec::new())
}

pub(super) fn upstream_that_first_fails(
    settings: Settings,
    failures: Vec<DialError>,
) -> (Arc<Upstream>, UnboundedReceiver<Call>) {
    upstream_with(settings, Keyring::of(login()), failures)
}

pub(super) fn upstream_with(
    settings: Settings,
    keyring: Arc<Keyring>,
    failures: Vec<DialError>,
) -> (Arc<Upstream>, UnboundedReceiver<Call>) {
    let (calls, called) = unbounded_channel();
    let dial = ScriptedDial { calls, failures: Mutex::new(failures) };
    (Arc::new(Upstream::new(settings, Some(keyring), Arc::new(dial)).unwrap()), called)
}

impl Dial for ScriptedDial {
    fn connect(&self) -> Dialling<'_> {
        Box::pin(async {
            if let Some(failure) = self.failures.lock().unwrap().pop() {
                return Err(failure);
            }
            let (near, far) = duplex(PIPE_OCTETS);
            self.calls.send(Call::Connect(far)).unwrap();
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }

    fn secure(&self, clear: Box<dyn Stream>) -> Dialling<'_> {
        self.calls.send(Call::Secure).unwrap();
        Box::pin(async { Ok(clear) })
    }
}

impl Peer {
    pub async fn accept(called: &mut UnboundedReceiver<Call>) -> Self {
        match timeout(PATIENCE, called.recv()).await.expect("the relay does not connect") {
            Some(Call::Connect(stream)) => Self { stream },
            _ => panic!("the relay does not connect"),
        }
    }

    /// Takes a connection as SES does on port 465, up to a login that it takes.
    pub async fn accept_and_log_in(called: &mut UnboundedReceiver<Call>) -> Self {
        let mut peer = Self::accept_up_to_login(called).await;
        peer.hear("AUTH PLAIN AEFLSUFJT1NGT0ROTjdFWEFNUExFAEJMQk1zZWNyZXQ=").await.unwrap();
        peer.say("235 Authentication successful.").await;
        peer
    }

    pub async fn accept_up_to_login(called: &mut UnboundedReceiver<Call>) -> Self {
        let mut peer = Self::accept(called).await;
        assert!(matches!(called.recv().await, Some(Call::Secure)), "the relay secures nothing");
        peer.say("220 email-smtp.amazonaws.com ESMTP SimpleEmailService-d-GI38EMLB2 hkD7YwduxMJw9KrXpof7")
            .await;
        peer.hear("EHLO sesgate").await.unwrap();
        peer.say("250-email-smtp.amazonaws.com\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN\r\n250 Ok").await;
        peer
    }

    /// Takes a mail of one recipient, up to the verdict.
    pub async fn take_mail(&mut self) {
        self.hear("MAIL FROM:<a@example.com> BODY=8BITMIME").await.unwrap();
        self.say("250 Ok").await;
        self.hear("RCPT TO:<b@example.org>").await.unwrap();
        self.say("250 Ok").await;
        self.hear("DATA").await.unwrap();
        self.say("354 End data with <CR><LF>.<CR><LF>").await;
        self.hear_message().await.unwrap();
    }

    pub async fn say(&mut self, text: &str) {
        // The relay may have hung up already, which the next step of the script notices.
        let _ = self.stream.write_all(format!("{text}\r\n").as_bytes()).await;
    }

    pub async fn hear(&mut self, line: &str) -> Result<(), String> {
        self.hear_octets(&format!("{line}\r\n")).await
    }

    pub async fn hear_message(&mut self) -> Result<(), String> {
        self.hear_octets(SMALL_ON_WIRE).await
    }

    pub async fn hear_large_message(&mut self) -> Result<(), String> {
        self.hear_octets("From: a@example.com\r\n\r\n").await?;
        for number in 0..LARGE_PIECES {
            self.hear_octets(&large_piece(number)).await?;
        }
        self.hear_octets(".\r\n").await
    }

    pub async fn hear_count(&mut self, count: usize) -> Result<(), String> {
        let mut octets = vec![0; count];
        match timeout(PATIENCE, self.stream.read_exact(&mut octets)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err("the relay says less".to_owned()),
        }
    }

    /// The relay hangs up and has said nothing more.
    pub async fn hear_end(&mut self) -> Result<(), String> {
        let octets = self.hear_rest().await?;
        if octets.is_empty() { Ok(()) } else { Err(format!("heard {:?}", String::from_utf8_lossy(&octets))) }
    }

    /// The relay hangs up in the middle of a message, without its end and without another command.
    pub async fn hear_cut_off(&mut self) -> Result<(), String> {
        let octets = self.hear_rest().await?;
        if octets.ends_with(b"\r\n.\r\n") { Err("heard the final dot".to_owned()) } else { Ok(()) }
    }

    async fn hear_rest(&mut self) -> Result<Vec<u8>, String> {
        let mut octets = Vec::new();
        let heard = timeout(PATIENCE, self.stream.read_to_end(&mut octets)).await;
        heard.map(|_| octets).map_err(|_| "the relay does not hang up".to_owned())
    }

    async fn hear_octets(&mut self, expected: &str) -> Result<(), String> {
        let mut heard = Vec::new();
        while heard.len() < expected.len() {
            match timeout(PATIENCE, self.stream.read_u8()).await {
                Ok(Ok(octet)) => heard.push(octet),
                _ => break,
            }
            if !expected.as_bytes().starts_with(&heard) {
                break;
            }
        }
        if heard == expected.as_bytes() {
            Ok(())
        } else {
            // What is left of the line shows what the relay meant to say.
            let _ = timeout(Duration::from_millis(1), self.stream.read_buf(&mut heard)).await;
            Err(format!("heard {:?} instead", String::from_utf8_lossy(&heard)))
        }
    }
}
