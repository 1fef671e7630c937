#![cfg(test)]
//! SES out of order, and then in order again: the application hears 451, the log says why and gives nothing away,
//! and the relay finds its way back by itself.

#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "clients/relay.rs"]
mod relay;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dialogue::send_hello;
use relay::{Relay, SENDER, account, way};
use sesgate::sandbox::{Endpoints, Login, Settings, StandIn};
use sesgate::secret::Secret;
use tracing::subscriber::DefaultGuard;

const USER_NAME: &str = "AKIARECOVERYTEST";
const PASSWORD: &str = "BTheSecretOfTheRecoveryTests";
/// `\0AKIARECOVERYTEST\0BTheSecretOfTheRecoveryTests`, as AUTH PLAIN says it.
const ENCODED: &str = "AEFLSUFSRUNPVkVSWVRFU1QAQlRoZVNlY3JldE9mVGhlUmVjb3ZlcnlUZXN0cw==";
/// More than the relay ever waits before it tries SES again, and than it holds a mail back that is in doubt.
const WAIT: Duration = Duration::from_mins(6);

/// On an address of its own, so that no other test is given the port while SES is away.
const ELSEWHERE: &str = "127.71.71.71:0";

const UNREACHABLE: &str = "451 4.4.1 Amazon SES cannot be reached; nothing was sent, try again later";
const CANNOT_SEND: &str =
    "451 4.3.0 The relay cannot send mail at present; nothing was sent, try again later";
const TROUBLE: &str = "451 4.3.0 Amazon SES is in trouble; nothing was sent, try again later";
const IN_DOUBT: &str =
    "451 4.4.2 Amazon SES may or may not have taken the mail; sending again may deliver it twice";

/// Everything that is logged in a test, whatever its level.
struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

#[derive(Clone)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Of this thread, which is the whole runtime of a test.
    fn capture() -> Self {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Lines(Arc::clone(&lines));
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("sesgate=trace,warn")
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// What came since the last time. No secret and no mail address is in it, of the mail or of the login.
    fn take(&self) -> String {
        let text = String::from_utf8(std::mem::take(&mut *self.lines.lock().unwrap())).unwrap();
        for secret in [PASSWORD, ENCODED, "mail1.tak1wa.com", "example.com", "Hello Bob"] {
            assert!(!text.contains(secret), "`{secret}` is in the log: {text}");
        }
        text
    }
}

fn settings() -> Settings {
    let login = Login { user_name: USER_NAME.to_owned(), password: Secret::new(PASSWORD.to_owned()) };
    Settings { login: Some(login), ..account() }
}

async fn pair() -> (StandIn, Relay) {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let way = way("implicit", stand_in.endpoints().implicit_tls, &stand_in);
    let relay = Relay::start(None, way, stand_in.ca_pem());
    (stand_in, relay)
}

/// Lets the time pass in which the relay leaves SES alone, or a mail.
async fn wait() {
    tokio::time::pause();
    tokio::time::advance(WAIT).await;
    tokio::time::resume();
}

async fn assert_sends(relay: &Relay) {
    let reply = send_hello(relay.address(), SENDER).await;
    assert!(reply.starts_with("250 2.0.0 Ok 0"), "{reply}");
}

/// The mail is put off with these words, and one warning says why.
async fn assert_puts_off(relay: &Relay, log: &Log, expected: &str, why: &str) {
    log.take();
    let reply = send_hello(relay.address(), SENDER).await;
    let logged = log.take();
    let warnings: Vec<&str> = logged.lines().filter(|line| line.contains(" WARN ")).collect();
    let [warning] = warnings[..] else { panic!("not one warning: {logged}") };
    assert!(warning.contains(why), "`{why}` is not in {warning}");
    let record = relay.records().pop().unwrap();
    let expected = format!("{expected} (decision {})", record["decision_id"].as_str().unwrap());
    assert_eq!(reply, expected);
    assert_eq!((&record["effect"], &record["reply"]), (&"allow".into(), &expected.into()));
    assert!(record["ses_message_id"].is_null());
}

