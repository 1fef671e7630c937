//! What happened of late, in memory: the newest records, how many mails there were in the last hour, and how often
//! each statement decided. Bounded, whatever comes, and gone when the relay ends: what has to be kept is in the audit
//! log.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry::{AuditSink, Effect, Metrics, Record};

const RECORDS_MAX: usize = 1000;
/// A mail may name thousands of recipients.
const OCTETS_MAX: usize = 8 * 1024 * 1024;
/// More than any set of policies has statements.
const STATEMENTS_MAX: usize = 4096;
/// The time that one count is for.
const SLOT: Duration = Duration::from_secs(10);
const SLOTS_IN_MINUTE: u64 = 6;
const MINUTES: u64 = 60;

/// Remembers each record, and hands it on.
#[derive(Debug)]
pub struct Recent {
    next: Arc<dyn AuditSink>,
    begun: Instant,
    kept: Mutex<Kept>,
}

/// A mail that was recorded.
#[derive(Debug)]
pub struct Seen {
    /// How many there were before it.
    pub number: u64,
    pub fate: Fate,
    decision_id: String,
    /// As the audit log has it: one text is less to keep than the forty of a record.
    line: Arc<[u8]>,
}

/// What became of a mail, as an operator sorts mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Sent,
    /// It may be sent, and SES has not said that it has it.
    NotSent,
    /// Policy refuses it, and in shadow mode it was sent all the same.
    LetThrough,
    Denied,
    NotAllowed,
    NotJudged,
}

/// How many mails met each fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fates([u32; Fate::ALL.len()]);

/// How many mails there were, until now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    pub last_minute: Fates,
    pub last_hour: Fates,
    /// The minutes of the last hour, the newest last.
    pub minutes: Vec<Fates>,
}

#[derive(Debug)]
struct Kept {
    mails: VecDeque<Arc<Seen>>,
    octets: usize,
    count: u64,
    /// By the number of their ten seconds since the start, oldest first, those with a mail in them.
    slots: VecDeque<(u64, Fates)>,
    statements: HashMap<String, u64>,
}

impl Fate {
    pub const ALL: [Self; 6] =
        [Self::Sent, Self::NotSent, Self::LetThrough, Self::Denied, Self::NotAllowed, Self::NotJudged];

    pub fn of(record: &Record<'_>) -> Self {
        match (record.effect, &record.ses_message_id) {
            (Effect::Allow, Some(_)) => Self::Sent,
            (Effect::Allow, None) => Self::NotSent,
            (Effect::ExplicitDeny | Effect::ImplicitDeny, _) if !record.enforced => Self::LetThrough,
            (Effect::ExplicitDeny, _) => Self::Denied,
            (Effect::ImplicitDeny, _) => Self::NotAllowed,
            (Effect::NotJudged, _) => Self::NotJudged,
        }
    }
}

impl Seen {
    /// The record, read back.
    pub fn record(&self) -> Option<Record<'static>> {
        serde_json::from_slice(&self.line).ok()
    }

    /// What it takes, roughly.
    fn octets(&self) -> usize {
        self.line.len().saturating_add(256)
    }
}

impl Fates {
    pub fn of(&self, fate: Fate) -> u32 {
        let counts = Fate::ALL.iter().zip(self.0);
        counts.filter(|(one, _)| **one == fate).map(|(_, count)| count).sum()
    }

    pub fn all(&self) -> u32 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Those that the relay said no to.
    pub fn refused(&self) -> u32 {
        [Fate::Denied, Fate::NotAllowed, Fate::NotJudged].map(|fate| self.of(fate)).iter().sum()
    }

    fn add(&mut self, more: Self) {
        for (count, more) in self.0.iter_mut().zip(more.0) {
            *count = count.saturating_add(more);
        }
    }
}

impl From<Fate> for Fates {
    fn from(fate: Fate) -> Self {
        Self(Fate::ALL.map(|one| u32::from(one == fate)))
    }
}

impl Recent {
    pub fn new(next: Arc<dyn AuditSink>) -> Self {
        Self { next, begun: Instant::now(), kept: Mutex::new(Kept::new()) }
    }

    /// The mails that are kept, the newest first.
    pub fn newest(&self) -> Vec<Arc<Seen>> {
        self.kept().mails.iter().rev().cloned().collect()
    }

    pub fn find(&self, decision_id: &str) -> Option<Arc<Seen>> {
        let kept = self.kept();
        kept.mails.iter().rev().find(|seen| seen.decision_id == decision_id).cloned()
    }

    pub fn rates(&self) -> Rates {
        self.kept().rates(slot(self.begun.elapsed()))
    }

