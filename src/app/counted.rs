//! Gives what the parts count its names. `config/METRICS.md` describes each.

use std::sync::Arc;

use crate::app::reload::Generations;
use crate::relay::Relay;
use crate::telemetry::{Metrics, Word};

pub(super) fn metrics(relay: &Relay, generations: &Arc<Generations>) -> Metrics {
    let mut metrics = Metrics::default();
    metrics.gauges("build_info", "1, with the version that runs", ["version"], || {
        vec![([Word::Fixed(env!("CARGO_PKG_VERSION"))], 1.0)]
    });
    let audit = Arc::clone(&relay.audit);
    metrics.gauge("audit_records_lost", "Audit records that could not be written", move || {
        f64::from(u32::try_from(audit.lost()).unwrap_or(u32::MAX))
    });
    relay.counts.register(&mut metrics);
    relay.disagreements.register(&mut metrics);
    generations.register(&mut metrics);
    metrics
}
