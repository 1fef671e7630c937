//! One way to SES by SMTP: sessions, opened with the login that SES takes, kept for the next mail, or stale by then.
//!
//! What is said in a session is for `conversation`; how a session comes about, for `open`.

use std::sync::Arc;

use tokio::time::Instant;

use crate::credentials::{Keyring, Login};
use crate::mail::DomainName;
use crate::upstream::conversation::{Conversation, SessionId};
use crate::upstream::counts::SessionEvent;
use crate::upstream::dial::Dial;
use crate::upstream::endpoint::{Endpoint, Errand, Means};
use crate::upstream::open::{self, OpenError};
use crate::upstream::outcome::Outcome;
use crate::upstream::turns::Turn;

pub(super) struct Smtp {
    pub ehlo_name: DomainName,
    pub keyring: Option<Arc<Keyring>>,
    pub dial: Arc<dyn Dial>,
}

impl Endpoint {
    /// Proves each login that is not in use and waits for it, on a session of its own.
    pub async fn prove_logins(&self) {
        match &self.means {
            Means::Smtp(smtp) => self.prove_logins_of(smtp).await,
            #[cfg(feature = "aws")]
            Means::Api(_) => {}
        }
    }

    async fn prove_logins_of(&self, smtp: &Smtp) {
        let Some(keyring) = &smtp.keyring else { return };
        for login in keyring.due(Instant::now().into_std()) {
            // The keyring is told what came of it.
            if let Ok(session) = self.log_in_with(smtp, keyring, &login).await {
                self.pool.retire(session);
            }
        }
    }

    pub(super) async fn say_by_smtp(&self, smtp: &Smtp, turn: Turn, errand: &Errand<'_>) -> Outcome {
        let Errand { mail, progress, .. } = *errand;
        if let Some(mut session) = self.pool.reuse(&turn).await {
            let said = session.say(mail, progress).await;
            if !said.is_stale() {
                let outcome = Outcome::new(said, session.session().cloned());
                self.pool.give_back(turn, session);
                return outcome;
            }
            // It died while it was idle, and that is no fault of the mail: once more, on a fresh one.
            self.counts.session(&self.name, SessionEvent::Stale);
            let stale = Outcome::new(said, session.session().cloned());
            tracing::debug!(
                session = stale.session().map(SessionId::as_str),
                "a kept session was stale: {stale}"
            );
        }
        let mut session = match self.open(smtp).await {
            Ok(session) => session,
            Err(cause) => {
                if cause.is_one_too_many() {
                    turn.shrink();
                }
                return Outcome::unopened(cause);
            }
        };
        let said = session.say(mail, progress).await;
        let outcome = Outcome::new(said, session.session().cloned());
        self.pool.give_back(turn, session);
        outcome
    }

    pub(super) async fn open(&self, smtp: &Smtp) -> Result<Conversation, Arc<OpenError>> {
        self.try_out(self.log_in(smtp)).await
    }

    /// A session by the first login that SES takes. What is wrong beside the login would be so with the next one.
    pub(super) async fn log_in(&self, smtp: &Smtp) -> Result<Conversation, OpenError> {
        let Some(keyring) = &smtp.keyring else { return self.session(smtp, None).await };
        let mut refused = OpenError::NoLogin;
        for login in keyring.logins() {
            match self.log_in_with(smtp, keyring, &login).await {
                Err(cause) if cause.refusal_of_login().is_some() => refused = cause,
                opened => return opened,
            }
        }
        Err(refused)
    }

    async fn log_in_with(
        &self,
        smtp: &Smtp,
        keyring: &Keyring,
        login: &Login,
    ) -> Result<Conversation, OpenError> {
        let in_use = keyring.begin_session(login);
        let mut opened = self.session(smtp, Some(login)).await;
        let now = Instant::now().into_std();
        match &mut opened {
            Ok(session) => {
                session.keep(in_use);
                keyring.accepted(login, now);
            }
            Err(cause) => {
                if let Some(words) = cause.refusal_of_login() {
                    keyring.refused(login, words, now);
                }
            }
        }
        opened
    }

    async fn session(&self, smtp: &Smtp, login: Option<&Login>) -> Result<Conversation, OpenError> {
        let opened = open::open(&self.settings, &smtp.ehlo_name, login, smtp.dial.as_ref()).await;
        let event = if opened.is_ok() { SessionEvent::Opened } else { SessionEvent::Failed };
        self.counts.session(&self.name, event);
        opened
    }
}
