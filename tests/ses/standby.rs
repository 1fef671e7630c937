//! A second endpoint takes mail while the first cannot be used, and never a mail that the first was asked about.

use std::time::Duration;

use sesgate::sandbox::{Certificate, Sending, Settings, StandIn, Step};
use sesgate::smtp::Reply;
use sesgate::upstream::Breaker;

use crate::world::{ALLOW_ALL, World};

async fn world(first: Settings) -> (World, StandIn) {
    World::with_standby([first, Settings::default()], &[], ALLOW_ALL).await
}

fn name(ses: &StandIn) -> String {
    ses.endpoints().implicit_tls.to_string()
}

/// By which endpoint the last mail went.
fn endpoint(world: &World) -> Option<String> {
    world.audit.entries().pop().unwrap().ses_endpoint
}

fn breakers(world: &World) -> [&'static str; 2] {
    let states = world.app.endpoints();
    [states[0].breaker.label(), states[1].breaker.label()]
}

#[tokio::test]
async fn while_the_preferred_endpoint_fails_mail_goes_by_the_standby_and_then_comes_back() {
    for (fault, why) in [
        ("connect*=reset", "the TLS handshake failed"),
        ("greeting*=close", "the session failed at the greeting"),
        ("greeting*=421 Service not available, closing transmission channel.", "421 Service not available"),
        ("auth*=535 Authentication Credentials Invalid", "SES refused the login"),
        ("auth*=454 Temporary authentication failure", "SES refused the login"),
        (
            "end-of-data*=554 Message rejected: Sending suspended for this account.",
            "the account may not send",
        ),
        ("mail*=530 Authentication required", "the session is not logged in"),
    ] {
        let (world, standby) = world(Settings::default()).await;
        world.fault(fault);
        for _ in 0..5 {
            assert!(world.send().await.starts_with("250 "), "{fault}");
            assert_eq!(endpoint(&world), Some(name(&standby)), "{fault}");
        }
        // Of five mails, the first has found out, and no other was troubled with it.
        assert!(world.times(Step::Greeting) <= 2, "{fault}: {} sessions", world.times(Step::Greeting));
        assert_eq!((world.accepted(), standby.mailbox().accepted()), (0, 5), "{fault}");
        match &world.app.endpoints()[0].breaker {
            Breaker::Open { why: said, .. } | Breaker::HalfOpen { why: said, .. } => {
                assert!(said.contains(why), "{said}");
            }
            Breaker::Closed => panic!("{fault}: the breaker is closed"),
        }

        world.ses.faults().clear();
        while endpoint(&world) != Some(name(&world.ses)) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(world.send().await.starts_with("250 "), "{fault}");
        }
        assert_eq!((world.accepted(), breakers(&world)), (1, ["closed", "closed"]), "{fault}");
    }
}

#[tokio::test]
async fn that_an_endpoint_is_well_again_is_found_out_without_any_mail() {
    let (world, _standby) = world(Settings::default()).await;
    world.fault("connect*=reset");
    assert!(world.send().await.starts_with("250 "));
    assert_ne!(breakers(&world), ["closed", "closed"]);
    world.ses.faults().clear();
    let looking = async {
        for _ in 0..20 {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(5)).await;
            tokio::time::resume();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = world.app.keep_proven() => {}
        () = looking => {}
    }
    assert_eq!(breakers(&world), ["closed", "closed"]);
}

#[tokio::test]
async fn a_server_that_does_not_prove_itself_hears_nothing_and_the_standby_does() {
    for certificate in [Certificate::WrongName, Certificate::Expired] {
        let (world, standby) = world(Settings { certificate, ..Settings::default() }).await;
        assert!(world.send().await.starts_with("250 "));
        assert_eq!(breakers(&world), ["open", "closed"]);
        assert_eq!((world.times(Step::Ehlo), standby.mailbox().accepted()), (0, 1));
        // Ready as long as any endpoint is.
        world.app.probe_ses().await.unwrap();
    }
}

#[tokio::test]
async fn a_suspended_account_is_not_asked_with_every_mail() {
    let (world, standby) = world(Settings { sending: Sending::Suspended, ..Settings::default() }).await;
    for _ in 0..5 {
        assert!(world.send().await.starts_with("250 "));
    }
    assert_eq!((world.times(Step::EndOfData), standby.mailbox().accepted()), (1, 5));
}

