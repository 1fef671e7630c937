//! Rows 1, 2, 12 to 17, 22 and 27: the account, its login or its identities are in trouble, not the mail.

use sesgate::sandbox::{Login, Sending, Settings, Step};
use sesgate::secret::Secret;
use sesgate::smtp::Reply;

use crate::world::{MAIL, World, join_all};

/// Both at the end of the same mail: applications hear `reply`, and SES has nothing.
async fn assert_not_taken(world: &World, fault: &str, reply: &str) {
    let before = world.accepted();
    world.fault(fault);
    assert_eq!(world.send().await, reply, "{fault}");
    assert_eq!(world.accepted(), before, "{fault}");
    world.assert_all_faults_struck();
}

#[tokio::test]
async fn row_01_a_throttled_mail_is_sent_again_while_its_client_waits() {
    let world = World::new().await;
    world.fault("end-of-data*2=454 Throttling failure: Maximum sending rate exceeded.");
    assert!(world.send().await.starts_with("250 "));
    world.assert_all_faults_struck();
    // RSET went before each further MAIL, which was not told 503.
    assert_eq!((world.times(Step::Reset), world.times(Step::Mail)), (2, 3));
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn row_01_a_throttled_mail_is_put_off_when_it_was_held_long_enough() {
    let world = World::with(Settings::default(), &[("SESGATE_DELIVERY_HOLD", "1500ms")]).await;
    world.fault("end-of-data*=454 Throttling failure: Maximum sending rate exceeded.");
    assert_eq!(world.send().await, Reply::SES_RATE_EXCEEDED.to_string());
    assert_eq!(world.times(Step::Mail), 2);
    world.ses.faults().clear();
    world.send_until_accepted().await;
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn row_01_with_the_rate_of_the_account_ses_never_throttles() {
    let settings = Settings { recipients_per_second_max: 20, ..Settings::default() };
    let world = World::with(settings, &[("SESGATE_SES_MAX_SEND_RATE", "20")]).await;
    let replies = join_all((0..50).map(|_| world.send())).await;
    assert!(replies.iter().all(|reply| reply.starts_with("250 ")), "{replies:?}");
    assert_eq!((world.accepted(), world.times(Step::EndOfData)), (50, 50));
}

#[tokio::test]
async fn row_01_without_it_the_rate_is_found_out() {
    let settings = Settings { recipients_per_second_max: 20, ..Settings::default() };
    let world = World::with(settings, &[]).await;
    let replies = join_all((0..100).map(|_| world.send())).await;
    assert!(replies.iter().all(|reply| reply.starts_with("250 ")), "{replies:?}");
    assert_eq!(world.accepted(), 100);
}

#[tokio::test]
async fn row_02_a_used_up_quota_is_for_later() {
    let settings = Settings { recipients_per_day_max: 1, ..Settings::default() };
    let world = World::with(settings, &[]).await;
    assert!(world.send().await.starts_with("250 "));
    for _ in 0..3 {
        assert_eq!(world.send().await, Reply::SES_QUOTA_EXCEEDED.to_string());
    }
    // SES was asked once.
    assert_eq!((world.accepted(), world.times(Step::EndOfData)), (1, 2));
}

#[tokio::test]
async fn row_12_a_refused_login_is_not_tried_in_a_tight_loop() {
    for refusal in ["535 Authentication Credentials Invalid", "535 Account not subscribed to SES"] {
        let world = World::new().await;
        world.fault(&format!("auth*={refusal}"));
        for _ in 0..20 {
            assert_eq!(world.send().await, Reply::CANNOT_SEND.to_string(), "{refusal}");
        }
        assert!(world.times(Step::Auth) <= 3, "{} times", world.times(Step::Auth));
        let cause = world.app.probe_ses().await.unwrap_err();
        assert!(cause.is_of_login());
        world.ses.faults().clear();
        world.send_until_accepted().await;
        world.app.probe_ses().await.unwrap();
    }
}

#[tokio::test]
async fn row_12_a_wrong_password_is_the_operators_business() {
    let login = Login { user_name: "AKIA".to_owned(), password: Secret::new("right".to_owned()) };
    let settings = Settings { login: Some(login), ..Settings::default() };
    let world = World::with(settings, &[("SESGATE_SES_PASSWORD", "wrong")]).await;
    assert_eq!(world.send().await, Reply::CANNOT_SEND.to_string());
}

#[tokio::test]
async fn row_13_a_login_that_is_put_off_is_tried_again() {
    let world = World::new().await;
    assert_not_taken(&world, "auth=454 Temporary authentication failure", &Reply::CANNOT_SEND.to_string())
        .await;
    world.send_until_accepted().await;
    assert_eq!(world.times(Step::Auth), 2);
}

#[tokio::test]
async fn row_14_an_account_without_ses_is_as_a_refused_login() {
    let world = World::new().await;
    assert_not_taken(&world, "auth=535 Account not subscribed to SES", &Reply::CANNOT_SEND.to_string()).await;
    world.send_until_accepted().await;
}

#[tokio::test]
async fn row_15_an_unverified_sender_is_told_in_the_words_of_ses() {
    // The configuration names an identity that SES does not know.
    let world =
        World::with(Settings::default(), &[("SESGATE_SES_IDENTITIES", "example.com,other.test")]).await;
    let reply = world.send_mail(&MAIL.replace("app@example.com", "Ann <a@other.test>")).await;
    let words = "554 5.0.0 Message rejected: Email address is not verified. The following identities failed the \
                 check in region US-EAST-1: Ann <a@other.test>, a@other.test";
    assert_eq!(reply, words);
    assert_eq!(world.accepted(), 0);
    assert!(world.send().await.starts_with("250 "));
}

#[tokio::test]
async fn row_16_a_login_that_may_not_send_names_nothing_of_the_account() {
    let settings = Settings { identities_allowed: Some(Vec::new()), ..Settings::default() };
    let world = World::with(settings, &[]).await;
    let reply = world.send().await;
    assert_eq!(reply, Reply::CANNOT_SEND.to_string());
    assert_eq!(world.times(Step::EndOfData), 1);
    assert!(!reply.contains("arn:") && !reply.contains("123456789012"));
}

#[tokio::test]
async fn row_17_a_suspended_account_sends_when_it_may_again() {
    let world = World::new().await;
    world.ses.set_sending(Sending::Suspended);
    assert_eq!(world.send().await, Reply::CANNOT_SEND.to_string());
    assert_eq!(world.times(Step::EndOfData), 1);
    world.ses.set_sending(Sending::Enabled);
    world.send_until_accepted().await;
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn row_22_a_broken_mail_from_domain_is_told_in_the_words_of_ses() {
    let world = World::new().await;
    let words = "MAIL FROM domain not verified: DNS setup for MAIL FROM domain is invalid.";
    assert_not_taken(&world, &format!("end-of-data=554 {words}"), &format!("554 5.0.0 {words}")).await;
    assert!(world.send().await.starts_with("250 "));
}

#[tokio::test]
async fn row_27_an_outdated_password_is_the_operators_business() {
    let world = World::new().await;
    let throttled = "end-of-data=454 Throttling failure: Maximum SigV2 SMTP sending rate exceeded.";
    assert_not_taken(&world, throttled, &Reply::CANNOT_SEND.to_string()).await;
    world.send_until_accepted().await;
}
