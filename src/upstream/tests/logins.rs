//! Which login SES hears when there are several, and what a change does to mails in hand.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

use super::{Call, Peer, settings, small_mail, upstream_with};
use crate::credentials::{Keyring, Login, Offer, Rank};
use crate::secret::Secret;
use crate::upstream::{Outcome, Progress, Settings, Upstream};

const ACCEPTED: &str = "250 Ok 0106019dec617b98-6d1f-000000";
const TAKEN: &str = "235 Authentication successful.";
const REFUSED: &str = "535 Authentication Credentials Invalid";
/// Longer than the relay ever waits before it tries a login or SES again.
const WAIT: Duration = Duration::from_mins(2);

fn login(name: &str) -> Login {
    Login::new(name.to_owned(), Secret::new(format!("secret of {name}"))).unwrap()
}

fn offer(keyring: &Keyring, rank: Rank, name: &str) {
    keyring.offer(rank, Offer::fixed(login(name)), Instant::now().into_std(), SystemTime::now());
}

/// Each connection carries one mail, so that each mail shows which login is in use.
fn upstream(keyring: &Arc<Keyring>) -> (Arc<Upstream>, UnboundedReceiver<Call>) {
    let settings = Settings { connection_mails_max: 1, ..settings() };
    upstream_with(settings, Arc::clone(keyring), Vec::new())
}

async fn deliver(upstream: Arc<Upstream>) -> Outcome {
    upstream.deliver("app", &small_mail(&["b@example.org"]), &Progress::default()).await.outcome
}

/// Takes a connection, on which `name` logs in, and answers that.
async fn answer(called: &mut UnboundedReceiver<Call>, name: &str, answer: &str) -> Peer {
    let mut peer = Peer::accept_up_to_login(called).await;
    let response = STANDARD.encode(format!("\0{name}\0secret of {name}"));
    peer.hear(&format!("AUTH PLAIN {response}")).await.unwrap();
    peer.say(answer).await;
    peer
}

async fn assert_sends_as(name: &str, upstream: &Arc<Upstream>, called: &mut UnboundedReceiver<Call>) {
    let mail = tokio::spawn(deliver(Arc::clone(upstream)));
    let mut peer = answer(called, name, TAKEN).await;
    peer.take_mail().await;
    peer.say(ACCEPTED).await;
    assert!(matches!(mail.await.unwrap(), Outcome::Accepted { .. }), "{name}");
}

async fn prove(upstream: &Arc<Upstream>) -> tokio::task::JoinHandle<()> {
    sleep(WAIT).await;
    let upstream = Arc::clone(upstream);
    tokio::spawn(async move { upstream.prove_logins().await })
}

#[tokio::test(start_paused = true)]
async fn a_new_login_is_proven_before_a_mail_depends_on_it_and_mails_in_hand_go_on() {
    let keyring = Keyring::of(login("old"));
    let (upstream, mut called) = upstream(&keyring);
    let in_hand = tokio::spawn(deliver(Arc::clone(&upstream)));
    let mut peer = answer(&mut called, "old", TAKEN).await;
    peer.take_mail().await;

    offer(&keyring, Rank::Preferred, "new");
    // A new key takes some minutes.
    for _ in 0..3 {
        let proof = prove(&upstream).await;
        answer(&mut called, "new", REFUSED).await;
        proof.await.unwrap();
        assert_sends_as("old", &upstream, &mut called).await;
    }
    let proof = prove(&upstream).await;
    answer(&mut called, "new", TAKEN).await.hear("QUIT").await.unwrap();
    proof.await.unwrap();
    assert_sends_as("new", &upstream, &mut called).await;

    peer.say(ACCEPTED).await;
    assert!(matches!(in_hand.await.unwrap(), Outcome::Accepted { .. }));
    prove(&upstream).await.await.unwrap();
    assert!(called.is_empty(), "what is proven is proven again");
}

#[tokio::test(start_paused = true)]
async fn a_mail_goes_out_by_the_other_login_when_one_is_refused_and_comes_back_to_it() {
    let keyring = Keyring::of(login("preferred"));
    offer(&keyring, Rank::Fallback, "other");
    let (upstream, mut called) = upstream(&keyring);
    let mail = tokio::spawn(deliver(Arc::clone(&upstream)));
    answer(&mut called, "preferred", REFUSED).await;
    let mut peer = answer(&mut called, "other", TAKEN).await;
    peer.take_mail().await;
    peer.say(ACCEPTED).await;
    assert!(matches!(mail.await.unwrap(), Outcome::Accepted { .. }));
    assert_sends_as("other", &upstream, &mut called).await;

    let proof = prove(&upstream).await;
    answer(&mut called, "preferred", TAKEN).await;
    proof.await.unwrap();
    assert_sends_as("preferred", &upstream, &mut called).await;
}

#[tokio::test(start_paused = true)]
async fn when_all_are_refused_that_is_known_and_one_that_is_taken_ends_it_without_any_mail() {
    let keyring = Keyring::of(login("preferred"));
    offer(&keyring, Rank::Fallback, "other");
    let (upstream, mut called) = upstream(&keyring);
    let mail = tokio::spawn(deliver(Arc::clone(&upstream)));
    answer(&mut called, "preferred", REFUSED).await;
    answer(&mut called, "other", REFUSED).await;
    assert!(matches!(mail.await.unwrap(), Outcome::LoginRefused(_)));
    assert!(keyring.state().failing_since.is_some());

    let proof = prove(&upstream).await;
    answer(&mut called, "other", TAKEN).await;
    proof.await.unwrap();
    assert!(keyring.state().failing_since.is_none() && keyring.state().is_proven());
    let proof = prove(&upstream).await;
    answer(&mut called, "preferred", REFUSED).await;
    proof.await.unwrap();
    assert_sends_as("other", &upstream, &mut called).await;
}

#[tokio::test(start_paused = true)]
async fn a_trouble_of_ses_says_nothing_of_the_login() {
    let keyring = Keyring::of(login("preferred"));
    offer(&keyring, Rank::Fallback, "other");
    let (upstream, mut called) = upstream(&keyring);
    let mail = tokio::spawn(deliver(Arc::clone(&upstream)));
    answer(&mut called, "preferred", "454 Temporary authentication failure").await;
    assert!(matches!(mail.await.unwrap(), Outcome::LoginRefused(_)));
    assert!(called.is_empty(), "the other login is tried");
    assert!(keyring.state().failing_since.is_none());
}

#[tokio::test(start_paused = true)]
async fn without_any_login_yet_nothing_is_said_to_ses() {
    let (upstream, called) = upstream(&Arc::new(Keyring::default()));
    let outcome = deliver(upstream).await;
    assert_eq!(outcome.to_string(), "there is no login yet: where it is kept cannot be reached");
    assert!(called.is_empty());
}
