//! Turns: how fast, in which order, and for how long mails wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

use super::{Call, Peer, settings, small_mail, upstream};
use crate::upstream::{Outcome, Progress, Settings, Upstream};

/// What a fresh account may send.
const PACE: u32 = 14;
const THROTTLED: &str = "454 Throttling failure: Maximum sending rate exceeded.";
const ACCEPTED: &str = "250 Ok 0106019dec617b98-6d1f-000000";
const MOMENT: Duration = Duration::from_millis(1);

/// SES takes whatever comes, over one connection, for as long as something comes.
fn accept_all(mut called: UnboundedReceiver<Call>) {
    tokio::spawn(async move {
        let mut peer = Peer::accept_and_log_in(&mut called).await;
        loop {
            peer.take_mail().await;
            peer.say(ACCEPTED).await;
        }
    });
}

/// Has each app send a mail, in this order, and tells in which order and when they were accepted.
async fn accepted(upstream: &Arc<Upstream>, apps: &[&'static str]) -> Vec<(&'static str, Duration)> {
    let begun = Instant::now();
    let (done, mut all_done) = tokio::sync::mpsc::unbounded_channel();
    for app in apps.iter().copied() {
        let (upstream, done) = (Arc::clone(upstream), done.clone());
        tokio::spawn(async move {
            let outcome =
                upstream.deliver(app, &small_mail(&["b@example.org"]), &Progress::default()).await.outcome;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome}");
            done.send((app, begun.elapsed())).unwrap();
        });
    }
    drop(done);
    let mut accepted = Vec::new();
    while let Some(one) = all_done.recv().await {
        accepted.push(one);
    }
    accepted
}

#[tokio::test(start_paused = true)]
async fn no_app_waits_behind_the_many_mails_of_another() {
    let (upstream, called) = upstream(Settings { connections_max: 1, ..settings() });
    accept_all(called);
    let order: Vec<_> = accepted(&upstream, &["a", "a", "a", "a", "b", "c", "b"])
        .await
        .into_iter()
        .map(|(app, _)| app)
        .collect();
    // The first had its turn before anyone waited.
    assert_eq!(order, ["a", "a", "b", "c", "a", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn mails_go_no_faster_than_ses_takes_them() {
    let pace = Settings { connections_max: 1, recipients_per_second_max: Some(2), ..settings() };
    let (upstream, called) = upstream(pace);
    accept_all(called);
    let times = accepted(&upstream, &["a"; 5]).await;
    let halves: Vec<_> = times.into_iter().map(|(_, time)| (time.as_millis() + 20) / 500).collect();
    assert_eq!(halves, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_mail_whose_turn_does_not_come_in_time_is_put_off() {
    let (hold, pace) = (Duration::from_secs(2), Some(1));
    let (upstream, called) = upstream(Settings { hold, recipients_per_second_max: pace, ..settings() });
    accept_all(called);
    let mut mails = Vec::new();
    for _ in 0..5 {
        let upstream = Arc::clone(&upstream);
        mails.push(tokio::spawn(async move {
            upstream
                .deliver("app", &small_mail(&["b@example.org"]), &Progress::default())
                .await
                .outcome
                .label()
        }));
        sleep(MOMENT).await;
    }
    let mut labels = Vec::new();
    for mail in mails {
        labels.push(mail.await.unwrap());
    }
    assert_eq!(labels, ["accepted", "accepted", "accepted", "paced", "paced"]);
    // Those that left take no turns with them.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(accepted(&upstream, &["app"]).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_mail_keeps_its_place_before_the_others_of_its_app() {
    let (upstream, mut called) = upstream(Settings { connections_max: 1, ..settings() });
    let first = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.deliver("app", &small_mail(&["b@example.org"]), &Progress::default()).await.outcome }
    });
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.take_mail().await;
    let second = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.deliver("app", &small_mail(&["c@example.org"]), &Progress::default()).await.outcome }
    });
    sleep(MOMENT).await;
    peer.say(THROTTLED).await;
    peer.hear("RSET").await.unwrap();
    peer.say("250 Ok").await;
    let throttled = Instant::now();
    peer.take_mail().await;
    assert!(throttled.elapsed() >= Duration::from_secs(1), "{:?}", throttled.elapsed());
    peer.say(ACCEPTED).await;
    assert!(matches!(first.await.unwrap(), Outcome::Accepted { .. }));
    peer.hear("MAIL FROM:<a@example.com> BODY=8BITMIME").await.unwrap();
    peer.say("250 Ok").await;
    peer.hear("RCPT TO:<c@example.org>").await.unwrap();
    second.abort();
}

