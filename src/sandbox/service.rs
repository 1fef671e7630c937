//! What all sessions share, and what may be changed while they last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::sandbox::answer;
use crate::sandbox::checks::Account;
use crate::sandbox::faults::{Effect, Faults, Step};
use crate::sandbox::logins::Logins;
use crate::sandbox::machine::{Action, Terms, Then};
use crate::sandbox::mailbox::Mailbox;
use crate::sandbox::settings::{Login, Settings};
use crate::sandbox::tally::Tally;
use crate::sandbox::wire::{Hangup, Wire};

#[derive(Debug)]
pub struct Service {
    settings: Mutex<Arc<Settings>>,
    pub logins: Logins,
    account: Mutex<Account>,
    pub mailbox: Mailbox,
    pub faults: Faults,
    pub tally: Tally,
    pub tls: Arc<ServerConfig>,
    /// Cancelled, and replaced, when all connections are dropped.
    connections: Mutex<CancellationToken>,
}

impl Service {
    pub fn new(settings: Settings, login: Login, tls: Arc<ServerConfig>) -> Self {
        let now = Instant::now().into_std();
        Self {
            logins: Logins::new(login, now),
            account: Mutex::new(Account::new(&settings, now)),
            mailbox: Mailbox::new(settings.stored_mails_max, settings.stored_octets_max),
            faults: Faults::new(settings.seed),
            tally: Tally::default(),
            tls,
            connections: Mutex::default(),
            settings: Mutex::new(Arc::new(settings)),
        }
    }

    /// As they are now. Whoever has them keeps them as they were.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&lock(&self.settings))
    }

    pub fn change_settings<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> T {
        change(Arc::make_mut(&mut lock(&self.settings)))
    }

    /// Good after the time that AWS takes to spread it.
    pub fn add_login(&self, login: Login) {
        let good_from = Instant::now() + self.settings().new_login_delay;
        self.logins.add(login, good_from.into_std());
    }

    pub fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }

    /// Cancelled when those connections are dropped that are there now.
    pub fn connections(&self) -> CancellationToken {
        lock(&self.connections).clone()
    }

    pub fn drop_connections(&self) {
        std::mem::take(&mut *lock(&self.connections)).cancel();
    }

    /// What a line is answered by.
    pub fn on_terms<T>(&self, answer: impl FnOnce(Terms<'_>) -> T) -> T {
        let settings = self.settings();
        let now = Instant::now().into_std();
        answer(Terms { settings: &settings, logins: &self.logins, now })
    }

    pub async fn say<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        action: &Action,
    ) -> Result<(), Hangup> {
        let Some(words) = &action.words else {
            return Ok(());
        };
        self.tally.count_answer(words);
        if action.then == Then::Cut { wire.write(words).await } else { wire.say(words).await }
    }

    /// A step of the dialogue, as the script of faults will have it.
    pub async fn around(&self, step: Step, take: impl FnOnce() -> Action) -> Action {
        self.tally.count(step);
        match self.faults.strike(step) {
            None => take(),
            Some(Effect::Delay(duration)) => {
                sleep(duration).await;
                take()
            }
            Some(Effect::Answer(words)) if answer::is_positive(&words) => match take() {
                action if action.is_success() => Action::say_and(words, action.then),
                action => action,
            },
            Some(Effect::Answer(words)) => Action::say(words),
            Some(Effect::AnswerAndClose(words)) => Action::say_and(words, Then::Close),
            Some(Effect::Cut(words)) => Action::say_and(words, Then::Cut),
            Some(Effect::Close) => Action { words: None, then: Then::Close },
            Some(Effect::Reset) => Action { words: None, then: Then::Reset },
            Some(Effect::CloseAfter) => {
                take();
                Action { words: None, then: Then::Close }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
