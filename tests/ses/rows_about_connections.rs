//! Rows 3 to 11 and 23 to 26: the connection to SES fails, or what is said on it makes no sense.

use std::collections::BTreeMap;
use std::time::Duration;

use sesgate::sandbox::{Certificate, Settings, Step, TlsVersions};
use sesgate::smtp::Reply;

use crate::world::{Client, MAIL, Way, World, join_all};

/// The mails that SES has, by the session in which they came.
fn mails_by_session(world: &World) -> Vec<usize> {
    let mut sessions: BTreeMap<String, usize> = BTreeMap::new();
    for mail in world.mails() {
        *sessions.entry(mail.session_token.clone()).or_default() += 1;
    }
    sessions.into_values().collect()
}

/// The second mail meets a fault on a session that was kept, and is said again at once on another.
async fn assert_a_kept_session_may_fail(fault: &str) {
    let world = World::new().await;
    if fault.starts_with("after-acceptance") {
        world.fault(fault);
        assert!(world.send().await.starts_with("250 "), "{fault}");
    } else {
        assert!(world.send().await.starts_with("250 "), "{fault}");
        world.fault(fault);
    }
    assert!(world.send().await.starts_with("250 "), "{fault}");
    world.assert_all_faults_struck();
    assert_eq!(mails_by_session(&world), [1, 1], "{fault}");
    assert_eq!(world.times(Step::Connect), 2, "{fault}");
}

#[tokio::test]
async fn row_03_a_session_that_idled_out_costs_no_mail() {
    for fault in [
        "after-acceptance=close 451 4.4.2 Timeout waiting for data from client.",
        "after-acceptance=close 421 Timeout waiting for data from client.",
        "after-acceptance=close",
        "after-acceptance=reset",
    ] {
        assert_a_kept_session_may_fail(fault).await;
    }
}

#[tokio::test]
async fn row_04_a_session_that_idles_out_while_mail_is_said_costs_no_mail() {
    for fault in ["mail=close 451 4.4.2 Timeout waiting for data from client.", "mail=close", "mail=reset"] {
        assert_a_kept_session_may_fail(fault).await;
    }
}

#[tokio::test]
async fn row_05_the_session_cap_costs_no_mail() {
    let settings = Settings { session_mails_max: 2, ..Settings::default() };
    let world = World::with(settings.clone(), &[]).await;
    for _ in 0..5 {
        assert!(world.send().await.starts_with("250 "));
    }
    let mut mails = mails_by_session(&world);
    mails.sort_unstable();
    assert_eq!(mails, [1, 2, 2]);
    // Twice a third MAIL met the cap.
    assert_eq!(world.times(Step::Mail), 7);

    // With a cap of its own the relay never meets that of SES.
    let world = World::with(settings, &[("SESGATE_SES_CONNECTION_MAILS_MAX", "2")]).await;
    for _ in 0..5 {
        assert!(world.send().await.starts_with("250 "));
    }
    assert_eq!(world.times(Step::Mail), 5);
}