#[tokio::test]
async fn what_ses_says_of_a_mail_holds_and_no_other_endpoint_is_asked() {
    for (fault, reply) in [
        (
            "end-of-data=554 Transaction failed: Illegal header.",
            "554 5.0.0 Transaction failed: Illegal header.",
        ),
        ("end-of-data=554 Message rejected: Email address is not verified.", "554 5.0.0 Message rejected"),
        ("end-of-data=552 5.3.4 Message is too long.", "552 5.3.4 "),
        ("end-of-data=554 Access denied: User `x' is not authorized", "451 4.3.0 "),
        ("end-of-data=451 Temporary service failure", "451 4.3.0 "),
        ("end-of-data*=454 Throttling failure: Maximum sending rate exceeded.", "451 4.7.1 "),
        ("end-of-data=454 Throttling failure: Daily message quota exceeded.", "451 4.7.1 "),
        ("mail=501 Invalid MAIL FROM address provided", "501 5.0.0 Invalid MAIL FROM"),
        ("data=close", "451 4.4.1 "),
    ] {
        let hold = [("SESGATE_DELIVERY_HOLD", "1500ms")];
        let settings = [Settings::default(), Settings::default()];
        let (world, standby) = World::with_standby(settings, &hold, ALLOW_ALL).await;
        world.fault(fault);
        let heard = world.send().await;
        assert!(heard.starts_with(reply), "{fault}: {heard}");
        assert_eq!(standby.times_reached(Step::Greeting), 0, "{fault}");
        assert_eq!(endpoint(&world), Some(name(&world.ses)), "{fault}");
        assert_eq!(breakers(&world), ["closed", "closed"], "{fault}");
    }
}

#[tokio::test]
async fn a_mail_in_doubt_stays_in_doubt() {
    for fault in ["end-of-data=close", "end-of-data=close-after"] {
        let (world, standby) = world(Settings::default()).await;
        world.fault(fault);
        assert_eq!(world.send().await, Reply::IN_DOUBT.to_string());
        // Not even when the first endpoint is gone.
        world.fault("connect*=reset");
        let again = world.send().await;
        assert!(again.starts_with("451 4.4.2 Amazon SES may have taken this mail already"), "{again}");
        assert_eq!(standby.times_reached(Step::Greeting), 0, "{fault}");
    }
}

#[tokio::test]
async fn when_none_can_be_used_the_preferred_one_is_spoken_of() {
    let (world, standby) = world(Settings::default()).await;
    world.fault("auth*=535 Authentication Credentials Invalid");
    standby.faults().add("connect*=reset".parse().unwrap());
    for _ in 0..3 {
        assert_eq!(world.send().await, Reply::CANNOT_SEND.to_string());
        assert_eq!(endpoint(&world), Some(name(&world.ses)));
    }
    assert_eq!(breakers(&world), ["open", "open"]);
    assert!(world.app.probe_ses().await.unwrap_err().is_of_login());
    world.ses.faults().clear();
    world.send_until_accepted().await;
}

#[tokio::test]
async fn a_mail_goes_to_another_region_only_if_policy_permits_it_there() {
    let statement = |effect: &str, rest: &str| {
        format!(r#"{{"Effect": "{effect}", "Action": "ses:SendRawEmail", {rest}}}"#)
    };
    let all = statement("Allow", r#""Resource": "*""#);
    let in_europe = r#""Resource": "*", "Condition": {"StringLike": {"aws:RequestedRegion": "eu-*"}}"#;
    let of_this_region = r#""Resource": "arn:aws:ses:us-east-1:123456789012:identity/*""#;
    let of_any_region = r#""Resource": "arn:aws:ses:*:123456789012:identity/*""#;
    for (statements, goes) in [
        (all.clone(), true),
        (format!("{all}, {}", statement("Deny", in_europe)), false),
        (statement("Allow", of_this_region), false),
        (statement("Allow", of_any_region), true),
    ] {
        let policy = format!(r#"{{"Statement": [{statements}]}}"#);
        let settings =
            [Settings::default(), Settings { region: "eu-west-1".to_owned(), ..Settings::default() }];
        let (world, standby) = World::with_standby(settings, &[], &policy).await;
        assert!(world.send().await.starts_with("250 "), "{policy}");
        world.fault("connect*=reset");
        world.fault("mail=close");
        let reply = world.send().await;
        assert_eq!(reply.starts_with("250 "), goes, "{policy}: {reply}");
        assert_eq!(standby.mailbox().accepted(), u64::from(goes), "{policy}");
    }
}
