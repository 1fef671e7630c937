//! Nothing that the upstream logs, prints or tells holds the login, and no log holds an address.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::{Peer, settings, small_mail, upstream};
use crate::upstream::Progress;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_of_everything_holds_no_secret_and_no_address() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // With one subscriber alone, tracing asks that of whichever test comes first about each message, and keeps the
    // answer for all threads. A second one makes it ask both.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);

    let (upstream, mut called) = upstream(settings());
    let delivery = async {
        upstream.deliver("app", &small_mail(&["b@example.org"]), &Progress::default()).await.outcome
    };
    let ses = async {
        let mut peer = Peer::accept_and_log_in(&mut called).await;
        peer.take_mail().await;
        peer.say("554 Message rejected: Email address is not verified: A <a@example.com>, b@example.org")
            .await;
        peer
    };
    let (outcome, _peer) = tokio::join!(delivery, ses);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Email address is not verified"), "{log}");
    assert!(log.contains("hkD7YwduxMJw9KrXpof7"), "{log}");
    assert!(!log.contains("@example"), "{log}");
    for shown in [log, format!("{outcome} {outcome:?} {upstream:?}")] {
        for secret in ["BLBMsecret", "AEFLSUFJT1NGT0ROTjdFWEFNUExFAEJMQk1zZWNyZXQ"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
