//! What is counted on the way to SES, and what already has a number there.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::{Metrics, Tally, Timings};
use crate::upstream::endpoint::Endpoint;
use crate::upstream::outcome::{AccountTrouble, Outcome};
use crate::upstream::state::Breaker;

#[derive(Debug, Clone)]
pub(super) struct Counts {
    outcomes: Tally<2>,
    waits: Timings<1>,
    sessions: Tally<2>,
}

/// What happens to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionEvent {
    Opened,
    Failed,
    /// A kept session was of no use any more when a mail wanted it.
    Stale,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            outcomes: Tally::new(["endpoint", "outcome"]),
            waits: Timings::new(["endpoint"]),
            sessions: Tally::new(["endpoint", "event"]),
        }
    }
}

impl Counts {
    pub fn delivered(&self, endpoint: &Arc<str>, outcome: &Outcome) {
        self.outcomes.count([endpoint.into(), outcome.label().into()]);
    }

    pub fn waited(&self, endpoint: &Arc<str>, time: Duration) {
        self.waits.observe([endpoint.into()], time);
    }

    pub fn session(&self, endpoint: &Arc<str>, event: SessionEvent) {
        let event = match event {
            SessionEvent::Opened => "opened",
            SessionEvent::Failed => "failed",
            SessionEvent::Stale => "stale",
        };
        self.sessions.count([endpoint.into(), event.into()]);
    }

    /// Under the names of `config/METRICS.md`.
    pub fn register(&self, metrics: &mut Metrics, endpoints: &[Arc<Endpoint>]) {
        metrics.tally("ses_outcomes", "Deliveries, by what became of them", &self.outcomes);
        metrics.timings("ses_turn_wait", "Time that a mail waited for its turn", &self.waits);
        metrics.tally("ses_sessions", "What happened to sessions with SES", &self.sessions);
        let each = |read: fn(&Endpoint) -> Option<f64>| {
            let endpoints = endpoints.to_vec();
            move || {
                let read = |endpoint: &Arc<Endpoint>| Some(([endpoint.name().into()], read(endpoint)?));
                endpoints.iter().filter_map(read).collect()
            }
        };
        let in_use = |endpoint: &Endpoint| Some(number(endpoint.turns.taken()));
        metrics.gauges("ses_connections_in_use", "Mails on their way", ["endpoint"], each(in_use));
        let idle = |endpoint: &Endpoint| Some(number(endpoint.pool.idle_count()));
        metrics.gauges("ses_connections_idle", "Sessions kept for the next mail", ["endpoint"], each(idle));
        let waiting = |endpoint: &Endpoint| Some(number(endpoint.turns.waiting()));
        metrics.gauges("ses_mails_waiting", "Mails that wait for their turn", ["endpoint"], each(waiting));
        let rate = |endpoint: &Endpoint| endpoint.turns.rate();
        let help = "Recipients a second that SES is sent, as far as a rate is known";
        metrics.gauges("ses_rate_recipients", help, ["endpoint"], each(rate));
        let used_up = |endpoint: &Endpoint| {
            let trouble = endpoint.trouble();
            Some(if trouble == Some(AccountTrouble::DailyQuota) { 1.0 } else { 0.0 })
        };
        let help = "1 while the quota of a day is used up";
        metrics.gauges("ses_quota_used_up", help, ["endpoint"], each(used_up));
        let breaker = |endpoint: &Endpoint| {
            Some(match endpoint.state(Instant::now()).breaker {
                Breaker::Closed => 0.0,
                Breaker::HalfOpen { .. } => 1.0,
                Breaker::Open { .. } => 2.0,
            })
        };
        let help = "0 while the endpoint is asked, 1 when the next mail tries it, 2 while it is left alone";
        metrics.gauges("ses_breaker", help, ["endpoint"], each(breaker));
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
