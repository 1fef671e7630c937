//! The mails of which nobody knows whether SES has them, because its answer to the final dot never came (RFC 1047).
//!
//! The client of such a mail hears 451, and many clients try again at once and show nobody what they heard. So the
//! same mail is held back for a while, and its clients are told so; after that it is sent, since a mail that comes
//! twice does less harm than one that never comes, and the audit log says what it may repeat. The same mail is one of the same app, the same envelope and the same octets: a
//! client that writes Date or Message-ID anew has written another mail.
//!
//! It is memory and nothing else: a restart forgets, and replicas do not know of each other's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{Context, SHA256};
use tokio::time::Instant;

use crate::gate::{DecisionId, PermittedMail};
use crate::upstream::Outcome;

/// Mail systems that try again do so within the day, if at all.
const MEMORY: Duration = Duration::from_hours(24);

/// How doubt is dealt with.
#[derive(Debug, Clone)]
pub struct DoubtSettings {
    /// How long a mail in doubt is not sent again.
    pub wait: Duration,
    /// How many mails in doubt are remembered; the oldest go first.
    pub mails_max: usize,
}

/// Remembers digests of mails, never mails.
#[derive(Debug)]
pub struct Doubts {
    settings: ArcSwap<DoubtSettings>,
    mails: Mutex<HashMap<Digest, Sent>>,
}

/// That SES may have a mail already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doubt {
    /// By which it was sent.
    pub decision: DecisionId,
    /// How long it is not to be sent again: zero when that is over.
    pub wait: Duration,
}

type Digest = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Sent {
    decision: DecisionId,
    at: Instant,
}

impl Doubts {
    pub fn new(settings: DoubtSettings) -> Self {
        Self { settings: ArcSwap::from_pointee(settings), mails: Mutex::default() }
    }

    /// Takes on what the operator says now. What is in doubt stays so, as far as there is room.
    pub fn follow(&self, settings: DoubtSettings) {
        keep_newest(&mut self.mails(), settings.mails_max);
        self.settings.store(Arc::new(settings));
    }

    pub(super) fn about(&self, app: &str, mail: &PermittedMail, now: Instant) -> Option<Doubt> {
        // Hardly ever is a mail in doubt, and else none needs a digest.
        if self.mails().is_empty() {
            return None;
        }
        let digest = digest(app, mail);
        let Sent { decision, at } = *self.mails().get(&digest)?;
        let age = now.duration_since(at);
        (age < MEMORY).then(|| Doubt { decision, wait: self.settings.load().wait.saturating_sub(age) })
    }

    /// What became of a mail that was sent by a decision.
    pub(super) fn learn(
        &self,
        app: &str,
        mail: &PermittedMail,
        outcome: &Outcome,
        decision: DecisionId,
        now: Instant,
    ) {
        match outcome {
            Outcome::InDoubt { .. } | Outcome::Unconfirmed(_) => {
                self.doubt(app, mail, decision, now);
            }
            // Whoever sends the same again means another mail.
            Outcome::Accepted { .. } if !self.mails().is_empty() => {
                let digest = digest(app, mail);
                self.mails().remove(&digest);
            }
            // That SES does not have it from this time says nothing of the time before.
            Outcome::Accepted { .. }
            | Outcome::Refused(_)
            | Outcome::Unverified(_)
            | Outcome::Throttled(_)
            | Outcome::Blocked { .. }
            | Outcome::Deferred(_)
            | Outcome::Interrupted { .. }
            | Outcome::Unreachable(_)
            | Outcome::LoginRefused(_)
            | Outcome::Busy { .. }
            | Outcome::Paced { .. } => {}
        }
    }

    /// How many mails are remembered.
    pub fn count(&self) -> usize {
        self.mails().len()
    }

    /// SES may have a mail that was sent by a decision.
    pub(super) fn doubt(&self, app: &str, mail: &PermittedMail, decision: DecisionId, now: Instant) {
        self.remember(digest(app, mail), Sent { decision, at: now });
    }

    fn remember(&self, digest: Digest, sent: Sent) {
        let mut mails = self.mails();
        mails.retain(|_, earlier| sent.at.duration_since(earlier.at) < MEMORY);
        mails.insert(digest, sent);
        keep_newest(&mut mails, self.settings.load().mails_max);
    }