#[tokio::test]
async fn row_06_too_many_connections_are_told_apart_from_the_mail() {
    let world = World::with(Settings { connections_max: 1, ..Settings::default() }, &[]).await;
    let occupant = Client::connect(world.ses.endpoints().plain).await;
    assert_eq!(world.send().await, Reply::SES_UNREACHABLE.to_string());
    assert_eq!(world.times(Step::Auth), 0);
    drop(occupant);
    world.send_until_accepted().await;
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn row_06_mails_share_the_connections_that_there_may_be() {
    let settings = Settings { connections_max: 2, recipients_per_second_max: 100, ..Settings::default() };
    let world = World::with(settings, &[]).await;
    let replies = join_all((0..40).map(|_| world.send())).await;
    assert!(replies.iter().all(|reply| reply.starts_with("250 ")), "{replies:?}");
    // Each refusal leaves one connection fewer that is tried.
    assert!(world.times(Step::Greeting) <= 12, "{} connections", world.times(Step::Greeting));
}

#[tokio::test]
async fn row_07_a_refused_mail_leaves_no_transaction_open() {
    for refusal in [
        "end-of-data=454 Throttling failure: Maximum sending rate exceeded.",
        "end-of-data=554 Transaction failed: Illegal header 'X'.",
        "rcpt=553 <ann@customer.test> address unknown",
    ] {
        let world = World::with(Settings::default(), &[("SESGATE_DELIVERY_HOLD", "0s")]).await;
        world.fault(refusal);
        assert!(!world.send().await.starts_with("250 "), "{refusal}");
        world.send_until_accepted().await;
        // A MAIL that was told 503 would have been said once more, on another session.
        assert_eq!(world.times(Step::Mail), 2, "{refusal}");
    }
}

#[tokio::test]
async fn row_07_a_stale_transaction_costs_no_mail() {
    assert_a_kept_session_may_fail("mail=503 Sender already specified.").await;

    // On a session that is fresh it makes no sense, and is no verdict on the mail.
    let world = World::new().await;
    world.fault("mail=503 Sender already specified.");
    assert_eq!(world.send().await, Reply::SES_TROUBLE.to_string());
    world.send_until_accepted().await;
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn row_08_a_mail_that_is_cut_before_its_dot_is_not_at_ses() {
    // More than the sockets in between hold, so that the dot cannot have left.
    let large = format!("{MAIL}{}", "0123456789abcdef\r\n".repeat(1_000_000));
    let world = World::new().await;
    world.fault("message=reset");
    assert_eq!(world.send_mail(&large).await, Reply::SES_UNREACHABLE.to_string());
    assert_eq!(world.accepted(), 0);

    // On a session that was kept it is said once more, and is there once.
    assert!(world.send().await.starts_with("250 "));
    world.fault("message=reset");
    assert!(world.send_mail(&large).await.starts_with("250 "));
    assert_eq!(world.accepted(), 2);
    world.assert_all_faults_struck();
}

#[tokio::test]
async fn row_09_a_mail_whose_verdict_is_lost_is_in_doubt_and_not_said_again() {
    for (fault, stored) in
        [("end-of-data=close", 0), ("end-of-data=reset", 0), ("end-of-data=close-after", 1)]
    {
        let world = World::new().await;
        world.fault(fault);
        assert_eq!(world.send().await, Reply::IN_DOUBT.to_string(), "{fault}");
        assert_eq!(world.accepted(), stored, "{fault}");
        assert_eq!(world.times(Step::EndOfData), 1, "{fault}");
    }
}

#[tokio::test]
async fn row_10_a_slow_verdict_is_waited_for() {
    let world = World::with(Settings::default(), &[("SESGATE_SES_COMMAND_TIMEOUT", "1s")]).await;
    assert_eq!(world.config.ses.timeouts.verdict_timeout, Duration::from_mins(10));
    world.fault("end-of-data=delay 1500ms");
    assert!(world.send().await.starts_with("250 "));
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn row_10_a_verdict_that_is_given_up_on_leaves_the_mail_in_doubt() {
    let world = World::with(Settings::default(), &[("SESGATE_SES_VERDICT_TIMEOUT", "1s")]).await;
    world.fault("end-of-data=delay 1500ms");
    assert_eq!(world.send().await, Reply::IN_DOUBT.to_string());
    assert_eq!(world.ses.mailbox().wait_for(1).await.len(), 1);
}

#[tokio::test]
async fn row_11_a_yes_without_a_message_id_is_not_acceptance() {
    let world = World::new().await;
    world.fault("end-of-data=250 Ok");
    assert_eq!(world.send().await, Reply::IN_DOUBT.to_string());
    world.assert_all_faults_struck();
}

#[tokio::test]
async fn row_23_without_starttls_no_login_is_said() {
    let stripped = "ehlo*=250-email-smtp.amazonaws.com\\n250-8BITMIME\\n250-AUTH PLAIN LOGIN\\n250 Ok";
    for fault in [
        stripped,
        "starttls*=454 TLS not available due to temporary reason",
        "starttls*=220 Ready to start TLS\\n250-email-smtp.amazonaws.com",
        "starttls*=220 Ready to start TLS\\n235 Authentication successful.",
    ] {
        let world = World::by(Way::StartTls, Settings::default(), &[]).await;
        world.fault(fault);
        assert_eq!(world.send().await, Reply::SES_UNREACHABLE.to_string(), "{fault}");
        assert_eq!((world.times(Step::Ehlo), world.times(Step::Auth)), (1, 0), "{fault}");
        world.ses.faults().clear();
        world.send_until_accepted().await;
    }
}

#[tokio::test]
async fn row_24_a_server_that_does_not_prove_itself_hears_nothing() {
    for certificate in [Certificate::WrongName, Certificate::Expired] {
        let world = World::with(Settings { certificate, ..Settings::default() }, &[]).await;
        assert_eq!(world.send().await, Reply::SES_UNREACHABLE.to_string(), "{certificate:?}");
        assert_eq!((world.times(Step::Connect), world.times(Step::Ehlo)), (1, 0), "{certificate:?}");

        let world = World::by(Way::StartTls, Settings { certificate, ..Settings::default() }, &[]).await;
        assert_eq!(world.send().await, Reply::SES_UNREACHABLE.to_string(), "{certificate:?}");
        assert_eq!((world.times(Step::Ehlo), world.times(Step::Auth)), (1, 0), "{certificate:?}");
    }
}

#[tokio::test]
async fn row_24_tls_1_2_is_good_enough() {
    let world = World::with(Settings { tls_versions: TlsVersions::Tls12, ..Settings::default() }, &[]).await;
    assert!(world.send().await.starts_with("250 "));
}

#[tokio::test]
async fn row_25_a_service_failure_is_for_the_application_to_try_again() {
    let unreachable = Reply::SES_UNREACHABLE.to_string();
    let trouble = Reply::SES_TROUBLE.to_string();
    // Each mail has a session of its own, so that none is said again.
    let world = World::with(Settings::default(), &[("SESGATE_SES_CONNECTION_MAILS_MAX", "1")]).await;
    let mut accepted = 0;
    for words in [
        "451 Temporary service failure",
        "454 Temporary service failure",
        "close 421 Service not available, closing transmission channel.",
    ] {
        for (step, reply) in [
            ("greeting", &unreachable),
            ("ehlo", &unreachable),
            ("mail", &trouble),
            ("rcpt", &trouble),
            ("data", &trouble),
            ("end-of-data", &trouble),
        ] {
            world.fault(&format!("{step}={words}"));
            assert_eq!(world.send().await, *reply, "{step} {words}");
            assert_eq!(world.accepted(), accepted, "{step} {words}");
            world.send_until_accepted().await;
            accepted += 1;
        }
    }
    assert_eq!(world.accepted(), accepted);
}

#[tokio::test]
async fn row_26_an_answer_counts_by_its_first_digit() {
    let world = World::new().await;
    let long = "x".repeat(2048);
    for (answer, reply) in [
        ("451-Temporary service failure\\n451 Please wait".to_owned(), Reply::SES_TROUBLE.to_string()),
        ("459 Strange".to_owned(), Reply::SES_TROUBLE.to_string()),
        ("571 Delivery not authorized".to_owned(), "571 5.0.0 Delivery not authorized".to_owned()),
        ("554-No\\n554-never\\n554 ever".to_owned(), "554 5.0.0 No never ever".to_owned()),
        ("554 5.6.1 Not taken".to_owned(), "554 5.6.1 Not taken".to_owned()),
        ("999 Nonsense".to_owned(), Reply::IN_DOUBT.to_string()),
    ] {
        world.fault(&format!("end-of-data={answer}"));
        assert_eq!(
            world.send_mail(&MAIL.replace("hello", &answer.replace(' ', ""))).await,
            reply,
            "{answer}"
        );
    }
    world.fault(&format!("end-of-data=554 {long}"));
    let reply = world.send().await;
    assert!(reply.starts_with("554 5.0.0 xxx") && reply.len() <= 510, "{reply}");
    assert_eq!(world.accepted(), 0);
    world.send_until_accepted().await;
}

#[tokio::test]
async fn a_mail_and_its_audit_record_name_the_same_session() {
    let world = World::new().await;
    world.fault("end-of-data=451 Temporary service failure");
    world.send().await;
    world.send().await;
    let entries = world.audit.entries();
    assert_eq!(entries[0].reply, Reply::SES_TROUBLE.naming(&entries[0].decision).to_string());
    // SES refused the first mail in the session that took the second.
    assert_eq!(entries[0].ses_session, entries[1].ses_session);
    assert_eq!(entries[1].ses_session.as_deref(), Some(world.mails()[0].session_token.as_str()));
    assert_eq!(world.mails()[0].client_name, "sesgate");
}
