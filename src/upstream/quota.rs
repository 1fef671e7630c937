//! When the account's quota of a day is used up: nothing is sent but, now and then, one mail to see whether SES takes
//! mail again. The quota is of the last 24 hours, so room comes back little by little.
//!
//! It has no clock: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::outcome::Verdict;

const WAIT_MIN: Duration = Duration::from_mins(1);
const WAIT_MAX: Duration = Duration::from_mins(10);

#[derive(Debug, Default)]
pub(super) struct Quota {
    used_up: Option<UsedUp>,
}

#[derive(Debug)]
struct UsedUp {
    /// What SES said, and when.
    verdict: Verdict,
    since: Instant,
    wait: Duration,
    /// When the next mail is let through.
    until: Instant,
}

impl Quota {
    /// Lets everyone through while there is quota, and after a wait one alone. The others learn what SES said.
    pub fn admit(&mut self, now: Instant) -> Result<(), Verdict> {
        match &mut self.used_up {
            Some(used_up) if now < used_up.until => Err(used_up.verdict.clone()),
            Some(used_up) => {
                // Whoever is let through may never reach SES: the next one has a chance after the same wait.
                used_up.until = now + used_up.wait;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub fn accepted(&mut self) {
        self.used_up = None;
    }

    /// SES refused a mail for it that was begun then. Mails that were under way together count once.
    pub fn exceeded(&mut self, verdict: &Verdict, begun: Instant, now: Instant) {
        let wait = match &self.used_up {
            Some(used_up) if begun < used_up.since => return,
            Some(used_up) => (used_up.wait * 2).min(WAIT_MAX),
            None => WAIT_MIN,
        };
        let verdict = Verdict { session: None, ..verdict.clone() };
        self.used_up = Some(UsedUp { verdict, since: now, wait, until: now + wait });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;
    use tokio::time::Instant;

    use super::Quota;
    use crate::upstream::answer::Answer;
    use crate::upstream::conversation::Step;
    use crate::upstream::outcome::Verdict;

    fn verdict() -> Verdict {
        let line = &b"454 Throttling failure: Daily message quota exceeded.\r\n"[..];
        let answer = Answer::take(&mut BytesMut::from(line)).unwrap().unwrap();
        Verdict { step: Step::Message, answer, session: None }
    }

    #[test]
    fn one_mail_after_a_growing_wait_tries_again() {
        let mut quota = Quota::default();
        let mut now = Instant::now();
        assert!(quota.admit(now).is_ok());
        for minutes in [1, 2, 4, 8, 10, 10] {
            let begun = now;
            // Ten that were under way together.
            for _ in 0..10 {
                now += Duration::from_millis(1);
                quota.exceeded(&verdict(), begun, now);
            }
            let until = begun + Duration::from_millis(1) + Duration::from_mins(minutes);
            assert!(quota.admit(until - Duration::from_millis(1)).is_err(), "{minutes}");
            assert!(quota.admit(until).is_ok(), "{minutes}");
            assert!(quota.admit(until).is_err(), "{minutes}");
            now = until;
        }
        quota.accepted();
        assert!(quota.admit(now).is_ok() && quota.admit(now).is_ok());
    }
}
