//! What the relay counts of the mails that it settles.

use std::sync::Arc;
use std::time::Duration;

use crate::telemetry::{Metrics, Record, Steps, Tally, Timings, Word};

#[derive(Debug, Clone)]
pub struct Counts {
    mails: Tally<3>,
    octets: Tally<1>,
    unenforced: Tally<1>,
    steps: Timings<1>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            mails: Tally::new(["app", "effect", "statement"]),
            octets: Tally::new(["app"]),
            unenforced: Tally::new(["app"]),
            steps: Timings::new(["step"]),
        }
    }
}

impl Counts {
    pub fn register(&self, metrics: &mut Metrics) {
        metrics.tally(
            "mails",
            "Mails settled, by what policy said and the statement that decided",
            &self.mails,
        );
        metrics.tally("mail_octets", "Octets of the mails settled, before header edits", &self.octets);
        metrics.tally(
            "mails_unenforced",
            "Mails let pass in shadow mode that policy refuses",
            &self.unenforced,
        );
        metrics.timings("mail_step", "Time that each step of a mail took", &self.steps);
    }

    pub(super) fn settled(&self, app: &Arc<str>, record: &Record<'_>) {
        let statement = record.statement().map_or(Word::Fixed(""), |place| Word::Shared(place.into()));
        self.mails.count([app.into(), record.effect.word().into(), statement]);
        if !record.enforced {
            self.unenforced.count([app.into()]);
        }
        self.octets.add([app.into()], u64::try_from(record.octets).unwrap_or(u64::MAX));
        let Steps { inspect_microseconds, judge_microseconds, deliver_microseconds } = record.steps;
        self.steps.observe(["inspect".into()], Duration::from_micros(inspect_microseconds));
        self.steps.observe(["judge".into()], Duration::from_micros(judge_microseconds));
        if deliver_microseconds > 0 {
            self.steps.observe(["deliver".into()], Duration::from_micros(deliver_microseconds));
        }
    }
}
