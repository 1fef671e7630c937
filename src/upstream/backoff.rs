//! When the relay may try SES again after it could not open a session.
//!
//! A refused login that is repeated in a tight loop looks like an attack, so the wait grows. It has no clock:
//! the time is an argument.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::open::OpenError;

const WAIT_MIN: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(10);
/// How much of a wait is left to chance.
const JITTER: f64 = 0.25;

/// Whether sessions can be opened, as far as the last attempts tell.
#[derive(Debug, Clone, Default)]
pub enum Health {
    #[default]
    Untried,
    Up,
    Down {
        /// When the first of the failures in a row was.
        since: Instant,
        /// Why the last attempt failed.
        cause: Arc<OpenError>,
    },
}

#[derive(Debug, Default)]
pub(super) struct Backoff {
    health: Health,
    wait: Duration,
    /// The last failure, and when the next attempt may be.
    failed: Option<Instant>,
    until: Option<Instant>,
}

impl Backoff {
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Why nobody would be let through now.
    pub fn refusal(&self, now: Instant) -> Option<Arc<OpenError>> {
        match (&self.health, self.until) {
            (Health::Down { cause, .. }, Some(until)) if now < until => Some(Arc::clone(cause)),
            (Health::Down { .. } | Health::Untried | Health::Up, _) => None,
        }
    }

    /// Lets everyone through while all is well, and after a wait one alone. The others learn the last cause.
    pub fn admit(&mut self, now: Instant) -> Result<(), Arc<OpenError>> {
        if let Some(cause) = self.refusal(now) {
            return Err(cause);
        }
        if let Health::Down { .. } = self.health {
            // Whoever is let through may vanish without a word: the next one has a chance after the same wait.
            self.until = Some(now + self.wait);
        }
        Ok(())
    }

    pub fn succeeded(&mut self) {
        *self = Self { health: Health::Up, ..Self::default() };
    }

    /// Attempts that were under way together fail together and count once. The `chance`, from 0 to 1, keeps many relays
    /// from coming back all at once.
    pub fn failed(&mut self, begun: Instant, now: Instant, cause: Arc<OpenError>, chance: f64) {
        let is_another = self.failed.is_none_or(|failed| begun >= failed);
        if is_another {
            self.wait = (self.wait * 2).clamp(WAIT_MIN, WAIT_MAX);
            self.until = Some(now + self.wait.mul_f64(1.0 - JITTER * chance));
        }
        self.failed = Some(now);
        let since = match self.health {
            Health::Down { since, .. } => since,
            Health::Untried | Health::Up => now,
        };
        self.health = Health::Down { since, cause };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Backoff, Health};
    use crate::upstream::open::OpenError;

    fn cause() -> Arc<OpenError> {
        Arc::new(OpenError::NoMechanism)
    }

    #[test]
    fn the_wait_grows_to_its_bound_and_one_alone_tries() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        for wait_ms in [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            assert!(backoff.admit(now).is_ok());
            backoff.failed(now, now, cause(), 0.0);
            now += Duration::from_millis(wait_ms - 1);
            assert!(backoff.admit(now).is_err(), "{wait_ms}");
            now += Duration::from_millis(1);
        }
        assert!(backoff.admit(now).is_ok());
        assert!(backoff.admit(now).is_err());
        backoff.succeeded();
        assert!(backoff.admit(now).is_ok() && backoff.admit(now).is_ok());
        assert!(matches!(backoff.health(), Health::Up));
    }

    #[test]
    fn attempts_that_fail_together_count_once() {
        let mut backoff = Backoff::default();
        let begun = Instant::now();
        for delay_ms in 1..=10 {
            backoff.failed(begun, begun + Duration::from_millis(delay_ms), cause(), 0.0);
        }
        assert!(backoff.admit(begun + Duration::from_millis(501)).is_ok());
    }

    #[test]
    fn chance_shortens_a_wait_by_a_quarter_at_most() {
        for (chance, wait_ms) in [(0.0, 500), (0.5, 438), (1.0, 375)] {
            let mut backoff = Backoff::default();
            let now = Instant::now();
            backoff.failed(now, now, cause(), chance);
            assert!(backoff.admit(now + Duration::from_millis(wait_ms - 1)).is_err(), "{chance}");
            assert!(backoff.admit(now + Duration::from_millis(wait_ms)).is_ok(), "{chance}");
        }
    }
}
