//! What the connections of all listeners share, and keep when the terms change.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::mail::Client;
use crate::relay::Relay;
use crate::server::Drain;
use crate::server::counts::Counts;
use crate::server::course::Course;
use crate::server::memory::Memory;
use crate::server::nat::{OneAddress, Rows};
use crate::server::pace::Pace;
use crate::server::places::{AppPlace, Places};
use crate::server::terms::Terms;
use crate::smtp::{Reply, Session};
use crate::telemetry::{Metrics, Word};

#[derive(Debug)]
pub struct Commons {
    /// As it is now.
    terms: ArcSwap<Terms>,
    pub(super) relay: Arc<Relay>,
    pub(super) drain: Drain,
    pub(super) places: Places,
    pub(super) pace: Pace,
    pub(super) memory: Memory,
    rows: Rows,
    pub(super) counts: Counts,
}

impl Commons {
    pub fn new(terms: Terms, relay: Arc<Relay>, drain: Drain) -> Self {
        let memory = Memory::new(terms.settings.messages_octets_max);
        let (places, pace, counts) = (Places::default(), Pace::default(), Counts::default());
        let (terms, rows) = (ArcSwap::from_pointee(terms), Rows::default());
        Self { terms, relay, drain, places, pace, memory, rows, counts }
    }

    /// What holds for who comes now.
    pub fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }

    /// From now on these terms hold, the others for what has begun under them.
    pub fn replace_terms(&self, terms: Terms) {
        self.memory.resize(terms.settings.messages_octets_max);
        let before = self.terms();
        self.terms.store(Arc::new(terms.after(&before)));
        // Whoever has to come in anew finds the new terms in force.
        if !self.terms().admission().welcomes_as(before.admission()) {
            before.withdraw();
        }
    }

    /// A connection is one of its app's from when the app is known, be it by a login.
    pub(super) fn take_place(&self, session: &Session, place: &mut Option<AppPlace>) -> Result<(), Reply> {
        let app = session.app();
        if place.as_ref().map(AppPlace::owner) == app {
            return Ok(());
        }
        *place = None;
        let Some(app) = app else { return Ok(()) };
        let max = self.terms().settings.allowance(app).connections_max.unwrap_or(usize::MAX);
        *place = self.places.take_for_app(app, max);
        if place.is_none() {
            tracing::warn!(app = &**app, max, "too many connections of one app; turning one away");
            return Err(Reply::TOO_MANY_FROM_APP);
        }
        Ok(())
    }

    /// Whether an app may begin one mail more, as it is granted now.
    pub(super) fn begin(&self, app: &Arc<str>, client: &Client, course: &mut Course) -> Result<(), Reply> {
        let terms = self.terms();
        if course.begins_a_mail()
            && let Some(one) =
                self.rows.add(client, |one| terms.rules.gate.tells_apart_by_address(one.address))
        {
            tracing::warn!("{one}");
        }
        let granted = terms.settings.allowance(app).mails_per_minute;
        let Some(per_minute) = granted else { return Ok(()) };
        let taken = self.pace.take(app, per_minute, Instant::now());
        // A client that comes a moment early would only hear the same again.
        taken.map_err(|wait| Reply::too_many_mails(per_minute, wait.as_secs().saturating_add(1)))
    }

    /// The listeners whose clients policies cannot tell apart by their addresses, though they try.
    pub fn of_one_address(&self) -> Vec<OneAddress> {
        let mut all = self.rows.full();
        all.retain(|one| self.terms().rules.gate.tells_apart_by_address(one.address));
        all
    }

    pub fn register(self: &Arc<Self>, metrics: &mut Metrics) {
        self.counts.register(metrics);
        let commons = Arc::clone(self);
        metrics
            .gauge("connections_open", "Connections that are open", move || number(commons.places.taken()));
        let commons = Arc::clone(self);
        metrics.gauge("messages_held_octets", "Memory that mails on their way have taken", move || {
            number(commons.memory.octets_held())
        });
        let commons = Arc::clone(self);
        metrics.gauge("messages_budget_octets", "Memory that they may take together", move || {
            number(commons.memory.octets_max())
        });
        let commons = Arc::clone(self);
        metrics.gauges(
            "clients_of_one_address",
            "1 where the last sessions with mail all came from one private address, though policies judge by addresses",
            ["listener"],
            move || commons.of_one_address().into_iter().map(|one| ([Word::Shared(one.listener)], 1.0)).collect(),
        );
        let commons = Arc::clone(self);
        metrics.gauges(
            "certificate_expiry_timestamp_seconds",
            "When the first certificate of a listener expires, in seconds since 1970",
            ["listener"],
            move || commons.terms().certificate_ends(),
        );
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, which no number of connections or octets is near"
)]
fn number(count: usize) -> f64 {
    count as f64
}
