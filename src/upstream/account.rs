//! When the account is stopped as a whole: its quota of a day is used up, AWS has suspended it, or it is not logged
//! in any more. Nothing is sent then but, now and then, one mail to see whether SES takes mail again.
//!
//! It has no clock: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::outcome::{AccountTrouble, Outcome, Verdict};

#[derive(Debug, Default)]
pub(super) struct Account {
    stopped: Option<Stopped>,
}

/// Since when nothing goes, and what SES said.
#[derive(Debug, Clone)]
pub(super) struct Stopped {
    pub trouble: AccountTrouble,
    pub since: Instant,
    pub verdict: Verdict,
    /// When SES last said so.
    told: Instant,
    wait: Duration,
    /// When the next mail is let through.
    pub until: Instant,
}

impl Account {
    /// Lets everyone through while all is well, and after a wait one alone. The others learn what SES said.
    pub fn admit(&mut self, now: Instant) -> Result<(), Outcome> {
        match &mut self.stopped {
            Some(stopped) if now < stopped.until => {
                let Stopped { trouble, verdict, .. } = stopped.clone();
                Err(Outcome::Blocked { trouble, verdict })
            }
            Some(stopped) => {
                // Whoever is let through may never reach SES: the next one has a chance after the same wait.
                stopped.until = now + stopped.wait;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    pub fn accepted(&mut self) {
        self.stopped = None;
    }

    /// SES refused a mail for it that was begun then. Mails that were under way together count once.
    pub fn stop(&mut self, trouble: AccountTrouble, verdict: &Verdict, begun: Instant, now: Instant) {
        let Some((wait_min, wait_max)) = waits(trouble) else { return };
        let (since, wait) = match &self.stopped {
            Some(stopped) if begun < stopped.told => return,
            Some(stopped) if stopped.trouble == trouble => (stopped.since, (stopped.wait * 2).min(wait_max)),
            Some(_) | None => (now, wait_min),
        };
        let verdict = Verdict { session: None, ..verdict.clone() };
        self.stopped = Some(Stopped { trouble, since, verdict, told: now, wait, until: now + wait });
    }
}

/// From the first wait to the longest. What depends on the mail stops no other one.
fn waits(trouble: AccountTrouble) -> Option<(Duration, Duration)> {
    match trouble {
        // It is of the last 24 hours, so room comes back little by little.
        AccountTrouble::DailyQuota => Some((Duration::from_mins(1), Duration::from_mins(10))),
        AccountTrouble::Suspended | AccountTrouble::NotLoggedIn => {
            Some((Duration::from_secs(1), Duration::from_mins(1)))
        }
        AccountTrouble::SigV2 | AccountTrouble::AccessDenied => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;
    use tokio::time::Instant;

    use super::Account;
    use crate::upstream::answer::Answer;
    use crate::upstream::conversation::Step;
    use crate::upstream::outcome::{AccountTrouble, Verdict};

    fn verdict() -> Verdict {
        let line = &b"454 Throttling failure: Daily message quota exceeded.\r\n"[..];
        let answer = Answer::take(&mut BytesMut::from(line)).unwrap().unwrap();
        Verdict { step: Step::Message, answer, session: None }
    }

    #[test]
    fn one_mail_after_a_growing_wait_tries_again() {
        for (trouble, waits_s) in [
            (AccountTrouble::DailyQuota, [60, 120, 240, 480, 600, 600]),
            (AccountTrouble::Suspended, [1, 2, 4, 8, 16, 32]),
        ] {
            let mut account = Account::default();
            let mut now = Instant::now();
            assert!(account.admit(now).is_ok());
            for wait_s in waits_s {
                let begun = now;
                // Ten that were under way together.
                for _ in 0..10 {
                    now += Duration::from_millis(1);
                    account.stop(trouble, &verdict(), begun, now);
                }
                let until = account.stopped().unwrap().until;
                assert_eq!((until - begun).as_secs(), wait_s);
                assert!(account.admit(until - Duration::from_millis(1)).is_err(), "{wait_s}");
                assert!(account.admit(until).is_ok(), "{wait_s}");
                assert!(account.admit(until).is_err(), "{wait_s}");
                now = until;
            }
            account.accepted();
            assert!(account.admit(now).is_ok() && account.admit(now).is_ok());
        }
    }

    #[test]
    fn what_depends_on_the_mail_stops_no_other() {
        let (mut account, now) = (Account::default(), Instant::now());
        account.stop(AccountTrouble::AccessDenied, &verdict(), now, now);
        assert!(account.admit(now).is_ok());
    }
}
