//! What a candidate set of policies says of each mail beside the one in force, and where the two disagree.
//!
//! It changes nothing for any mail. The latest disagreements are kept for whoever looks, all are counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::gate::Opinion;
use crate::policy::Verdict;
use crate::relay::record::{effect_of, place};
use crate::telemetry::{CandidateVerdict, Effect, Metrics, Record, Tally, Word};

/// More than anyone reads.
const KEPT_MAX: usize = 200;

/// One mail of which the candidate says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// RFC 3339, in UTC.
    pub time: String,
    pub decision: String,
    pub app: Arc<str>,
    pub from: String,
    pub in_force: CandidateVerdict,
    pub candidate: CandidateVerdict,
}

/// All of them, as far as they are kept.
#[derive(Debug)]
pub struct Disagreements {
    /// The oldest first.
    latest: Mutex<VecDeque<Disagreement>>,
    counted: Tally<2>,
}

impl Default for Disagreements {
    fn default() -> Self {
        Self { latest: Mutex::default(), counted: Tally::new(["app", "change"]) }
    }
}

impl Disagreements {
    pub fn register(&self, metrics: &mut Metrics) {
        let help = "Mails of which the candidate policies say otherwise than those in force";
        metrics.tally("candidate_disagreements", help, &self.counted);
    }

    /// The latest first.
    pub fn latest(&self) -> Vec<Disagreement> {
        self.kept().iter().rev().cloned().collect()
    }

    /// Compares what was recorded of a mail with what the candidate says of it.
    pub(super) fn compare(&self, app: &Arc<str>, record: &Record<'_>) {
        let Some(candidate) = &record.candidate else { return };
        let change = match (record.effect, candidate.effect) {
            (Effect::Allow, Effect::ExplicitDeny | Effect::ImplicitDeny) => "refused",
            (Effect::ExplicitDeny | Effect::ImplicitDeny, Effect::Allow) => "allowed",
            (Effect::Allow, Effect::Allow | Effect::NotJudged)
            | (
                Effect::ExplicitDeny | Effect::ImplicitDeny,
                Effect::ExplicitDeny | Effect::ImplicitDeny | Effect::NotJudged,
            )
            | (Effect::NotJudged, _) => return,
        };
        let deciding = record.resources.iter().find(|judged| judged.effect == record.effect);
        let statement = deciding.and_then(|judged| judged.statement.clone());
        let in_force = CandidateVerdict { effect: record.effect, statement };
        tracing::info!(
            decision = record.decision_id,
            app = &**app,
            in_force = in_force.effect.word(),
            in_force_statement = in_force.statement,
            candidate = candidate.effect.word(),
            statement = candidate.statement,
            "by the candidate policies the mail would be {change}"
        );
        self.counted.count([app.into(), Word::Fixed(change)]);
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(Disagreement {
            time: record.time.clone(),
            decision: record.decision_id.clone(),
            app: Arc::clone(app),
            from: record.from.as_deref().unwrap_or_default().to_owned(),
            in_force,
            candidate: candidate.clone(),
        });
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Disagreement>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An opinion in the words of a record.
pub(super) fn verdict(opinion: &Opinion<'_>) -> CandidateVerdict {
    let effect = opinion.refusal.as_ref().map_or(Effect::Allow, effect_of);
    let decides = |verdict| match (effect, verdict) {
        (Effect::Allow, Verdict::Allow) | (Effect::ExplicitDeny, Verdict::ExplicitDeny) => true,
        (Effect::Allow | Effect::ExplicitDeny | Effect::ImplicitDeny | Effect::NotJudged, _) => false,
    };
    let deciding = opinion.resources.iter().find(|judged| decides(judged.decision.verdict));
    CandidateVerdict { effect, statement: deciding.and_then(|judged| judged.decision.statement).map(place) }
}
