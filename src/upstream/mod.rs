//! Saying a permitted mail to SES, and hearing what became of it.
//!
//! [`Upstream::deliver`] is the story; it ends in an [`Outcome`], never in an error. This folder speaks SMTP and
//! TLS as a client; it decides nothing about policy and words nothing for the relay's own clients.
//!
//! A mail on a kept session costs four round trips, MAIL, RCPT, DATA and the message, and one more for each
//! recipient beyond the first: SES offers no PIPELINING, so each command waits for the answer to the last.

mod answer;
mod backoff;
mod bucket;
mod conversation;
mod dial;
mod extensions;
mod fair_queue;
mod octets;
mod open;
mod outcome;
mod plain_text;
mod pool;
mod quota;
mod settings;
#[cfg(test)]
mod tests;
mod turns;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::credentials::{Keyring, Login};
use crate::gate::PermittedMail;
use crate::mail::DomainName;
use crate::upstream::backoff::Backoff;
use crate::upstream::conversation::Conversation;
use crate::upstream::fair_queue::Place;
use crate::upstream::pool::Pool;
use crate::upstream::quota::Quota;
use crate::upstream::turns::{Jam, Turn, Turns};

pub use answer::{Answer, AnswerError, Class, MessageId};
pub use backoff::Health;
pub use conversation::{SessionId, Step};
pub use dial::{Dial, DialError, Dialling, SetupError, TcpDial};
pub use open::OpenError;
pub use outcome::{AccountTrouble, Outcome, Verdict};
pub use settings::{Roots, Security, Settings};
pub use wire::{Stream, WireError};

/// The relay's side towards SES: one endpoint, its logins, some sessions.
pub struct Upstream {
    settings: Arc<Settings>,
    ehlo_name: DomainName,
    keyring: Option<Arc<Keyring>>,
    dial: Arc<dyn Dial>,
    turns: Arc<Turns>,
    pool: Arc<Pool>,
    backoff: Mutex<Backoff>,
    quota: Mutex<Quota>,
}

impl Upstream {
    /// Towards the endpoint that the settings name. Opens nothing yet.
    pub fn over_tcp(settings: Settings, keyring: Option<Arc<Keyring>>) -> Result<Self, SetupError> {
        let dial = Arc::new(TcpDial::new(&settings)?);
        Self::new(settings, keyring, dial)
    }

