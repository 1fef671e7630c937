//! How many mails each app may begin in a minute, and how many it has begun. How many is said with each, as it may
//! change while they come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// Until when the mails that an app has begun would last it, each for its part of a minute. A minute's worth may come at
/// once; whoever has taken that is on time again when the first of them has had its part.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<Arc<str>, Instant>>);

impl Pace {
    /// One mail more, or how long until one may come. What is refused costs nothing.
    pub(super) fn take(&self, app: &Arc<str>, per_minute: u32, now: Instant) -> Result<(), Duration> {
        let mut lasting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let part = MINUTE / per_minute.max(1);
        let until = lasting.get(app).map_or(now, |until| now.max(*until)) + part;
        let early = until.saturating_duration_since(now + MINUTE);
        if early > Duration::ZERO {
            return Err(early);
        }
        lasting.insert(Arc::clone(app), until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Pace;

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_one_each_part() {
        let (pace, begun) = (Pace::default(), Instant::now());
        let (app, other): (Arc<str>, Arc<str>) = ("app".into(), "other".into());
        let second = Duration::from_secs(1);
        let at = |seconds: u32| begun + second * seconds;
        assert_eq!((0..7).filter(|_| pace.take(&app, 6, begun).is_ok()).count(), 6);
        assert_eq!(pace.take(&app, 6, at(4)), Err(6 * second));
        assert_eq!(pace.take(&other, 6, at(4)), Ok(()));
        assert_eq!(pace.take(&app, 6, at(10)), Ok(()));
        assert_eq!(pace.take(&app, 6, at(10)), Err(10 * second));
        // Others may be granted meanwhile; what was begun counts on.
        assert_eq!(pace.take(&app, 60, at(10)), Err(second));
        assert_eq!(pace.take(&app, 1, at(10)), Err(60 * second));
        // Nobody saves up more than a minute's worth.
        assert_eq!((0..9).filter(|_| pace.take(&app, 6, at(1000)).is_ok()).count(), 6);
    }
}
