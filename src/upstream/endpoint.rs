//! One way to SES: where it is, its logins, its sessions, and what it takes.
//!
//! An endpoint is of one region, where the account has its own rate, quota and standing; so each endpoint has its own
//! turns. Whether another one is asked instead is not decided here.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::credentials::Keyring;
use crate::gate::PermittedMail;
use crate::mail::DomainName;
use crate::upstream::account::{Account, Stopped};
#[cfg(feature = "aws")]
use crate::upstream::api::Api;
use crate::upstream::backoff::{Backoff, Health};
use crate::upstream::counts::Counts;
use crate::upstream::dial::{Dial, SetupError, TcpDial};
use crate::upstream::fair_queue::Place;
use crate::upstream::open::OpenError;
use crate::upstream::outcome::{AccountTrouble, Outcome};
use crate::upstream::pool::Pool;
use crate::upstream::progress::Progress;
use crate::upstream::settings::{Settings, Transport};
use crate::upstream::smtp::Smtp;
use crate::upstream::state::{Breaker, EndpointState};
use crate::upstream::turns::{Jam, Turn, Turns};
use crate::upstream::warm::Warmth;

/// A mail of an app, to be said to SES.
pub(super) struct Errand<'a> {
    pub app: &'a str,
    pub mail: &'a PermittedMail,
    pub progress: &'a Progress,
    /// How long it may wait for its turn, and until when that is.
    pub hold: Duration,
    pub until: Instant,
}

/// What SES is spoken to by.
pub(super) enum Means {
    Smtp(Smtp),
    #[cfg(feature = "aws")]
    Api(Box<Api>),
}

pub(super) struct Endpoint {
    pub(super) name: Arc<str>,
    pub(super) settings: Arc<Settings>,
    pub(super) means: Means,
    pub(super) turns: Arc<Turns>,
    pub(super) pool: Arc<Pool>,
    pub(super) warmth: Warmth,
    backoff: Mutex<Backoff>,
    account: Mutex<Account>,
    pub(super) counts: Counts,
}

impl Means {
    /// As the settings say, over TCP.
    pub fn over_tcp(settings: &Settings, keyring: Option<Arc<Keyring>>) -> Result<Self, SetupError> {
        match settings.transport {
            Transport::Smtp => Self::smtp(settings, keyring, Arc::new(TcpDial::new(settings)?)),
            #[cfg(feature = "aws")]
            Transport::Api => Ok(Self::Api(Box::new(Api::new(settings)?))),
            #[cfg(not(feature = "aws"))]
            Transport::Api => Err(SetupError::WithoutAws),
        }
    }

    pub fn smtp(
        settings: &Settings,
        keyring: Option<Arc<Keyring>>,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, SetupError> {
        let unfit = |source| SetupError::EhloName { name: settings.ehlo_name.clone(), source };
        let ehlo_name = DomainName::parse(&settings.ehlo_name).map_err(unfit)?;
        Ok(Self::Smtp(Smtp { ehlo_name, keyring, dial }))
    }
}

impl Endpoint {
    pub fn new(settings: Settings, means: Means, counts: Counts) -> Self {
        let name = format!("{}:{}", settings.host, settings.port).into();
        let settings = Arc::new(settings);
        let turns = Turns::new(settings.connections_max, settings.recipients_per_second_max);
        let pool = Pool::new(Arc::clone(&settings));
        let (backoff, account) = (Mutex::default(), Mutex::default());
        let warmth = Warmth::default();
        Self { name, settings, means, turns, pool, warmth, backoff, account, counts }
    }

    /// Host and port.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn region(&self) -> &str {
        &self.settings.region
    }

    pub async fn probe(&self) -> Result<(), Arc<OpenError>> {
        match &self.means {
            Means::Smtp(smtp) => {
                let session = self.open(smtp).await?;
                self.pool.retire(session);
                Ok(())
            }
            #[cfg(feature = "aws")]
            Means::Api(api) => self.try_out(Box::pin(api.probe())).await,
        }
    }

    pub fn health(&self) -> Health {
        self.backoff().health()
    }

    pub fn state(&self, now: Instant) -> EndpointState {
        let (name, region) = (Arc::clone(&self.name), self.settings.region.as_str().into());
        let is_quota = |stopped: &&Stopped| stopped.trouble == AccountTrouble::DailyQuota;
        let quota_used_up =
            self.account().stopped().filter(is_quota).map(|stopped| now.duration_since(stopped.since));
        EndpointState { name, region, breaker: self.breaker(now), quota_used_up, is_in_use: false }
    }

    /// What stops all mail of the account there.
    pub fn trouble(&self) -> Option<AccountTrouble> {
        self.account().stopped().map(|stopped| stopped.trouble)
    }

    pub async fn close(&self) {
        self.turns.close().await;
        self.pool.close().await;
    }

