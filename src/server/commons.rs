//! What the connections of all listeners share, and keep when the terms change.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;

use crate::relay::Relay;
use crate::server::Drain;
use crate::server::counts::Counts;
use crate::server::memory::Memory;
use crate::server::places::Places;
use crate::server::terms::Terms;
use crate::telemetry::Metrics;

#[derive(Debug)]
pub struct Commons {
    /// As it is now.
    terms: ArcSwap<Terms>,
    pub(super) relay: Arc<Relay>,
    pub(super) drain: Drain,
    pub(super) places: Places,
    pub(super) memory: Memory,
    pub(super) counts: Counts,
    pub(super) panics: AtomicU64,
}

impl Commons {
    pub fn new(terms: Terms, relay: Arc<Relay>, drain: Drain) -> Self {
        let memory = Memory::new(terms.settings.messages_octets_max);
        let (terms, places, counts) = (ArcSwap::from_pointee(terms), Places::default(), Counts::default());
        Self { terms, relay, drain, places, memory, counts, panics: AtomicU64::new(0) }
    }

    /// What holds for who comes now.
    pub fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }

    /// From now on these terms hold, the others for what has begun under them. The memory of messages stays as
    /// large as it was.
    pub fn replace_terms(&self, terms: Terms) {
        let before = self.terms();
        self.terms.store(Arc::new(terms.after(&before)));
        // Whoever has to come in anew finds the new terms in force.
        if !self.terms().admission().welcomes_as(before.admission()) {
            before.withdraw();
        }
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
