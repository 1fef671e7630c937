//! Saying a permitted mail to SES, and hearing what became of it.
//!
//! [`Upstream::deliver`] is the story; it ends in an [`Outcome`], never in an error. This folder speaks SMTP and
//! TLS as a client, or SES's API (`api`); it decides nothing about policy and words nothing for the relay's own clients.
//!
//! A mail on a kept session costs four round trips, MAIL, RCPT, DATA and the message, and one more for each
//! recipient beyond the first: SES offers no PIPELINING, so each command waits for the answer to the last.

mod account;
mod answer;
#[cfg(feature = "aws")]
mod api;
#[cfg(feature = "aws")]
mod api_answer;
mod backoff;
mod bucket;
mod conversation;
mod counts;
mod dial;
mod endpoint;
mod extensions;
mod fair_queue;
mod octets;
mod open;
mod outcome;
mod plain_text;
mod pool;
mod progress;
mod settings;
mod smtp;
mod state;
#[cfg(test)]
mod tests;
mod turns;
#[cfg(feature = "aws")]
mod upload;
mod warm;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::credentials::Keyring;
use crate::gate::PermittedMail;
use crate::telemetry::Metrics;
use crate::upstream::counts::Counts;
use crate::upstream::endpoint::{Endpoint, Errand, Means};

pub use answer::{Answer, AnswerError, Class, MessageId};
pub use backoff::Health;
pub use conversation::{SessionId, Step};
pub use dial::{Dial, DialError, Dialling, SetupError, TcpDial};
pub use open::OpenError;
pub use outcome::{AccountTrouble, Outcome, Verdict};
pub use progress::Progress;
pub use settings::{Roots, Security, Settings, Transport};
pub use state::{Breaker, EndpointState};
pub use wire::{Stream, WireError};

/// The relay's side towards SES: the endpoint that it prefers, and those that stand in for it.
#[derive(Debug)]
pub struct Upstream {
    preferred: Arc<Endpoint>,
    /// In the order in which they are tried.
    standbys: Vec<Arc<Endpoint>>,
    /// Which of all took a mail last.
    in_use: AtomicUsize,
    /// How long a mail may wait for its turn.
    hold: ArcSwap<Duration>,
    counts: Counts,
}

/// How a delivery ended, and where.
#[derive(Debug)]
pub struct Delivery {
    pub endpoint: Arc<str>,
    pub outcome: Outcome,
}

impl Upstream {
    /// Towards the endpoint that the settings name. Opens nothing yet.
    pub fn over_tcp(settings: Settings, keyring: Option<Arc<Keyring>>) -> Result<Self, SetupError> {
        let means = Means::over_tcp(&settings, keyring)?;
        Ok(Self::by(settings, means))
    }

