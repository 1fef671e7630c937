//! Checks passwords: off the event loop, a few at once, and not again what was just proven.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::admission::directory::{Directory, Login};
use crate::admission::expiring::Expiring;
use crate::admission::{Limits, PasswordHash};
use crate::smtp::Credentials;

/// How long a client waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
const PROOFS_MAX: usize = 1024;

#[derive(Debug)]
pub(super) struct Prover {
    turns: Arc<Semaphore>,
    /// Checked when nobody has the user name, so that the answer takes as long. None where nobody can log in.
    stand_in: Option<PasswordHash>,
    proofs: Arc<Proofs>,
    proof_memory: Duration,
}

/// Why nothing was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unchecked {
    NoTime,
    Unwelcome,
}

/// Credentials that were right for a hash, known only by a digest under a key that never leaves this process. Where
/// a login has another hash, its old password is not known any more.
#[derive(Debug)]
struct Proofs {
    /// Made for the first login: the first random octets of a process take some 100 ms, for which no other client is to
    /// wait at the start. `None`: there are none to be had, and nothing can be remembered.
    key: LazyLock<Option<hmac::Key>>,
    proven: Mutex<Expiring<Vec<u8>, ()>>,
}

impl Prover {
    pub(super) fn new(directory: &Directory, limits: &Limits) -> Self {
        Self::with(Arc::new(Proofs::new()), directory, limits)
    }

    /// The same memory under other limits. What waits for a turn has one as before.
    pub(super) fn renewed(&self, directory: &Directory, limits: &Limits) -> Self {
        Self::with(Arc::clone(&self.proofs), directory, limits)
    }

    fn with(proofs: Arc<Proofs>, directory: &Directory, limits: &Limits) -> Self {
        let costliest = directory.logins().map(|login| &login.password_hash).max_by_key(|hash| hash.work());
        Self {
            turns: Arc::new(Semaphore::new(limits.checks_max.min(Semaphore::MAX_PERMITS))),
            stand_in: costliest.cloned(),
            proofs,
            proof_memory: limits.proof_memory,
        }
    }

    /// Whether the password is right. `still_welcome` is asked when the turn has come: many may have failed while
    /// this one waited.
    pub(super) async fn check(
        &self,
        login: Option<&Login>,
        credentials: Credentials,
        still_welcome: impl Fn() -> bool,
    ) -> Result<bool, Unchecked> {
        let remembers = self.proof_memory > Duration::ZERO;
        let digest = login
            .filter(|_| remembers)
            .and_then(|login| self.proofs.digest(&credentials, &login.password_hash));
        if self.recall(digest.as_deref()) {
            return Ok(true);
        }
        let hash = login.map(|login| &login.password_hash).or(self.stand_in.as_ref());
        let Some(hash) = hash.cloned() else { return Ok(false) };
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Unchecked::NoTime) };
        if !still_welcome() {
            return Err(Unchecked::Unwelcome);
        }
        // The turn goes with the work, which nobody can cancel: a client that leaves does not make room for more.
        let work = tokio::task::spawn_blocking(move || {
            let is_right = hash.is_of(&credentials.password);
            drop(turn);
            is_right
        });
        // The stand-in may well have the password that was tried; it is nobody's login all the same.
        let is_right = work.await.unwrap_or(false) && login.is_some();
        if let (true, Some(digest)) = (is_right, digest) {
            self.proofs.lock().remember(digest, (), Instant::now(), self.proof_memory);
        }
        Ok(is_right)
    }

    fn recall(&self, digest: Option<&[u8]>) -> bool {
        digest.is_some_and(|digest| self.proofs.lock().recall(&digest.to_vec(), Instant::now()).is_some())
    }
}

impl Proofs {
    fn new() -> Self {
        Self {
            key: LazyLock::new(|| hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()),
            proven: Mutex::new(Expiring::new(PROOFS_MAX)),
        }
    }

    /// Neither hashes nor user names hold NUL, so no two of these are one text.
    fn digest(&self, credentials: &Credentials, hash: &PasswordHash) -> Option<Vec<u8>> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        context.update(hash.as_str().as_bytes());
        context.update(b"\0");
        context.update(credentials.user_name.as_bytes());
        context.update(b"\0");
        context.update(credentials.password.expose().as_bytes());
        Some(context.sign().as_ref().to_vec())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Expiring<Vec<u8>, ()>> {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Directory, PATIENCE, PasswordHash, Prover, Unchecked};
    use crate::admission::{App, Limits, Login};
    use crate::secret::Secret;
    use crate::smtp::Credentials;

    fn prover(proof_memory: Duration) -> (Prover, Login) {
        let password_hash = PasswordHash::new(&Secret::new("sesame".to_owned())).unwrap();
        let login = Login { user_name: "ann".to_owned(), password_hash };
        let app = App { name: "app".into(), logins: vec![login.clone()], ..App::default() };
        let limits = Limits { checks_max: 1, proof_memory, ..Limits::default() };
        (Prover::new(&Directory::new(vec![app]), &limits), login)
    }

    async fn check(prover: &Prover, login: &Login, password: &str) -> Result<bool, Unchecked> {
        let password = Secret::new(password.to_owned());
        let credentials = Credentials { user_name: login.user_name.clone(), password };
        prover.check(Some(login), credentials, || true).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_proven_needs_no_turn_for_a_while() {
        let (prover, login) = prover(Duration::from_mins(5));
        assert_eq!(check(&prover, &login, "sesame").await, Ok(true));
        assert_eq!(check(&prover, &login, "wrong").await, Ok(false));

        let all_turns = prover.turns.acquire().await.unwrap();
        let begun = Instant::now();
        assert_eq!(check(&prover, &login, "sesame").await, Ok(true));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(check(&prover, &login, "wrong").await, Err(Unchecked::NoTime));
        assert_eq!(begun.elapsed(), PATIENCE);
        tokio::time::advance(Duration::from_mins(5)).await;
        assert_eq!(check(&prover, &login, "sesame").await, Err(Unchecked::NoTime));
        drop(all_turns);
        assert_eq!(check(&prover, &login, "sesame").await, Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_remembered_for_no_time() {
        let (prover, login) = prover(Duration::ZERO);
        assert_eq!(check(&prover, &login, "sesame").await, Ok(true));
        let _all_turns = prover.turns.acquire().await.unwrap();
        assert_eq!(check(&prover, &login, "sesame").await, Err(Unchecked::NoTime));
    }
}
