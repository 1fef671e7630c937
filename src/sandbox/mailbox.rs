//! The mails that the stand-in accepted: what a test compares, and what a person watches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

use crate::sandbox::summary::Summary;

/// A watcher that falls behind by more than this many mails is told how many it missed.
const WATCHER_LAG_MAX: usize = 256;

/// One accepted mail.
#[derive(Debug, Clone)]
pub struct Mail {
    pub summary: Summary,
    /// The message as the client sent it, dots unstuffed.
    pub octets: Bytes,
    /// The `X-SES-` fields, in order, name and value. SES acts on them and takes them out.
    pub ses_fields: Vec<(String, String)>,
    /// The last word of the session's greeting.
    pub session_token: String,
    /// What the client called itself in EHLO.
    pub client_name: String,
}

/// The newest accepted mails, shared by all sessions and whoever looks.
#[derive(Debug, Clone)]
pub struct Mailbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mails_max: usize,
    octets_max: usize,
    stored: Mutex<Stored>,
    accepted: watch::Sender<u64>,
    watchers: broadcast::Sender<Arc<Summary>>,
}

#[derive(Debug, Default)]
struct Stored {
    mails: VecDeque<Arc<Mail>>,
    octets: usize,
}

impl Mailbox {
    pub(super) fn new(mails_max: usize, octets_max: usize) -> Self {
        Self(Arc::new(Inner {
            mails_max,
            octets_max,
            stored: Mutex::default(),
            accepted: watch::Sender::new(0),
            watchers: broadcast::Sender::new(WATCHER_LAG_MAX),
        }))
    }

    /// How many mails were accepted since the start, those included that are no longer kept.
    pub fn accepted(&self) -> u64 {
        *self.0.accepted.borrow()
    }

    /// The mails that are kept, oldest first.
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.stored().mails.iter().cloned().collect()
    }

    /// Forgets those that are kept.
    pub fn clear(&self) {
        *self.stored() = Stored::default();
    }

    /// How many mails were accepted, for whoever waits for more.
    pub(super) fn count(&self) -> watch::Receiver<u64> {
        self.0.accepted.subscribe()
    }

    /// Waits until that many mails were accepted since the start, and returns those that are kept.
    pub async fn wait_for(&self, accepted: u64) -> Vec<Arc<Mail>> {
        // The sender is in `self`, so it cannot have gone.
        let _ = self.0.accepted.subscribe().wait_for(|count| *count >= accepted).await;
        self.mails()
    }

    /// The summary of each mail that is accepted from now on.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Summary>> {
        self.0.watchers.subscribe()
    }

    pub(super) fn store(&self, mail: Mail) {
        let summary = Arc::new(mail.summary.clone());
        {
            let mut stored = self.stored();
            stored.push(mail);
            stored.shrink(self.0.mails_max, self.0.octets_max);
        }
        self.0.accepted.send_modify(|count| *count = count.saturating_add(1));
        // Nobody watches: nobody misses anything.
        let _ = self.0.watchers.send(summary);
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn push(&mut self, mail: Mail) {
        self.octets = self.octets.saturating_add(mail.octets.len());
        self.mails.push_back(Arc::new(mail));
    }

    fn shrink(&mut self, mails_max: usize, octets_max: usize) {
        while self.mails.len() > mails_max || self.octets > octets_max {
            let Some(oldest) = self.mails.pop_front() else {
                return;
            };
            self.octets = self.octets.saturating_sub(oldest.octets.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;

    use super::{Mail, Mailbox};
    use crate::sandbox::summary::Summary;

    fn mail(octets: &'static [u8]) -> Mail {
        let summary = Summary {
            accepted_at: SystemTime::UNIX_EPOCH,
            message_id: String::new(),
            sender: String::new(),
            recipients: Vec::new(),
            from: String::new(),
            subject: String::new(),
            octets: octets.len(),
        };
        Mail {
            summary,
            octets: Bytes::from_static(octets),
            ses_fields: Vec::new(),
            session_token: String::new(),
            client_name: String::new(),
        }
    }

    #[test]
    fn the_oldest_mails_make_room() {
        for (mails_max, octets_max, kept) in [
            (9, 99, &[&b"1"[..], b"22", b"333"][..]),
            (2, 99, &[b"22", b"333"]),
            (9, 4, &[b"333"]),
            (9, 2, &[]),
        ] {
            let mailbox = Mailbox::new(mails_max, octets_max);
            for octets in [&b"1"[..], b"22", b"333"] {
                mailbox.store(mail(octets));
            }
            let mails = mailbox.mails();
            assert_eq!(mails.iter().map(|mail| &mail.octets[..]).collect::<Vec<_>>(), kept);
            assert_eq!(mailbox.accepted(), 3);
        }
    }
}
