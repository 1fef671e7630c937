//! A memory that forgets: entries of a limited number, each for a limited time.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Expiring<K, V> {
    entries: HashMap<K, (V, Instant)>,
    entries_max: usize,
}

impl<K: Clone + Eq + Hash, V> Expiring<K, V> {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), entries_max }
    }

    pub(super) fn recall(&self, key: &K, now: Instant) -> Option<&V> {
        self.entries.get(key).filter(|(_, end)| now < *end).map(|(value, _)| value)
    }

    /// Remembers this for so long, if need be in the place of what would be forgotten next.
    pub(super) fn remember(&mut self, key: K, value: V, now: Instant, lifetime: Duration) {
        if self.entries.len() >= self.entries_max && !self.entries.contains_key(&key) {
            self.entries.retain(|_, (_, end)| now < *end);
        }
        if self.entries.len() >= self.entries_max && !self.entries.contains_key(&key) {
            let next = self.entries.iter().min_by_key(|(_, (_, end))| *end).map(|(key, _)| key.clone());
            next.map(|key| self.entries.remove(&key));
        }
        self.entries.insert(key, (value, now + lifetime));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Expiring;

    #[test]
    fn what_is_old_is_forgotten_and_what_is_oldest_makes_room() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut memory = Expiring::new(2);
        let lifetime = 10 * second;
        memory.remember("a", 1, start, lifetime);
        memory.remember("b", 2, start + second, lifetime);
        assert_eq!(memory.recall(&"a", start + 9 * second), Some(&1));
        assert_eq!(memory.recall(&"a", start + 10 * second), None);
        memory.remember("b", 3, start + 2 * second, lifetime);
        memory.remember("c", 4, start + 3 * second, lifetime);
        assert_eq!(memory.recall(&"a", start + 3 * second), None, "the oldest had to go");
        assert_eq!(memory.recall(&"b", start + 11 * second), Some(&3));
        assert_eq!(memory.recall(&"c", start + 3 * second), Some(&4));
    }
}
