//! How many recipients each app may still write to: its share of what SES takes from the account in 24 hours, so that
//! one app cannot use up the quota of all.
//!
//! It is memory and nothing else: a restart forgets, and each replica counts its own. It has no clock: the time is an
//! argument.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Recipients are counted by the hour, and forgotten when the last of an hour is a day ago.
const HOUR: Duration = Duration::from_hours(1);
const HOURS: u64 = 24;

/// What the operator says of an app.
#[derive(Debug, Clone)]
pub struct Allowance {
    pub app: Arc<str>,
    pub recipients_per_day: u32,
}

/// What is left of an app's allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub app: Arc<str>,
    pub recipients: u32,
    pub recipients_per_day: u32,
}

/// That a mail has more recipients than are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub recipients_per_day: u32,
    /// How long until there is room for it.
    pub wait: Duration,
}

/// Those of all apps that have one.
#[derive(Debug)]
pub struct Budgets {
    begun: Instant,
    budgets: Mutex<HashMap<Arc<str>, Budget>>,
}

#[derive(Debug)]
struct Budget {
    recipients_per_day: u32,
    /// By hours since the beginning, oldest first.
    used: VecDeque<(u64, u32)>,
}

impl Budgets {
    pub fn new(allowances: Vec<Allowance>, now: Instant) -> Self {
        let budgets = Self { begun: now, budgets: Mutex::default() };
        budgets.follow(allowances);
        budgets
    }

    /// Takes on what the operator says now. What was used stays used.
    pub fn follow(&self, allowances: Vec<Allowance>) {
        let mut budgets = self.budgets();
        budgets.retain(|app, _| allowances.iter().any(|allowance| allowance.app == *app));
        for Allowance { app, recipients_per_day } in allowances {
            let budget =
                budgets.entry(app).or_insert_with(|| Budget { recipients_per_day, used: VecDeque::new() });
            budget.recipients_per_day = recipients_per_day;
        }
    }

    /// Takes the recipients of a mail off what is left.
    pub(super) fn take(&self, app: &str, recipients: usize, now: Instant) -> Result<(), Spent> {
        let hour = self.hour(now);
        match self.budgets().get_mut(app) {
            Some(budget) => budget.take(count(recipients), hour).map_err(|freed| {
                let room = self.begun + HOUR * u32::try_from(freed).unwrap_or(u32::MAX);
                let wait = room.saturating_duration_since(now);
                Spent { recipients_per_day: budget.recipients_per_day, wait }
            }),
            None => Ok(()),
        }
    }

    /// Gives the recipients of a mail back that SES surely did not take.
    pub(super) fn give_back(&self, app: &str, recipients: usize) {
        if let Some((_, used)) = self.budgets().get_mut(app).and_then(|budget| budget.used.back_mut()) {
            *used = used.saturating_sub(count(recipients));
        }
    }

    pub fn left(&self, now: Instant) -> Vec<Left> {
        let hour = self.hour(now);
        let left = |(app, budget): (&Arc<str>, &mut Budget)| {
            budget.forget(hour);
            let recipients_per_day = budget.recipients_per_day;
            let recipients = recipients_per_day.saturating_sub(budget.used());
            Left { app: Arc::clone(app), recipients, recipients_per_day }
        };
        self.budgets().iter_mut().map(left).collect()
    }

    fn hour(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs() / HOUR.as_secs()
    }

    fn budgets(&self) -> MutexGuard<'_, HashMap<Arc<str>, Budget>> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget {
    /// Or tells at which hour there is room.
    fn take(&mut self, recipients: u32, hour: u64) -> Result<(), u64> {
        self.forget(hour);
        let mut used = self.used();
        if used.saturating_add(recipients) <= self.recipients_per_day {
            match self.used.back_mut() {
                Some((last, count)) if *last == hour => *count = count.saturating_add(recipients),
                Some(_) | None => self.used.push_back((hour, recipients)),
            }
            return Ok(());
        }
        for (past, count) in &self.used {
            used = used.saturating_sub(*count);
            if used.saturating_add(recipients) <= self.recipients_per_day {
                return Err(freed(*past));
            }
        }
        Err(freed(hour))
    }

    fn forget(&mut self, hour: u64) {
        while self.used.front().is_some_and(|(past, _)| freed(*past) <= hour) {
            self.used.pop_front();
        }
    }

    fn used(&self) -> u32 {
        self.used.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// When the last mail of an hour is a day ago.
fn freed(hour: u64) -> u64 {
    hour.saturating_add(HOURS).saturating_add(1)
}

fn count(recipients: usize) -> u32 {
    u32::try_from(recipients).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Allowance, Budgets, HOUR, Spent};

    fn left(budgets: &Budgets, now: Instant) -> u32 {
        budgets.left(now)[0].recipients
    }

    #[test]
    fn what_was_sent_counts_for_a_day_and_what_was_not_does_not() {
        let begun = Instant::now();
        let allowance = Allowance { app: "app".into(), recipients_per_day: 100 };
        let budgets = Budgets::new(vec![allowance], begun);
        let spent = |wait| Err(Spent { recipients_per_day: 100, wait });
        assert_eq!(budgets.take("app", 50, begun), Ok(()));
        let later = begun + Duration::from_mins(90);
        assert_eq!(budgets.take("app", 40, later), Ok(()));
        assert_eq!(left(&budgets, later), 10);
        // There is room for 50 when the first are a day ago, for 90 when the others are.
        assert_eq!(budgets.take("app", 50, later), spent(Duration::from_mins(25 * 60 - 90)));
        assert_eq!(budgets.take("app", 70, later), spent(Duration::from_mins(26 * 60 - 90)));
        budgets.give_back("app", 40);
        assert_eq!(budgets.take("app", 50, later), Ok(()));
        assert_eq!(left(&budgets, later), 0);

        let almost = begun + HOUR * 25 - Duration::from_secs(1);
        assert_eq!(budgets.take("app", 1, almost), spent(Duration::from_secs(1)));
        assert_eq!(left(&budgets, begun + HOUR * 25), 50);
        assert_eq!(left(&budgets, begun + HOUR * 1_000), 100);
        // Another app has none.
        assert_eq!(budgets.take("other", 1_000_000, begun), Ok(()));
    }

    #[test]
    fn an_allowance_can_be_changed_and_what_was_used_stays_used() {
        let (now, allowance) =
            (Instant::now(), |recipients_per_day| Allowance { app: "app".into(), recipients_per_day });
        let budgets = Budgets::new(vec![allowance(100)], now);
        assert_eq!(budgets.take("app", 100, now), Ok(()));
        assert!(budgets.take("app", 40, now).is_err());
        budgets.follow(vec![allowance(150)]);
        assert_eq!(budgets.take("app", 40, now), Ok(()));
        assert_eq!(left(&budgets, now), 10);
        budgets.follow(Vec::new());
        assert_eq!(budgets.take("app", 1_000, now), Ok(()));
    }
}