#[tokio::test]
async fn whatever_goes_wrong_once_is_over_when_it_is_over() {
    let log = Log::capture();
    for (fault, reply, why) in [
        ("connect=reset", UNREACHABLE, "the TLS handshake failed"),
        ("greeting=close", UNREACHABLE, "the session failed at"),
        ("greeting=close 421 Too many concurrent SMTP connections", UNREACHABLE, "421 Too many concurrent"),
        ("ehlo=reset", UNREACHABLE, "the session failed at EHLO"),
        ("ehlo=250 Ok", CANNOT_SEND, "offers neither AUTH PLAIN nor AUTH LOGIN"),
        (
            "auth=535 Authentication Credentials Invalid",
            CANNOT_SEND,
            "535 Authentication Credentials Invalid",
        ),
        ("auth=454 Temporary authentication failure", CANNOT_SEND, "454 Temporary authentication failure"),
        ("auth=close", UNREACHABLE, "the session failed at AUTH"),
        ("mail=reset", UNREACHABLE, "interrupted at MAIL"),
        ("data=close", UNREACHABLE, "interrupted at DATA"),
        ("end-of-data=451 Temporary local problem", TROUBLE, "451 Temporary local problem"),
        ("end-of-data=close", IN_DOUBT, "no verdict after the final dot"),
        ("end-of-data=close-after", IN_DOUBT, "no verdict after the final dot"),
    ] {
        let (stand_in, relay) = pair().await;
        stand_in.faults().add(fault.parse().unwrap());
        assert_puts_off(&relay, &log, reply, why).await;
        assert_eq!(stand_in.faults().remaining(), [], "{fault}");
        let accepted = stand_in.mailbox().accepted();
        wait().await;
        assert_sends(&relay).await;
        assert_eq!(stand_in.mailbox().accepted(), accepted + 1, "{fault}");
        relay.stop().await;
        log.take();
    }
}

#[tokio::test]
async fn a_login_that_ses_refuses_is_not_tried_with_every_mail() {
    let log = Log::capture();
    let (stand_in, relay) = pair().await;
    stand_in.faults().add("auth*3=535 Authentication Credentials Invalid".parse().unwrap());
    for left in [2, 1, 0] {
        for _ in 0..3 {
            assert_puts_off(&relay, &log, CANNOT_SEND, "535 Authentication Credentials Invalid").await;
        }
        let tries: Vec<_> = stand_in.faults().remaining().into_iter().map(|fault| fault.times).collect();
        let expected = (left > 0).then_some(sesgate::sandbox::Times::Next(left));
        assert_eq!(tries, Vec::from_iter(expected));
        wait().await;
    }
    assert_sends(&relay).await;
}

/// In clear, since every stand-in has a certificate authority of its own.
async fn stand_in_at(plain: SocketAddr) -> StandIn {
    let endpoints = Endpoints { plain, ..Endpoints::default() };
    StandIn::start(Settings { endpoints, ..settings() }).await.unwrap()
}

#[tokio::test]
async fn ses_may_go_away_and_come_back() {
    let log = Log::capture();
    let first = stand_in_at(ELSEWHERE.parse().unwrap()).await;
    let endpoint = first.endpoints().plain;
    let relay = Relay::start(None, way("none", endpoint, &first), "");
    first.stop().await;

    // Nothing listens, from the start.
    assert_puts_off(&relay, &log, UNREACHABLE, "cannot connect: Connection refused").await;
    wait().await;
    let second = stand_in_at(endpoint).await;
    assert_sends(&relay).await;

    // It goes while the relay keeps a session with it.
    second.stop().await;
    assert_puts_off(&relay, &log, UNREACHABLE, "cannot connect: Connection refused").await;
    wait().await;
    let third = stand_in_at(endpoint).await;
    assert_sends(&relay).await;

    // It is another one behind the relay's back: the mail does not notice.
    third.stop().await;
    let fourth = stand_in_at(endpoint).await;
    assert_sends(&relay).await;
    assert_eq!(fourth.mailbox().accepted(), 1);
    log.take();
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_hears_nothing_of_login_or_mail() {
    let log = Log::capture();
    let (stand_in, other) =
        (StandIn::start(settings()).await.unwrap(), StandIn::start(settings()).await.unwrap());
    for (tls, endpoint) in
        [("implicit", stand_in.endpoints().implicit_tls), ("starttls", stand_in.endpoints().starttls)]
    {
        let relay = Relay::start(None, way(tls, endpoint, &stand_in), other.ca_pem());
        assert_puts_off(&relay, &log, UNREACHABLE, "the TLS handshake failed: invalid peer certificate")
            .await;
    }
    assert_eq!(stand_in.mailbox().accepted(), 0);
}
