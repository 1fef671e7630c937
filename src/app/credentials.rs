//! Keeps the logins of SES as new as the places where they are kept, so that rotating one needs no restart.
//!
//! Here they are only read and offered; the keyring decides which is used, and SES whether it is right. This goes on
//! whatever else is wrong with the configuration: a policy in error must not keep a new key from the relay.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::config::{self, LoginSource, LoginSourceError, SesLogin, Stored};
use crate::credentials::{Keyring, Login, Offer, Rank};
use crate::relay::Relay;
use crate::server::Drain;

/// How often the files are read. Orchestrators replace mounted files by ways that no watcher is told of, and few
/// small files are quickly read.
const INTERVAL: Duration = Duration::from_secs(2);

/// The logins of one endpoint, and where they come from.
#[derive(Debug)]
pub(super) struct RenewedLogins {
    /// `None` without any login, as a loopback endpoint needs none.
    keyring: Option<Arc<Keyring>>,
    kept: Mutex<Vec<Kept>>,
}

/// What the configuration says of the logins of one endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logins<'a> {
    preferred: Option<&'a SesLogin>,
    fallback: Option<&'a SesLogin>,
}

impl<'a> Logins<'a> {
    /// Of every endpoint, the preferred one first.
    pub(super) fn all(ses: &'a config::Ses) -> impl Iterator<Item = Self> {
        let standbys = ses.standbys.iter().map(|standby| (&standby.login, &standby.fallback));
        let all = std::iter::once((&ses.login, &ses.fallback)).chain(standbys);
        all.map(|(preferred, fallback)| Self { preferred: preferred.as_ref(), fallback: fallback.as_ref() })
    }

    pub(super) fn by_rank(self) -> impl Iterator<Item = (Rank, &'a SesLogin)> {
        let logins = [(Rank::Preferred, self.preferred), (Rank::Fallback, self.fallback)];
        logins.into_iter().filter_map(|(rank, login)| Some((rank, login?)))
    }
}

/// A login where it is kept.
#[derive(Debug)]
struct Kept {
    rank: Rank,
    source: LoginSource,
    /// What was there the last time. A file may be half written, and of two files one may be new, so what is there
    /// counts when it is there twice.
    seen: Option<Login>,
    /// What was wrong the last time, so that it is told once.
    failure: Option<String>,
}

impl RenewedLogins {
    /// Of one endpoint: what the configuration prefers there, and what it names beside it.
    pub(super) fn new(logins: Logins<'_>) -> Self {
        let keyring = logins.preferred.map(|_| Arc::default());
        let renewed = Self { keyring, kept: Mutex::default() };
        renewed.follow(logins);
        renewed
    }

    pub(super) fn keyring(&self) -> Option<Arc<Keyring>> {
        self.keyring.clone()
    }

    /// Takes the logins from where the configuration says that they are now.
    pub(super) fn follow(&self, logins: Logins<'_>) {
        let Some(keyring) = &self.keyring else { return };
        let named = logins.by_rank();
        let kept = named.map(|(rank, SesLogin { source, loaded })| {
            if let Some(loaded) = loaded.clone() {
                offer(keyring, rank, loaded);
            }
            Kept { rank, source: source.clone(), seen: None, failure: None }
        });
        *self.kept() = kept.collect();
        if logins.fallback.is_none() {
            keyring.withdraw(Rank::Fallback);
        }
    }

    /// Looks again and again until the drain begins, and has proven what is new. What cannot be read replaces nothing.
    pub(super) async fn run(self: Arc<Self>, relay: Arc<Relay>, drain: Drain) {
        let Some(keyring) = &self.keyring else { return };
        loop {
            let look_and_prove = async {
                sleep(INTERVAL).await;
                self.look(keyring).await;
                relay.upstream.prove_logins().await;
            };
            tokio::select! {
                () = drain.begun() => return,
                () = look_and_prove => {}
            }
        }
    }

    async fn look(&self, keyring: &Keyring) {
        // What is in Secrets Manager is polled more rarely, elsewhere.
        let is_in_files = |kept: &&Kept| kept.source.may_change() && kept.source.stored().is_empty();
        let sources: Vec<(Rank, LoginSource)> =
            self.kept().iter().filter(is_in_files).map(|kept| (kept.rank, kept.source.clone())).collect();
        for (rank, source) in sources {
            let reading = tokio::task::spawn_blocking(move || source.load(&Stored::default()));
            // A runtime that stops does not start the reading; what there was stays.
            let Ok(found) = reading.await else { return };
            if let Some(kept) = self.kept().iter_mut().find(|kept| kept.rank == rank)
                && let Some(settled) = kept.settled(found)
            {
                offer(keyring, rank, settled);
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn offer(keyring: &Keyring, rank: Rank, offer: Offer) {
    keyring.offer(rank, offer, Instant::now().into_std(), SystemTime::now());
}

impl Kept {
    /// What is there, once it stays there.
    fn settled(&mut self, found: Result<Offer, LoginSourceError>) -> Option<Offer> {
        match found {
            Ok(offer) => {
                self.failure = None;
                let before = self.seen.replace(offer.login.clone());
                before.is_some_and(|before| before.is(&offer.login)).then_some(offer)
            }
            Err(error) => {
                self.seen = None;
                let failure = error.to_string();
                if self.failure.as_ref() != Some(&failure) {
                    tracing::error!(
                        failure,
                        "a login of Amazon SES cannot be read again; what there was stays"
                    );
                    self.failure = Some(failure);
                }
                None
            }
        }
    }
}