    /// Over whatever `dial` connects to.
    pub fn new(
        settings: Settings,
        keyring: Option<Arc<Keyring>>,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, SetupError> {
        let means = Means::smtp(&settings, keyring, dial)?;
        Ok(Self::by(settings, means))
    }

    /// With another endpoint, for when those before it cannot be used.
    pub fn with_standby(self, settings: Settings, keyring: Option<Arc<Keyring>>) -> Result<Self, SetupError> {
        let means = Means::over_tcp(&settings, keyring)?;
        Ok(self.and(settings, means))
    }

    pub fn with_standby_over(
        self,
        settings: Settings,
        keyring: Option<Arc<Keyring>>,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, SetupError> {
        let means = Means::smtp(&settings, keyring, dial)?;
        Ok(self.and(settings, means))
    }

    /// From now on a mail may wait for its turn for so long.
    pub fn follow(&self, hold: Duration) {
        self.hold.store(Arc::new(hold));
    }

    /// Says a mail of an app to SES, when it is its turn. Dropped before its end, it takes the connection along,
    /// and `progress` tells whether SES may have the mail.
    ///
    /// It goes to another endpoint only if SES surely does not have it and what is wrong is not about the mail.
    pub async fn deliver(&self, app: &str, mail: &PermittedMail, progress: &Progress) -> Delivery {
        let hold = **self.hold.load();
        let errand = Errand { app, mail, progress, hold, until: Instant::now() + hold };
        let mut outcome = self.preferred.deliver(&errand).await;
        let mut index = 0;
        for (other, endpoint) in (1..).zip(&self.standbys) {
            if !outcome.is_of_endpoint() {
                break;
            }
            if mail.may_go_to(endpoint.region()) {
                let elsewhere = endpoint.deliver(&errand).await;
                // If none can be used, what is wrong with the preferred one is what is told.
                if !elsewhere.is_of_endpoint() {
                    (outcome, index) = (elsewhere, other);
                }
            }
        }
        let endpoint = self.all().nth(index).unwrap_or(&self.preferred).name();
        self.counts.delivered(endpoint, &outcome);
        let session = outcome.session().map(SessionId::as_str);
        if let Outcome::Accepted { .. } = outcome {
            self.tell_change(index);
            tracing::debug!(%endpoint, session, outcome = outcome.label(), "{outcome}");
        } else {
            tracing::warn!(%endpoint, session, outcome = outcome.label(), "{outcome}");
        }
        Delivery { endpoint: Arc::clone(endpoint), outcome }
    }

    /// Logs in on a session of its own, which comes on top of `connections_max` for a moment: at the first endpoint
    /// that can be used. If there is none, tells what is wrong with the preferred one.
    pub async fn probe(&self) -> Result<(), Arc<OpenError>> {
        let mut probed = self.preferred.probe().await;
        for endpoint in &self.standbys {
            if probed.is_err() {
                probed = endpoint.probe().await.or(probed);
            }
        }
        probed
    }

    /// Logs in again wherever that failed: mail goes by another endpoint, and would not find out that it is over.
    pub async fn probe_failed(&self) {
        for endpoint in self.all() {
            if let Health::Down { .. } = endpoint.health() {
                // The endpoint remembers what came of it.
                let _ = endpoint.probe().await;
            }
        }
    }

    /// Proves the logins that are not in use and wait for it, each on a session of its own. To be called now and then.
    pub async fn prove_logins(&self) {
        for endpoint in self.all() {
            endpoint.prove_logins().await;
        }
    }

    /// Whether sessions can be opened, as far as the last attempts tell: at the preferred endpoint, or else at another.
    pub fn health(&self) -> Health {
        let mut healths = self.all().map(|endpoint| endpoint.health());
        let up = healths.find(|health| matches!(health, Health::Up));
        up.unwrap_or_else(|| self.preferred.health())
    }

    /// Each endpoint as an operator may see it, the preferred one first.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        let (now, in_use) = (Instant::now(), self.in_use.load(Ordering::Relaxed));
        let state = |(index, endpoint): (usize, &Arc<Endpoint>)| EndpointState {
            is_in_use: index == in_use,
            ..endpoint.state(now)
        };
        self.all().enumerate().map(state).collect()
    }

    /// Gives what is counted here its names.
    pub fn register(&self, metrics: &mut Metrics) {
        let endpoints: Vec<_> = self.all().cloned().collect();
        self.counts.register(metrics, &endpoints);
    }

    /// Takes leave of SES: for the end, when no mail is in hand any more.
    pub async fn close(&self) {
        for endpoint in self.all() {
            endpoint.close().await;
        }
    }

    fn by(settings: Settings, means: Means) -> Self {
        let (counts, hold) = (Counts::default(), ArcSwap::from_pointee(settings.hold));
        let preferred = Arc::new(Endpoint::new(settings, means, counts.clone()));
        Self { preferred, standbys: Vec::new(), in_use: AtomicUsize::new(0), hold, counts }
    }

    fn and(mut self, settings: Settings, means: Means) -> Self {
        self.standbys.push(Arc::new(Endpoint::new(settings, means, self.counts.clone())));
        self
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        std::iter::once(&self.preferred).chain(&self.standbys)
    }

    /// Tells the log when mails go another way than those before.
    fn tell_change(&self, index: usize) {
        let before = self.in_use.swap(index, Ordering::Relaxed);
        let mut endpoints = self.all();
        let Some(endpoint) = endpoints.nth(index).filter(|_| before != index) else { return };
        if index == 0 {
            tracing::info!(endpoint = %endpoint.name(), "mail goes by the preferred endpoint again");
        } else {
            let why = self.preferred.state(Instant::now()).breaker;
            tracing::warn!(endpoint = %endpoint.name(), "mail goes by another endpoint: {why}");
        }
    }
}
