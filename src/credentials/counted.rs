//! What dashboards and alerts are told of the logins. `config/METRICS.md` describes each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::credentials::sessions::Sessions;
use crate::credentials::{Keyring, LoginState, Standing};
use crate::telemetry::{Metrics, Word};

/// How often SES took a login, and refused one, and what sessions there are.
#[derive(Debug, Default)]
pub(super) struct LoginCounts {
    taken: AtomicU64,
    refused: AtomicU64,
    pub(super) sessions: Arc<Sessions>,
}

impl LoginCounts {
    pub(super) fn taken(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts the logins of every endpoint.
pub fn register(keyrings: &[(Word, Arc<Keyring>)], metrics: &mut Metrics) {
    let rings = keyrings.to_vec();
    metrics.counters("ses_login_answers", "What SES said to logins", ["endpoint", "answer"], move || {
        let answers = |(endpoint, ring): &(Word, Arc<Keyring>)| {
            let LoginCounts { taken, refused, .. } = ring.counts();
            [("taken", taken), ("refused", refused)].map(|(answer, count)| {
                ([endpoint.clone(), answer.into()], number(count.load(Ordering::Relaxed)))
            })
        };
        rings.iter().flat_map(answers).collect()
    });
    let rings = keyrings.to_vec();
    let age = "Age of the login that is in use, as far as its source tells";
    metrics.gauges("ses_login_age_seconds", age, ["endpoint", "user_name"], move || {
        let age = |(endpoint, ring): &(Word, Arc<Keyring>)| {
            let login = ring.state().in_use?;
            Some(([endpoint.clone(), user_name(&login)], login.age(SystemTime::now()).as_secs_f64()))
        };
        rings.iter().filter_map(age).collect()
    });
    let rings = keyrings.to_vec();
    let open = "Sessions with SES that are open or being opened, by their login";
    metrics.gauges("ses_sessions_open", open, ["endpoint", "user_name"], move || {
        let open = |(endpoint, ring): &(Word, Arc<Keyring>)| {
            let sessions = ring.counts().sessions.by_user_name().into_iter();
            let endpoint = endpoint.clone();
            sessions.map(move |(name, count)| ([endpoint.clone(), Word::Shared(name)], f64::from(count)))
        };
        rings.iter().flat_map(open).collect()
    });
    let rings = keyrings.to_vec();
    let standing = "Logins by what SES last said to them";
    metrics.gauges("ses_logins", standing, ["endpoint", "standing"], move || {
        let counts = |(endpoint, ring): &(Word, Arc<Keyring>)| {
            let logins = ring.state().logins;
            ["proven", "unproven", "refused"]
                .map(|word| ([endpoint.clone(), word.into()], count(&logins, word)))
        };
        rings.iter().flat_map(counts).collect()
    });
    let rings = keyrings.to_vec();
    let failing = "1 while SES refuses every login of the endpoint";
    metrics.gauges("ses_logins_failing", failing, ["endpoint"], move || {
        let fails = |(endpoint, ring): &(Word, Arc<Keyring>)| {
            ([endpoint.clone()], if ring.state().failing_since.is_some() { 1.0 } else { 0.0 })
        };
        rings.iter().map(fails).collect()
    });
}

/// It comes from the configuration.
fn user_name(login: &LoginState) -> Word {
    Word::Shared(login.user_name.as_str().into())
}

fn count(logins: &[LoginState], word: &str) -> f64 {
    let standing = |login: &&LoginState| match login.standing {
        Standing::Proven { .. } => word == "proven",
        Standing::Unproven => word == "unproven",
        Standing::Refused { .. } => word == "refused",
    };
    number(logins.iter().filter(standing).count() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "what is counted here stays below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
