//! Rows 18 to 21: mails that SES would not take, and that the relay keeps from it.

use sesgate::sandbox::{Settings, Step};

use crate::world::{Client, MAIL, World};

const RECIPIENT: &str = "ann@customer.test";

fn assert_ses_heard_nothing(world: &World) {
    assert_eq!(world.times(Step::Connect), 0);
}

#[tokio::test]
async fn row_18_fifty_recipients_are_sent_and_one_more_is_refused() {
    let world = World::with(Settings { recipients_per_second_max: 100, ..Settings::default() }, &[]).await;
    let recipients: Vec<String> = (0..51).map(|number| format!("ann{number}@customer.test")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut client = Client::connect(world.relay()).await;
    let reply = client.send("app@example.com", &recipients, MAIL).await;
    assert!(reply.starts_with("554 5.5.3 More than 50 recipients"), "{reply}");
    assert_ses_heard_nothing(&world);

    assert!(client.send("app@example.com", &recipients[..50], MAIL).await.starts_with("250 "));
    assert_eq!(world.mails()[0].summary.recipients, recipients[..50]);
}

#[tokio::test]
async fn row_19_a_header_that_ses_refuses_does_not_reach_it() {
    let world = World::new().await;
    for (field, named) in [
        ("Content-Type: text/plain\r\nContent-Type: text/html\r\n", "Content-Type"),
        ("DKIM-Signature: v=1\r\nDKIM-Signature: v=1\r\n", "DKIM-Signature"),
        ("Sender: root\r\n", "Sender"),
        ("Cc: Ann Other\r\n", "Cc"),
    ] {
        let reply = world.send_mail(&format!("{field}{MAIL}")).await;
        assert!(reply.starts_with("554 5.6.0 Message not taken: ") && reply.contains(named), "{reply}");
    }
    let reply = world.send_mail("To: ann@customer.test\r\n\r\nwho am I?\r\n").await;
    assert!(reply.starts_with("554 5.6.0 Message not taken: "), "{reply}");
    assert_ses_heard_nothing(&world);
}

#[tokio::test]
async fn row_20_a_mail_that_is_too_long_is_refused_before_it_is_sent() {
    let world = World::with(Settings::default(), &[("SESGATE_LIMITS_MESSAGE_OCTETS_MAX", "65536")]).await;
    let mut client = Client::connect(world.relay()).await;
    let long = format!("{MAIL}{}", "0123456789\r\n".repeat(6_000));
    let reply = client.send("app@example.com", &[RECIPIENT], &long).await;
    assert_eq!(reply, "552 5.3.4 The message is longer than 65536 octets");
    assert_ses_heard_nothing(&world);
}

#[tokio::test]
async fn row_20_a_mail_that_is_too_long_for_ses_is_told_in_its_words() {
    let long = format!("{MAIL}{}", "0123456789\r\n".repeat(100_000));
    let world = World::with(Settings { message_octets_max: 10_000, ..Settings::default() }, &[]).await;
    assert_eq!(world.send_mail(&long).await, "552 5.3.4 Message is too long.");

    // SES may also not wait for the end.
    let world = World::new().await;
    world.fault("message=close 552 5.3.4 Message is too long.");
    assert_eq!(world.send_mail(&long).await, "552 5.3.4 Message is too long.");
    assert_eq!(world.accepted(), 0);
    assert!(world.send().await.starts_with("250 "));
}

#[tokio::test]
async fn row_21_a_mail_without_a_return_path_is_refused_or_gets_one() {
    let world = World::new().await;
    let mut client = Client::connect(world.relay()).await;
    let reply = client.send("", &[RECIPIENT], MAIL).await;
    assert!(reply.starts_with("554 5.1.0 "), "{reply}");
    assert_ses_heard_nothing(&world);

    let world =
        World::with(Settings::default(), &[("SESGATE_SES_BOUNCE_ADDRESS", "bounces@example.com")]).await;
    let mut client = Client::connect(world.relay()).await;
    assert!(client.send("", &[RECIPIENT], MAIL).await.starts_with("250 "));
    assert_eq!(world.mails()[0].summary.sender, "bounces@example.com");
}
