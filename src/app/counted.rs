//! Gives what the parts count its names. `config/METRICS.md` describes each.

use std::sync::Arc;

use tokio::time::Instant;

use crate::app::credentials::RenewedLogins;
use crate::app::reload::Generations;
use crate::credentials;
use crate::relay::Relay;
use crate::server::Commons;
use crate::telemetry::{Metrics, Word};

pub(super) fn metrics(
    relay: &Arc<Relay>,
    commons: &Arc<Commons>,
    logins: &[Arc<RenewedLogins>],
    generations: &Arc<Generations>,
) -> Metrics {
    let mut metrics = Metrics::default();
    metrics.gauges("build_info", "1, with the version that runs", ["version"], || {
        vec![([Word::Fixed(env!("CARGO_PKG_VERSION"))], 1.0)]
    });
    let audit = Arc::clone(&relay.audit);
    metrics.counters("audit_records_lost", "Audit records that could not be written", [], move || {
        vec![([], f64::from(u32::try_from(audit.lost()).unwrap_or(u32::MAX)))]
    });
    relay.audit.register(&mut metrics);
    relay.counts.register(&mut metrics);
    relay.disagreements.register(&mut metrics);
    commons.register(&mut metrics);
    generations.register(&mut metrics);
    relay.upstream.register(&mut metrics);
    let endpoints = relay.upstream.endpoints();
    let keyrings = endpoints.into_iter().zip(logins).filter_map(|(endpoint, logins)| {
        logins.keyring().map(|keyring| (Word::Shared(endpoint.name), keyring))
    });
    credentials::register(&keyrings.collect::<Vec<_>>(), &mut metrics);
    let counted = Arc::clone(relay);
    metrics.gauge(
        "mails_in_doubt",
        "Mails remembered of which nobody knows whether SES has them",
        move || u32::try_from(counted.doubts.count()).map_or(f64::INFINITY, f64::from),
    );
    let counted = Arc::clone(relay);
    let help = "Recipients that an app with a share of the day may still write to";
    metrics.gauges("app_recipients_left", help, ["app"], move || {
        let left = counted.budgets.left(Instant::now()).into_iter();
        left.map(|left| ([Word::Shared(left.app)], f64::from(left.recipients))).collect()
    });
    metrics
}
