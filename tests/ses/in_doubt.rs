//! A mail that SES may have is not sent again blindly: its client is told, and so is the audit log.

use sesgate::sandbox::{Settings, Step};
use sesgate::smtp::Reply;

use crate::world::{MAIL, World};

/// Stored at SES or not: the relay cannot tell.
const LOST_VERDICTS: [(&str, u64); 2] = [("end-of-data=close", 0), ("end-of-data=close-after", 1)];

#[tokio::test]
async fn a_mail_in_doubt_is_held_back_from_whoever_tries_again_at_once() {
    for (fault, stored) in LOST_VERDICTS {
        let world = World::new().await;
        world.fault(fault);
        assert_eq!(world.send().await, Reply::IN_DOUBT.to_string(), "{fault}");
        for _ in 0..3 {
            let reply = world.send().await;
            let first = &world.audit.entries()[0].decision;
            let words = format!("451 4.4.2 Amazon SES may have taken this mail already (decision {first}); ");
            assert!(reply.starts_with(&words), "{reply}");
        }
        assert_eq!(world.times(Step::EndOfData), 1, "{fault}");
        assert_eq!(world.accepted(), stored, "{fault}");

        // Another mail has nothing to do with it.
        assert!(world.send_mail(&MAIL.replace("hello", "hi")).await.starts_with("250 "), "{fault}");
        let entries = world.audit.entries();
        let first = Some(entries[0].decision.clone());
        let repeats: Vec<_> = entries.into_iter().map(|entry| entry.repeats).collect();
        assert_eq!(repeats, [None, first.clone(), first.clone(), first, None], "{fault}");
    }
}

#[tokio::test]
async fn a_mail_in_doubt_is_sent_again_in_the_end_and_the_audit_log_says_so() {
    for (fault, stored) in LOST_VERDICTS {
        let world = World::with(Settings::default(), &[("SESGATE_DELIVERY_IN_DOUBT_WAIT", "0s")]).await;
        world.fault(fault);
        assert_eq!(world.send().await, Reply::IN_DOUBT.to_string(), "{fault}");
        assert!(world.send().await.starts_with("250 "), "{fault}");
        assert_eq!(world.accepted(), stored + 1, "{fault}");
        // Now it is known: the next is another mail that looks the same.
        assert!(world.send().await.starts_with("250 "), "{fault}");
        let entries = world.audit.entries();
        assert_eq!(entries[1].repeats.as_ref(), Some(&entries[0].decision), "{fault}");
        assert_eq!(entries[2].repeats, None, "{fault}");
    }
}

#[tokio::test]
async fn a_yes_without_a_message_id_leaves_doubt_too() {
    let world = World::new().await;
    world.fault("end-of-data=250 Ok");
    assert_eq!(world.send().await, Reply::IN_DOUBT.to_string());
    assert!(world.send().await.starts_with("451 4.4.2 Amazon SES may have taken this mail already"));
    assert_eq!(world.accepted(), 1);
}
