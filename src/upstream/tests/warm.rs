//! Sessions that are kept ready while there is traffic, and no longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Peer, settings, small_mail, upstream};
use crate::upstream::{Outcome, Progress, Settings, Upstream};

const ACCEPTED: &str = "250 Ok 0106019dec617b98-6d1f-000000";

async fn deliver(upstream: Arc<Upstream>) -> Outcome {
    upstream.deliver("app", &small_mail(&["b@example.org"]), &Progress::default()).await.outcome
}

async fn take(peer: &mut Peer, upstream: &Arc<Upstream>) {
    let mail = tokio::spawn(deliver(Arc::clone(upstream)));
    peer.take_mail().await;
    peer.say(ACCEPTED).await;
    assert!(matches!(mail.await.unwrap(), Outcome::Accepted { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_is_kept_for_a_minute_and_serves_the_next_mail() {
    let (upstream, mut called) = upstream(Settings { connections_min: 1, ..settings() });
    let first = tokio::spawn(deliver(Arc::clone(&upstream)));
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.take_mail().await;
    peer.say(ACCEPTED).await;
    first.await.unwrap();
    for _ in 0..4 {
        let silent = Instant::now();
        peer.hear("NOOP").await.unwrap();
        assert!(silent.elapsed() < Duration::from_secs(8), "{:?}", silent.elapsed());
        peer.say("250 Ok").await;
    }
    take(&mut peer, &upstream).await;
    let last = Instant::now();
    while peer.hear("NOOP").await.is_ok() {
        peer.say("250 Ok").await;
    }
    // It heard QUIT instead.
    let traffic = Duration::from_mins(1)..Duration::from_secs(70);
    assert!(traffic.contains(&last.elapsed()), "{:?}", last.elapsed());
    sleep(Duration::from_mins(10)).await;
    assert!(called.is_empty(), "SES is not left alone");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_is_replaced_before_a_mail_needs_it() {
    let (upstream, mut called) =
        upstream(Settings { connections_min: 1, connection_mails_max: 1, ..settings() });
    let first = tokio::spawn(deliver(Arc::clone(&upstream)));
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.take_mail().await;
    peer.say(ACCEPTED).await;
    first.await.unwrap();
    let mut ready = Peer::accept_and_log_in(&mut called).await;
    assert!(called.is_empty(), "a third session is opened");
    take(&mut ready, &upstream).await;

    // One that SES closes is no loss either.
    drop(Peer::accept_and_log_in(&mut called).await);
    sleep(Duration::from_secs(9)).await;
    let mut ready = Peer::accept_and_log_in(&mut called).await;
    take(&mut ready, &upstream).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_are_kept_than_are_to_be_ready() {
    let (upstream, mut called) = upstream(Settings { connections_min: 1, ..settings() });
    let mails = [(); 2].map(|()| tokio::spawn(deliver(Arc::clone(&upstream))));
    let mut first = Peer::accept_and_log_in(&mut called).await;
    let mut second = Peer::accept_and_log_in(&mut called).await;
    for peer in [&mut first, &mut second] {
        peer.take_mail().await;
        peer.say(ACCEPTED).await;
    }
    for mail in mails {
        mail.await.unwrap();
    }
    // The older one may go, though mail may come: one is enough.
    first.hear("QUIT").await.unwrap();
    second.hear("NOOP").await.unwrap();
    assert!(called.is_empty());
}
