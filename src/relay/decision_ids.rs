//! Names for decisions that no other decision has, in this process or a replica.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::gate::DecisionId;

/// Counts from a number of its own, so that replicas that decide in the same millisecond differ.
#[derive(Debug)]
pub struct DecisionIds(AtomicU32);

impl DecisionIds {
    pub fn next(&self, now: SystemTime) -> DecisionId {
        let milliseconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        DecisionId::new(u64::try_from(milliseconds).unwrap_or(u64::MAX), number)
    }
}

impl Default for DecisionIds {
    fn default() -> Self {
        // The standard library's hasher is seeded by the system, once for each process.
        let seed = RandomState::new().build_hasher().finish();
        Self(AtomicU32::new(u32::try_from(seed >> 32).unwrap_or_default()))
    }
}