    /// How often each statement decided since the start, by the name that records give it.
    pub fn hits(&self) -> HashMap<String, u64> {
        self.kept().statements.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuditSink for Recent {
    fn record(&self, record: &Record<'_>, line: &Arc<[u8]>) {
        self.next.record(record, line);
        self.kept().take(record, Arc::clone(line), slot(self.begun.elapsed()));
    }

    fn is_ready(&self) -> bool {
        self.next.is_ready()
    }

    fn lost(&self) -> u64 {
        self.next.lost()
    }

    fn register(&self, metrics: &mut Metrics) {
        self.next.register(metrics);
    }
}

impl Kept {
    fn new() -> Self {
        let (mails, slots) = (VecDeque::new(), VecDeque::new());
        Self { mails, octets: 0, count: 0, slots, statements: HashMap::new() }
    }

    fn take(&mut self, record: &Record<'_>, line: Arc<[u8]>, slot: u64) {
        let fate = Fate::of(record);
        self.count_fate(fate, slot);
        for name in record.resources.iter().filter_map(|judged| judged.statement.as_ref()) {
            if let Some(count) = self.statements.get_mut(name) {
                *count = count.saturating_add(1);
            } else if self.statements.len() < STATEMENTS_MAX {
                self.statements.insert(name.clone(), 1);
            }
        }
        let seen = Seen { number: self.count, fate, decision_id: record.decision_id.clone(), line };
        self.octets = self.octets.saturating_add(seen.octets());
        self.mails.push_back(Arc::new(seen));
        self.count = self.count.saturating_add(1);
        while self.mails.len() > RECORDS_MAX || self.octets > OCTETS_MAX {
            let Some(oldest) = self.mails.pop_front() else { break };
            self.octets = self.octets.saturating_sub(oldest.octets());
        }
    }

    fn count_fate(&mut self, fate: Fate, slot: u64) {
        match self.slots.back_mut() {
            // Records come from many threads, so one may be a little late.
            Some((newest, fates)) if *newest >= slot => fates.add(fate.into()),
            Some(_) | None => self.slots.push_back((slot, fate.into())),
        }
        let is_old =
            |(number, _): &mut (u64, Fates)| slot.saturating_sub(*number) >= MINUTES * SLOTS_IN_MINUTE;
        while self.slots.pop_front_if(is_old).is_some() {}
    }

    fn rates(&self, now: u64) -> Rates {
        let mut minutes = vec![Fates::default(); usize::try_from(MINUTES).unwrap_or_default()];
        for (number, fates) in &self.slots {
            let age = now.saturating_sub(*number) / SLOTS_IN_MINUTE;
            let minute = usize::try_from(age).ok().and_then(|age| minutes.iter_mut().rev().nth(age));
            if let Some(minute) = minute {
                minute.add(*fates);
            }
        }
        let mut last_hour = Fates::default();
        for minute in &minutes {
            last_hour.add(*minute);
        }
        Rates { last_minute: minutes.last().copied().unwrap_or_default(), last_hour, minutes }
    }
}

fn slot(elapsed: Duration) -> u64 {
    elapsed.as_secs() / SLOT.as_secs()
}

#[cfg(test)]
mod tests {
    use super::{Fate, Fates, Kept, OCTETS_MAX, RECORDS_MAX};
    use crate::telemetry::{Effect, JudgedResource, Record};

    const RECORD: &str = r#"{"time": "2026-11-21T22:40:07.123Z", "decision_id": "05QK3V7Z8G000H1M", "app": "a", "known_by": "network",
        "client": "10.0.5.7", "listener": "default", "tls": false, "greeting_name": "a", "addresses": "plain",
        "mail_from": "a@example.com", "recipients": [], "octets": 1, "resent_senders": [], "reply_to": [],
        "header_recipients": [], "effect": "allow", "enforced": true, "resources": [], "fields_removed": [], "reply": "250 2.0.0 Ok",
        "outcome": "accepted", "steps": {"inspect_microseconds": 1, "judge_microseconds": 1,
        "deliver_microseconds": 1}}"#;

    fn record(effect: Effect, recipients: usize) -> Record<'static> {
        let resource = JudgedResource {
            resource: "arn".into(),
            effect,
            statement: (effect == Effect::ExplicitDeny).then(|| "a.json:4 (No)".to_owned()),
        };
        let mut record: Record<'static> = serde_json::from_str(RECORD).unwrap();
        record.effect = effect;
        record.recipients = vec!["r@example.com".into(); recipients];
        record.resources = vec![resource];
        record
    }

    fn take(kept: &mut Kept, record: &Record<'_>, slot: u64) {
        kept.take(record, record.line(), slot);
    }

    #[test]
    fn only_the_newest_are_kept_and_no_more_than_memory_allows() {
        let mut kept = Kept::new();
        for _ in 0..RECORDS_MAX + 7 {
            take(&mut kept, &record(Effect::Allow, 1), 0);
        }
        assert_eq!(kept.mails.len(), RECORDS_MAX);
        assert_eq!(kept.mails.front().unwrap().number, 7);
        for _ in 0..100 {
            take(&mut kept, &record(Effect::Allow, 10_000), 0);
        }
        assert!(kept.octets <= OCTETS_MAX && kept.mails.len() < 60, "{}", kept.mails.len());
    }

    #[test]
    fn mails_are_counted_by_minute_for_an_hour() {
        let mut kept = Kept::new();
        take(&mut kept, &record(Effect::ExplicitDeny, 1), 0);
        take(&mut kept, &record(Effect::Allow, 1), 5);
        take(&mut kept, &record(Effect::Allow, 1), 4);
        let rates = kept.rates(6);
        assert_eq!((rates.last_minute.all(), rates.last_hour.all()), (2, 3));
        assert_eq!(rates.last_hour.of(Fate::NotSent), 2);
        assert_eq!((rates.minutes.len(), rates.last_hour.refused()), (60, 1));
        assert_eq!(kept.rates(360).last_hour, Fates::from(Fate::NotSent).twice());
        assert_eq!(kept.rates(4000).last_hour, Fates::default());
        take(&mut kept, &record(Effect::NotJudged, 1), 4000);
        assert_eq!(kept.slots.len(), 1);
        assert_eq!(kept.statements, [("a.json:4 (No)".to_owned(), 1)].into());
    }

    impl Fates {
        fn twice(mut self) -> Self {
            self.add(self);
            self
        }
    }
}