    /// Says a mail, and says it again for as long as it may be held: when SES throttles it, and when SES takes fewer
    /// connections than the relay would open, as there will be one that another mail has left.
    pub async fn deliver(self: &Arc<Self>, errand: &Errand<'_>) -> Outcome {
        let Errand { app, mail, hold, until, .. } = *errand;
        let begun = Instant::now();
        if let Err(outcome) = self.account().admit(begun) {
            return outcome;
        }
        // What would come of it is known before it waits for a turn.
        if let Some(cause) = self.backoff().refusal(begun).filter(|_| !self.has_sessions_beside(0)) {
            return Outcome::unopened(cause);
        }
        // SES counts recipients, of which it takes no more than fifty.
        let recipients = u32::try_from(mail.recipients().len()).unwrap_or(u32::MAX);
        let (mut place, mut put_off) = (Place::Last, None);
        loop {
            let asked = Instant::now();
            let turn = match (self.turns.turn(app, recipients, place, until).await, put_off) {
                (Ok(turn), _) => turn,
                (Err(_), Some(outcome)) => return outcome,
                (Err(Jam::Rate), None) => return Outcome::Paced { held: hold },
                (Err(Jam::Connections), None) => return Outcome::Busy { held: hold },
            };
            let begun = turn.begun();
            self.counts.waited(&self.name, begun.saturating_duration_since(asked));
            let outcome = self.say(turn, errand).await;
            self.learn(&outcome, recipients, begun);
            if !self.is_for_another_turn(&outcome) {
                return outcome;
            }
            tracing::info!(outcome = outcome.label(), "a mail waits for another turn: {outcome}");
            (place, put_off) = (Place::First, Some(outcome));
        }
    }

    /// Whether there are sessions in use or idle, beside the turns of whoever asks.
    pub(super) fn has_sessions_beside(&self, own: usize) -> bool {
        // In this order: a session is kept before its turn ends.
        self.turns.taken() > own || self.pool.idle_count() > 0
    }

    fn is_for_another_turn(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Throttled(_) => true,
            Outcome::Unreachable(cause) => cause.is_one_too_many() && self.has_sessions_beside(0),
            Outcome::Accepted { .. }
            | Outcome::Refused(_)
            | Outcome::Unverified(_)
            | Outcome::Blocked { .. }
            | Outcome::Deferred(_)
            | Outcome::Unconfirmed(_)
            | Outcome::Interrupted { .. }
            | Outcome::InDoubt { .. }
            | Outcome::LoginRefused(_)
            | Outcome::Busy { .. }
            | Outcome::Paced { .. } => false,
        }
    }

    /// What an outcome tells of the account.
    fn learn(self: &Arc<Self>, outcome: &Outcome, recipients: u32, begun: Instant) {
        match outcome {
            Outcome::Accepted { .. } => {
                self.turns.accepted(recipients);
                self.account().accepted();
                self.keep_warm();
            }
            Outcome::Throttled(verdict) => {
                if let Some(rate) = self.turns.throttled(begun) {
                    tracing::warn!(recipients_per_second = rate, "sending more slowly: {verdict}");
                }
            }
            Outcome::Blocked { trouble, verdict } => {
                self.account().stop(*trouble, verdict, begun, Instant::now());
            }
            Outcome::Refused(_)
            | Outcome::Unverified(_)
            | Outcome::Deferred(_)
            | Outcome::Unconfirmed(_)
            | Outcome::Interrupted { .. }
            | Outcome::InDoubt { .. }
            | Outcome::Unreachable(_)
            | Outcome::LoginRefused(_)
            | Outcome::Busy { .. }
            | Outcome::Paced { .. } => {}
        }
    }

    async fn say(&self, turn: Turn, errand: &Errand<'_>) -> Outcome {
        match &self.means {
            Means::Smtp(smtp) => self.say_by_smtp(smtp, turn, errand).await,
            #[cfg(feature = "aws")]
            // Boxed, since the SDK's futures are large.
            Means::Api(api) => match self.try_out(Box::pin(api.send(errand.mail, errand.progress))).await {
                Ok((said, session)) => Outcome::new(said, session),
                Err(cause) => Outcome::unopened(cause),
            },
        }
    }

    /// Tries to reach SES if it is time to, and remembers if that went well.
    pub(super) async fn try_out<T>(
        &self,
        attempt: impl Future<Output = Result<T, OpenError>>,
    ) -> Result<T, Arc<OpenError>> {
        let begun = Instant::now();
        self.backoff().admit(begun)?;
        match attempt.await {
            Ok(reached) => {
                self.backoff().succeeded();
                Ok(reached)
            }
            // There is nothing to spare SES.
            Err(cause @ OpenError::NoLogin) => Err(Arc::new(cause)),
            Err(cause) => {
                let cause = Arc::new(cause);
                // With others open, SES is well, and there is nothing to wait for but them.
                if !cause.is_one_too_many() || !self.has_sessions_beside(1) {
                    self.backoff().failed(begun, Instant::now(), Arc::clone(&cause), chance());
                }
                Err(cause)
            }
        }
    }

    /// The quota of a day is no reason to go elsewhere: it is there to be kept.
    fn breaker(&self, now: Instant) -> Breaker {
        let stopped = self.account().stopped().cloned();
        let stopped = stopped.filter(|stopped| stopped.trouble != AccountTrouble::DailyQuota);
        if let Some(Stopped { trouble, since, verdict, until, .. }) = stopped {
            let (failing, why) = (now.duration_since(since), format!("{trouble}: {verdict}"));
            let is_open = now < until;
            return if is_open { Breaker::Open { failing, why } } else { Breaker::HalfOpen { failing, why } };
        }
        match (self.health(), self.backoff().refusal(now)) {
            (Health::Untried | Health::Up, _) => Breaker::Closed,
            (Health::Down { since, cause }, refusal) => {
                let (failing, why) = (now.duration_since(since), cause.causes());
                match refusal {
                    Some(_) => Breaker::Open { failing, why },
                    None => Breaker::HalfOpen { failing, why },
                }
            }
        }
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Anything from 0 to 1. The standard library's hasher is seeded by the system.
fn chance() -> f64 {
    let hash = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(hash).unwrap_or_default()) / f64::from(u32::MAX)
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("turns", &self.turns)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
