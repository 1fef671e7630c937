//! How much may be in hand, and for how long: what a reload changes of it counts at once.

use tokio::time::Instant;

use crate::rig::{Client, Rig};

#[tokio::test]
async fn the_memory_of_mails_grows_and_shrinks() {
    let rig = Rig::start("[limits]\nmessages_octets_max = 268435456\n").await;
    let budget = |rig: &Rig| {
        let text = rig.app.metrics().text();
        let line = text.lines().find_map(|line| line.strip_prefix("sesgate_messages_budget_octets{} "));
        line.unwrap().to_owned()
    };
    assert_eq!(budget(&rig), "268435456.0");
    for octets in ["67108864", "134217728"] {
        rig.configure(&format!("[limits]\nmessages_octets_max = {octets}\n"));
        rig.reload().await;
        assert_eq!(budget(&rig), format!("{octets}.0"));
        assert!(rig.send().await.starts_with("250 "));
    }
}

#[tokio::test]
async fn the_next_mail_is_held_as_long_as_it_says_now() {
    let rig = Rig::start("").await;
    let throttled = || rig.ses.faults().add("end-of-data=throttled".parse().unwrap());
    throttled();
    assert!(rig.send().await.starts_with("250 "), "it was not said again");
    rig.configure("[delivery]\nhold = \"0s\"\n");
    rig.reload().await;
    throttled();
    assert!(rig.send().await.starts_with("451 4.7.1 "));
}

#[tokio::test]
async fn a_mail_in_doubt_is_held_back_as_long_as_it_says_now() {
    let rig = Rig::start("").await;
    rig.ses.faults().add("end-of-data=close-after".parse().unwrap());
    assert!(rig.send().await.starts_with("451 4.4.2 "));
    assert!(rig.send().await.contains("it is held back for"));
    rig.configure("[delivery]\nin_doubt_wait = \"0s\"\n");
    rig.reload().await;
    assert!(rig.send().await.starts_with("250 "));
    assert_eq!(rig.ses.mailbox().accepted(), 2);
}

#[tokio::test]
async fn fewer_mails_in_doubt_are_remembered_from_then_on() {
    let rig = Rig::start("").await;
    let doubt = async || {
        rig.ses.faults().add("end-of-data=close-after".parse().unwrap());
        let mut client = Client::greeted(rig.address()).await;
        client.begin().await;
        let count = rig.ses.mailbox().accepted();
        client.ask(&format!("From: hello@example.com\r\nSubject: {count}\r\n\r\nHello\r\n.")).await
    };
    for _ in 0..3 {
        assert!(doubt().await.starts_with("451 4.4.2 "));
    }
    let remembered =
        |count: &str| rig.app.metrics().text().contains(&format!("sesgate_mails_in_doubt{{}} {count}\n"));
    assert!(remembered("3.0"));
    rig.configure("[delivery]\nin_doubt_mails_max = 1\n");
    rig.reload().await;
    assert!(remembered("1.0"));
}

#[tokio::test(start_paused = true)]
async fn who_stops_waits_as_long_as_it_says_now() {
    let rig = Rig::start("[server]\ndrain = \"1m\"\n").await;
    rig.configure("[server]\ndrain = \"2s\"\n");
    rig.reload().await;
    // A mail that never ends.
    let mut client = Client::greeted(rig.address()).await;
    client.begin().await;
    let begun = Instant::now();
    rig.app.stop().await;
    assert!((2..10).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(client.hear().await.starts_with("421 "));
}
