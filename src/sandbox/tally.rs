//! How often each step of the dialogue was reached, in all sessions together: what a test needs in order to say
//! that a client never came so far, or came too often.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::sandbox::faults::Step;

#[derive(Debug, Default)]
pub struct Tally(Mutex<HashMap<Step, u64>>);

impl Tally {
    pub fn count(&self, step: Step) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(step).or_default();
        *count = count.saturating_add(1);
    }

    pub fn of(&self, step: Step) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&step).copied().unwrap_or_default()
    }
}