    /// Over whatever `dial` connects to.
    pub fn new(
        settings: Settings,
        keyring: Option<Arc<Keyring>>,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, SetupError> {
        let unfit = |source| SetupError::EhloName { name: settings.ehlo_name.clone(), source };
        let ehlo_name = DomainName::parse(&settings.ehlo_name).map_err(unfit)?;
        let settings = Arc::new(settings);
        let turns = Turns::new(settings.connections_max, settings.recipients_per_second_max);
        let pool = Pool::new(Arc::clone(&settings));
        let (backoff, quota) = (Mutex::default(), Mutex::default());
        Ok(Self { settings, ehlo_name, keyring, dial, turns, pool, backoff, quota })
    }

    /// Says a mail of an app to SES, when it is its turn. Dropped before its end, it takes the connection along,
    /// and SES may have the mail.
    pub async fn deliver(&self, app: &str, mail: &PermittedMail) -> Outcome {
        let outcome = self.say_in_time(app, mail).await;
        let session = outcome.session().map(SessionId::as_str);
        if let Outcome::Accepted { .. } = outcome {
            tracing::debug!(session, outcome = outcome.label(), "{outcome}");
        } else {
            tracing::warn!(session, outcome = outcome.label(), "{outcome}");
        }
        outcome
    }

    /// Logs in on a session of its own, which comes on top of `connections_max` for a moment.
    pub async fn probe(&self) -> Result<(), Arc<OpenError>> {
        let session = self.open().await?;
        self.pool.retire(session);
        Ok(())
    }

    /// Proves the logins that are not in use and wait for it, each on a session of its own. To be called now and then.
    pub async fn prove_logins(&self) {
        let Some(keyring) = &self.keyring else { return };
        for login in keyring.due(Instant::now().into_std()) {
            // The keyring is told what came of it.
            if let Ok(session) = self.log_in_with(keyring, &login).await {
                self.pool.retire(session);
            }
        }
    }

    pub fn health(&self) -> Health {
        self.backoff().health()
    }

    /// Takes leave of SES: for the end, when no mail is in hand any more.
    pub async fn close(&self) {
        self.turns.close().await;
        self.pool.close().await;
    }

    /// Says a mail, and says it again for as long as it may be held: when SES throttles it, and when SES takes fewer
    /// connections than the relay would open, as there will be one that another mail has left.
    async fn say_in_time(&self, app: &str, mail: &PermittedMail) -> Outcome {
        if let Err(verdict) = self.quota().admit(Instant::now()) {
            return Outcome::Blocked { trouble: AccountTrouble::DailyQuota, verdict };
        }
        let until = Instant::now() + self.settings.hold;
        // SES counts recipients, of which it takes no more than fifty.
        let recipients = u32::try_from(mail.recipients().len()).unwrap_or(u32::MAX);
        let (mut place, mut put_off) = (Place::Last, None);
        loop {
            let turn = match (self.turns.turn(app, recipients, place, until).await, put_off) {
                (Ok(turn), _) => turn,
                (Err(_), Some(outcome)) => return outcome,
                (Err(Jam::Rate), None) => return Outcome::Paced { held: self.settings.hold },
                (Err(Jam::Connections), None) => return Outcome::Busy { held: self.settings.hold },
            };
            let begun = turn.begun();
            let outcome = self.say(turn, mail).await;
            self.learn(&outcome, recipients, begun);
            if !self.is_for_another_turn(&outcome) {
                return outcome;
            }
            tracing::info!(outcome = outcome.label(), "a mail waits for another turn: {outcome}");
            (place, put_off) = (Place::First, Some(outcome));
        }
    }

    /// Whether there are sessions in use or idle, beside the turns of whoever asks.
    fn has_sessions_beside(&self, own: usize) -> bool {
        // In this order: a session is kept before its turn ends.
        self.turns.taken() > own || !self.pool.is_empty()
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
    fn learn(&self, outcome: &Outcome, recipients: u32, begun: Instant) {
        match outcome {
            Outcome::Accepted { .. } => {
                self.turns.accepted(recipients);
                self.quota().accepted();
            }
            Outcome::Throttled(verdict) => {
                if let Some(rate) = self.turns.throttled(begun) {
                    tracing::warn!(recipients_per_second = rate, "sending more slowly: {verdict}");
                }
            }
            Outcome::Blocked { trouble: AccountTrouble::DailyQuota, verdict } => {
                self.quota().exceeded(verdict, begun, Instant::now());
            }
            Outcome::Refused(_)
            | Outcome::Unverified(_)
            | Outcome::Blocked { .. }
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

    async fn say(&self, turn: Turn, mail: &PermittedMail) -> Outcome {
        if let Some(mut session) = self.pool.reuse(&turn).await {
            let said = session.say(mail).await;
            if !said.is_stale() {
                let outcome = Outcome::new(said, session.session().cloned());
                self.pool.give_back(turn, session);
                return outcome;
            }
            // It died while it was idle, and that is no fault of the mail: once more, on a fresh one.
            let stale = Outcome::new(said, session.session().cloned());
            tracing::debug!(
                session = stale.session().map(SessionId::as_str),
                "a kept session was stale: {stale}"
            );
        }
        let mut session = match self.open().await {
            Ok(session) => session,
            Err(cause) => {
                if cause.is_one_too_many() {
                    turn.shrink();
                }
                return Outcome::unopened(cause);
            }
        };
        let said = session.say(mail).await;
        let outcome = Outcome::new(said, session.session().cloned());
        self.pool.give_back(turn, session);
        outcome
    }

    async fn open(&self) -> Result<Conversation, Arc<OpenError>> {
        let begun = Instant::now();
        self.backoff().admit(begun)?;
        match self.log_in().await {
            Ok(session) => {
                self.backoff().succeeded();
                Ok(session)
            }
            // There is nothing to spare SES.
            Err(cause @ OpenError::NoLogin) => Err(Arc::new(cause)),
            Err(cause) => {
                let cause = Arc::new(cause);
                // With others open, SES is well, and there is nothing to wait for but them.
                if !cause.is_one_too_many() || !self.has_sessions_beside(1) {
                    self.backoff().failed(begun, Instant::now(), Arc::clone(&cause));
                }
                Err(cause)
            }
        }
    }

    /// A session by the first login that SES takes. What is wrong beside the login would be so with the next one.
    async fn log_in(&self) -> Result<Conversation, OpenError> {
        let Some(keyring) = &self.keyring else { return self.session(None).await };
        let mut refused = OpenError::NoLogin;
        for login in keyring.logins() {
            match self.log_in_with(keyring, &login).await {
                Err(cause) if cause.refusal_of_login().is_some() => refused = cause,
                opened => return opened,
            }
        }
        Err(refused)
    }

    async fn log_in_with(&self, keyring: &Keyring, login: &Login) -> Result<Conversation, OpenError> {
        let opened = self.session(Some(login)).await;
        let now = Instant::now().into_std();
        match &opened {
            Ok(_) => keyring.accepted(login, now),
            Err(cause) => {
                if let Some(words) = cause.refusal_of_login() {
                    keyring.refused(login, words, now);
                }
            }
        }
        opened
    }

    async fn session(&self, login: Option<&Login>) -> Result<Conversation, OpenError> {
        open::open(&self.settings, &self.ehlo_name, login, self.dial.as_ref()).await
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quota(&self) -> MutexGuard<'_, Quota> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("host", &self.settings.host)
            .field("turns", &self.turns)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
