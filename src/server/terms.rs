//! What a configuration comes to for connections and mails: one value, replaced as a whole while the relay runs.
//!
//! A connection keeps the terms that it began under, as to its limits, its listener and what it was welcomed as. A
//! mail is judged by the rules of the moment in which its last octet came, and keeps these until it is settled.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::relay::Rules;
use crate::server::door::Door;
use crate::server::settings::{Entrance, Settings};
use crate::smtp;
use crate::telemetry::Word;

#[derive(Debug)]
pub struct Terms {
    pub(super) settings: Settings,
    pub(super) admission: Admission,
    pub(super) rules: Rules,
    listeners: Vec<Way>,
    withdrawn: CancellationToken,
}

/// The way in at one listener.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) door: Door,
    pub(super) sessions: Arc<smtp::Settings>,
    /// When the first of its certificates expires.
    certificates_end: Option<SystemTime>,
}

/// TLS cannot be set up at all.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up")]
pub struct TlsError(#[from] rustls::Error);

impl Terms {
    /// Whether sessions offer STARTTLS follows from the entrance of their listener.
    pub fn new(
        settings: Settings,
        admission: Admission,
        rules: Rules,
        entrances: Vec<Entrance>,
        sessions: &smtp::Settings,
    ) -> Result<Self, TlsError> {
        let way = |entrance: Entrance| {
            let certificates_end = entrance.certificates_end();
            let door = Door::new(entrance)?;
            let sessions = Arc::new(smtp::Settings { start_tls: door.start_tls(), ..sessions.clone() });
            Ok(Way { door, sessions, certificates_end })
        };
        let listeners = entrances.into_iter().map(way).collect::<Result<_, rustls::Error>>()?;
        Ok(Self { settings, admission, rules, listeners, withdrawn: CancellationToken::new() })
    }

    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// How long what is in hand may take when the relay is told to stop.
    pub fn drain(&self) -> Duration {
        self.settings.drain
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn way(&self, listener: &str) -> Option<&Way> {
        self.listeners.iter().find(|way| way.door.name() == listener)
    }

    /// When certificates expire, in seconds since 1970, by listener.
    pub(super) fn certificate_ends(&self) -> Vec<([Word; 1], f64)> {
        let end = |way: &Way| {
            let since = way.certificates_end?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            Some(([way.door.name().to_owned().into()], since.as_secs_f64()))
        };
        self.listeners.iter().filter_map(end).collect()
    }

    /// As the terms that follow others. Who was welcomed under those and would not be, or as somebody else, under
    /// these has to come in anew.
    #[must_use]
    pub(super) fn after(mut self, before: &Self) -> Self {
        if self.admission.welcomes_as(&before.admission) {
            self.withdrawn.clone_from(&before.withdrawn);
        }
        self
    }

    /// Ends the sessions that began under these terms or earlier ones with the same welcome, each as soon as it has no
    /// mail in hand.
    pub(super) fn withdraw(&self) {
        self.withdrawn.cancel();
    }

    pub(super) async fn withdrawn(&self) {
        self.withdrawn.cancelled().await;
    }
}
