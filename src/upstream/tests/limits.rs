//! What more than one mail at a time shows: bounds, fairness, and mails that are given up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{Peer, large_mail, settings, small_mail, upstream, upstream_that_first_fails};
use crate::upstream::{DialError, Health, Outcome, Progress, Settings, Upstream};

const ACCEPTED: &str = "250 Ok 0106019dec617b98-6d1f-000000";
const MOMENT: Duration = Duration::from_millis(1);

async fn deliver(upstream: Arc<Upstream>) -> Outcome {
    upstream.deliver("app", &small_mail(&["b@example.org"]), &Progress::default()).await.outcome
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_connections_are_open_and_the_first_to_wait_is_served_first() {
    let (upstream, mut called) = upstream(Settings { connections_max: 2, ..settings() });
    let mut mails = Vec::new();
    for _ in 0..5 {
        mails.push(tokio::spawn(deliver(Arc::clone(&upstream))));
        sleep(MOMENT).await;
    }
    let mut first = Peer::accept_and_log_in(&mut called).await;
    let mut second = Peer::accept_and_log_in(&mut called).await;
    for round in 0..2 {
        for peer in [&mut first, &mut second] {
            peer.take_mail().await;
            peer.say(ACCEPTED).await;
            assert!(matches!(mails.remove(0).await.unwrap(), Outcome::Accepted { .. }), "{round}");
            sleep(MOMENT).await;
            assert!(mails.iter().all(|mail| !mail.is_finished()), "{round}: a later mail was served first");
        }
    }
    assert!(called.is_empty(), "a third connection was opened");
}

#[tokio::test(start_paused = true)]
async fn a_mail_waits_no_longer_than_it_may_be_held() {
    let (upstream, mut called) = upstream(Settings { connections_max: 1, ..settings() });
    let first = tokio::spawn(deliver(Arc::clone(&upstream)));
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.take_mail().await;
    let begun = Instant::now();
    let second = deliver(Arc::clone(&upstream)).await;
    assert!(matches!(second, Outcome::Busy { .. }), "{second}");
    assert_eq!(begun.elapsed(), Duration::from_secs(20));
    peer.say(ACCEPTED).await;
    assert!(matches!(first.await.unwrap(), Outcome::Accepted { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_dropped_takes_its_connection_along_and_frees_its_slot() {
    let (upstream, mut called) = upstream(Settings { connections_max: 1, ..settings() });
    let mail = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.deliver("app", &large_mail(), &Progress::default()).await.outcome }
    });
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.hear("MAIL FROM:<a@example.com> BODY=8BITMIME").await.unwrap();
    mail.abort();
    peer.hear_end().await.unwrap();

    let next = tokio::spawn(deliver(Arc::clone(&upstream)));
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.take_mail().await;
    peer.say(ACCEPTED).await;
    assert!(matches!(next.await.unwrap(), Outcome::Accepted { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_relay_recovers_by_itself_when_ses_comes_back() {
    let refused = || DialError::Connect(io::ErrorKind::ConnectionRefused.into());
    let (upstream, mut called) = upstream_that_first_fails(settings(), vec![refused(), refused()]);
    assert!(matches!(upstream.health(), Health::Untried));
    for _ in 0..2 {
        let outcome = deliver(Arc::clone(&upstream)).await;
        assert_eq!(outcome.to_string(), "cannot connect: connection refused");
        assert!(matches!(upstream.health(), Health::Down { .. }));
        sleep(Duration::from_secs(1)).await;
    }
    let mail = tokio::spawn(deliver(Arc::clone(&upstream)));
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.take_mail().await;
    peer.say(ACCEPTED).await;
    assert!(matches!(mail.await.unwrap(), Outcome::Accepted { .. }));
    assert!(matches!(upstream.health(), Health::Up));
}

#[tokio::test(start_paused = true)]
async fn a_probe_logs_in_and_takes_its_leave() {
    let (upstream, mut called) = upstream(settings());
    let probe = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.probe().await }
    });
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    probe.await.unwrap().unwrap();
    peer.hear("QUIT").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_the_leave_of_idle_sessions_and_not_for_ever() {
    let (upstream, mut called) = upstream(settings());
    let mail = tokio::spawn(deliver(Arc::clone(&upstream)));
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.take_mail().await;
    peer.say(ACCEPTED).await;
    mail.await.unwrap();
    let begun = Instant::now();
    let end = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.close().await }
    });
    peer.hear("QUIT").await.unwrap();
    timeout(Duration::from_secs(5), end).await.unwrap().unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(2), "nobody answers QUIT");
}