/// SES takes the mail of an app up to its verdict, which is this. A mail that is said again is left at that.
async fn hear_verdict(verdict: &str) -> (&'static str, Option<f64>) {
    let pace = Settings { recipients_per_second_max: Some(PACE), hold: Duration::ZERO, ..settings() };
    let (upstream, mut called) = upstream(pace);
    let mail = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.deliver("app", &small_mail(&["b@example.org"]), &Progress::default()).await.outcome }
    });
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    peer.take_mail().await;
    peer.say(verdict).await;
    let label = mail.await.unwrap().label();
    (label, upstream.preferred.turns.rate())
}

#[tokio::test(start_paused = true)]
async fn only_what_is_said_of_the_rate_lowers_it() {
    for (verdict, label) in [
        ("454 Temporary service failure", "deferred"),
        ("454 4.7.0 TLS not available due to temporary reason: TLS already active", "deferred"),
        ("454 4.3.0 Try again later", "deferred"),
        ("454 Temporary authentication failure", "blocked"),
        ("451 Temporary service failure", "deferred"),
        ("450 Requested mail action not taken: slow down", "deferred"),
        ("554 Message rejected: Sending suspended for this account.", "blocked"),
        // Of the quota of a day, and of how the login was made.
        ("454 Throttling failure: Daily message quota exceeded.", "blocked"),
        ("454 Throttling failure: Maximum SigV2 SMTP sending rate exceeded.", "blocked"),
    ] {
        assert_eq!(hear_verdict(verdict).await, (label, Some(f64::from(PACE))), "{verdict}");
    }
    for verdict in [THROTTLED, "454 4.7.1 throttling failure: maximum sending rate exceeded"] {
        assert_eq!(hear_verdict(verdict).await, ("throttled", Some(f64::from(PACE) * 0.75)), "{verdict}");
    }
}

/// Down to one mail a second, and back to fourteen within 100 s, not within hours, nor at once.
#[tokio::test(start_paused = true)]
async fn a_rate_that_fell_to_the_bottom_is_back_within_two_minutes() {
    let (hold, connection_age_max) = (Duration::from_mins(1), Duration::from_hours(1));
    let one =
        Settings { connections_max: 1, connection_mails_max: u32::MAX, connection_age_max, ..settings() };
    let pace = Settings { recipients_per_second_max: Some(PACE), hold, ..one };
    let (upstream, mut called) = upstream(pace);
    let first = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { accepted(&upstream, &["app"]).await }
    });
    let mut peer = Peer::accept_and_log_in(&mut called).await;
    let rate = || upstream.preferred.turns.rate().unwrap();
    while rate() > 1.0 {
        peer.take_mail().await;
        peer.say(THROTTLED).await;
        peer.hear("RSET").await.unwrap();
        peer.say("250 Ok").await;
    }
    let bottom = Instant::now();
    tokio::spawn(async move {
        loop {
            peer.take_mail().await;
            peer.say(ACCEPTED).await;
        }
    });
    first.await.unwrap();
    while rate() < f64::from(PACE) {
        assert_eq!(accepted(&upstream, &["app"]).await.len(), 1);
    }
    let recovery = bottom.elapsed().as_secs();
    assert!((90..=110).contains(&recovery), "{recovery} s");
}
