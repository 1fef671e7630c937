//! How often each step of the dialogue was reached, and each negative answer given, in all sessions together: what a
//! test needs in order to say that a client never came so far, or came too often, or met what it was to meet.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sandbox::answer;
use crate::sandbox::faults::Step;

/// Some answers quote the client, and are never twice the same.
const ANSWERS_MAX: usize = 1000;

#[derive(Debug, Default)]
pub struct Tally {
    steps: Mutex<HashMap<Step, u64>>,
    answers: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    pub fn count(&self, step: Step) {
        let mut steps = lock(&self.steps);
        let count = steps.entry(step).or_default();
        *count = count.saturating_add(1);
    }

    pub fn of(&self, step: Step) -> u64 {
        lock(&self.steps).get(&step).copied().unwrap_or_default()
    }

    pub fn count_answer(&self, words: &str) {
        if answer::is_positive(words) {
            return;
        }
        let mut answers = lock(&self.answers);
        if let Some(count) = answers.get_mut(words) {
            *count = count.saturating_add(1);
        } else if answers.len() < ANSWERS_MAX {
            answers.insert(words.to_owned(), 1);
        }
    }

    pub fn answers(&self) -> BTreeMap<String, u64> {
        lock(&self.answers).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