    fn mails(&self) -> MutexGuard<'_, HashMap<Digest, Sent>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_newest(mails: &mut HashMap<Digest, Sent>, mails_max: usize) {
    let surplus = mails.len().saturating_sub(mails_max);
    if surplus == 0 {
        return;
    }
    let mut by_age: Vec<_> = mails.iter().map(|(digest, sent)| (sent.at, *digest)).collect();
    by_age.sort_unstable();
    for (_, digest) in by_age.iter().take(surplus) {
        mails.remove(digest);
    }
}

/// Of the mail as the client sent it: what the relay adds is different each time.
fn digest(app: &str, mail: &PermittedMail) -> Digest {
    let message = &mail.submission().message;
    let mut context = Context::new(&SHA256);
    // Each part goes with its length, so that no two mails look alike when their parts are joined.
    let mut part = |octets: &[u8]| {
        context.update(&octets.len().to_be_bytes());
        context.update(octets);
    };
    part(app.as_bytes());
    part(mail.sender().as_str().as_bytes());
    part(&mail.recipients().len().to_be_bytes());
    mail.recipients().iter().for_each(|recipient| part(recipient.as_str().as_bytes()));
    part(message.header());
    message.body().stuffed().iter().for_each(|piece| context.update(piece));
    let mut digest = Digest::default();
    digest.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    digest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Doubt, DoubtSettings, Doubts, MEMORY, Sent, digest};
    use crate::gate::{DecisionId, PermittedMail};
    use crate::mail::Message;

    const WAIT: Duration = Duration::from_mins(5);
    const TEXT: &str = "From: a@example.com\r\n\r\nhi\r\n";

    fn mail(recipients: &[&str], octets: &str) -> PermittedMail {
        PermittedMail::for_tests("a@example.com", recipients, &Message::from(octets.as_bytes()))
    }

    fn sent(number: u32, at: Instant) -> Sent {
        Sent { decision: DecisionId::new(0, number), at }
    }

    #[test]
    fn a_mail_in_doubt_is_held_back_then_repeatable_then_forgotten() {
        let doubts = Doubts::new(DoubtSettings { wait: WAIT, mails_max: 10 });
        let (now, mail) = (Instant::now(), mail(&["b@example.org"], TEXT));
        assert_eq!(doubts.about("app", &mail, now), None);
        doubts.doubt("app", &mail, DecisionId::new(0, 1), now);
        let second = Duration::from_secs(1);
        for (later, wait) in [
            (Duration::ZERO, Some(WAIT)),
            (WAIT.saturating_sub(second), Some(second)),
            (WAIT, Some(Duration::ZERO)),
            (MEMORY.saturating_sub(second), Some(Duration::ZERO)),
            (MEMORY, None),
        ] {
            let doubt = wait.map(|wait| Doubt { decision: DecisionId::new(0, 1), wait });
            assert_eq!(doubts.about("app", &mail, now + later), doubt, "{later:?}");
        }
    }

    #[test]
    fn another_mail_is_another_mail() {
        let doubts = Doubts::new(DoubtSettings { wait: WAIT, mails_max: 10 });
        let both = &["b@example.org", "c@example.org"][..];
        let now = Instant::now();
        doubts.remember(digest("app", &mail(both, TEXT)), sent(1, now));
        assert!(doubts.about("app", &mail(both, TEXT), now).is_some());
        for (app, recipients, text) in [
            ("other", both, TEXT),
            ("app", &["b@example.org"], TEXT),
            ("app", &["c@example.org", "b@example.org"], TEXT),
            ("app", both, "From: a@example.com\r\n\r\nhi!\r\n"),
            ("app", both, "From: a@example.com\r\nX: \r\n\r\nhi\r\n"),
        ] {
            assert_eq!(doubts.about(app, &mail(recipients, text), now), None, "{app} {recipients:?} {text}");
        }
    }

    #[test]
    fn the_oldest_doubt_makes_room() {
        let doubts = Doubts::new(DoubtSettings { wait: WAIT, mails_max: 2 });
        let now = Instant::now();
        let mails = ["1", "2", "3"].map(|text| mail(&["b@example.org"], text));
        for (number, mail) in (0..).zip(&mails) {
            let at = now + Duration::from_secs(number.into());
            doubts.remember(digest("app", mail), sent(number, at));
        }
        let later = now + Duration::from_secs(2);
        let known = mails.each_ref().map(|mail| doubts.about("app", mail, later).is_some());
        assert_eq!(known, [false, true, true]);
        doubts.follow(DoubtSettings { wait: Duration::ZERO, mails_max: 1 });
        let known = mails.each_ref().map(|mail| doubts.about("app", mail, later).map(|doubt| doubt.wait));
        assert_eq!(known, [None, None, Some(Duration::ZERO)]);
    }
}
