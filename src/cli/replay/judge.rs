//! One mail after the other: what was decided, what would be, and the difference, counted by app and statement.

use std::collections::BTreeMap;

use crate::app::PastMail;
use crate::cli::records::Unread;
use crate::gate::{Gate, Judged, Opinion, Refusal};
use crate::policy::Verdict;
use crate::relay::{effect_of, place};
use crate::telemetry::{Effect, Record};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It would be refused now.
    Refused,
    /// It would be allowed now.
    Allowed,
}

/// Changes of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub change: Change,
    pub app: String,
    /// Why it was as it was.
    pub before: String,
    /// Why it would be otherwise.
    pub after: String,
}

#[derive(Debug, Default)]
pub struct Group {
    pub mails: usize,
    pub examples: Vec<Example>,
}

/// A mail that shows what changes.
#[derive(Debug)]
pub struct Example {
    pub decision: String,
    pub time: String,
    pub client: String,
    pub from: String,
    pub recipients: Vec<String>,
}

/// What became of all of them.
#[derive(Debug, Default)]
pub struct Replayed {
    examples_max: usize,
    pub changes: BTreeMap<Kind, Group>,
    pub still_allowed: usize,
    pub still_refused: usize,
    /// Of those still refused.
    pub for_another_reason: usize,
    /// Why mails could not be judged again, and how many.
    pub aside: BTreeMap<String, usize>,
    pub unread: Unread,
    /// The times of the first mail and of the last.
    pub span: Option<(String, String)>,
}

impl Replayed {
    pub fn new(examples_max: usize) -> Self {
        Self { examples_max, ..Self::default() }
    }

    pub fn count(&self, change: Change) -> usize {
        let groups = self.changes.iter().filter(|(kind, _)| kind.change == change);
        groups.map(|(_, group)| group.mails).sum()
    }

    pub fn judged(&self) -> usize {
        let changed = self.count(Change::Refused).saturating_add(self.count(Change::Allowed));
        changed.saturating_add(self.still_allowed).saturating_add(self.still_refused)
    }

    pub fn add(&mut self, gate: &Gate, record: &Record<'_>) {
        match PastMail::recall(record) {
            Ok(mail) => self.judge(gate, record, &mail),
            Err(why) => count(&mut self.aside, why.to_string()),
        }
        let first = self.span.take().map_or_else(|| record.time.clone(), |(first, _)| first);
        self.span = Some((first, record.time.clone()));
    }

    fn judge(&mut self, gate: &Gate, record: &Record<'_>, mail: &PastMail) {
        // No policy was to blame, so none is asked.
        if record.outcome == "unrecorded" {
            count(&mut self.aside, "it was refused since it could not be recorded".to_owned());
            return;
        }
        let Opinion { resources, refusal } = gate.opinion(&mail.case());
        let effect = refusal.as_ref().map_or(Effect::Allow, effect_of);
        let change = match (record.effect, effect) {
            (Effect::Allow, Effect::Allow) => {
                self.still_allowed = self.still_allowed.saturating_add(1);
                return;
            }
            (_, Effect::Allow) => Change::Allowed,
            (Effect::Allow, _) => Change::Refused,
            (before, after) => {
                self.still_refused = self.still_refused.saturating_add(1);
                self.for_another_reason =
                    self.for_another_reason.saturating_add(usize::from(before != after));
                return;
            }
        };
        let app = record.app.clone().into_owned();
        let (before, after) = (reason_then(record), reason_now(&resources, refusal.as_ref()));
        let group = self.changes.entry(Kind { change, app, before, after }).or_default();
        group.mails = group.mails.saturating_add(1);
        if group.examples.len() < self.examples_max {
            group.examples.push(Example::of(record));
        }
    }
}

impl Example {
    fn of(record: &Record<'_>) -> Self {
        Self {
            decision: record.decision_id.clone(),
            time: record.time.clone(),
            client: record.client.clone(),
            from: record.from.as_deref().unwrap_or_default().to_owned(),
            recipients: record.recipients.iter().map(|recipient| recipient.clone().into_owned()).collect(),
        }
    }
}

fn count(counts: &mut BTreeMap<String, usize>, why: String) {
    let count = counts.entry(why).or_default();
    *count = count.saturating_add(1);
}

fn reason_then(record: &Record<'_>) -> String {
    let deciding = record.resources.iter().filter(|judged| judged.effect == record.effect);
    in_words(record.effect, deciding.filter_map(|judged| judged.statement.clone()))
}

fn reason_now(resources: &[Judged<'_>], refusal: Option<&Refusal>) -> String {
    let (effect, verdict) = match refusal {
        None => (Effect::Allow, Verdict::Allow),
        Some(Refusal::Denied { .. }) => (Effect::ExplicitDeny, Verdict::ExplicitDeny),
        Some(Refusal::NotAllowed) => (Effect::ImplicitDeny, Verdict::ImplicitDeny),
        Some(Refusal::UnknownApp) => return "there is no such app".to_owned(),
        Some(Refusal::NullSender) => {
            return "it has no sender, and there is no `ses.bounce_address`".to_owned();
        }
        Some(Refusal::Unverified { .. }) => return "no verified identity covers a sender".to_owned(),
        Some(Refusal::TooManyRecipients { recipients_max }) => {
            return format!("it has more than {recipients_max} recipients");
        }
    };
    let deciding = resources.iter().filter(|judged| judged.decision.verdict == verdict);
    in_words(effect, deciding.filter_map(|judged| judged.decision.statement.map(place)))
}

fn in_words(effect: Effect, statements: impl Iterator<Item = String>) -> String {
    let mut statements: Vec<String> = statements.collect();
    statements.sort();
    statements.dedup();
    let statements = statements.join(", ");
    match effect {
        Effect::Allow => format!("allowed by {statements}"),
        Effect::ExplicitDeny => format!("denied by {statements}"),
        Effect::ImplicitDeny => "no statement allows it".to_owned(),
        Effect::NotJudged => "refused before policies were asked".to_owned(),
    }
}
