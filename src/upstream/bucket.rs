//! How fast SES may be sent to: a token bucket that counts recipients, as SES does, and that learns.
//!
//! SES tells nobody its rate, only that it was exceeded, and other senders of the account use it up as well. So the
//! rate goes down by a quarter each time SES throttles. While it does not, the rate comes back by equal steps to where
//! SES began to throttle, and from there feels its way on. It has no clock: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// What an account in SES's own sandbox may send.
const RATE_MIN: f64 = 1.0;
/// Beyond this no rate is kept.
const RATE_MAX: f64 = 10_000.0;
const LOWER: f64 = 0.75;
/// Of the rate at which SES began to throttle, or of the present one where that is higher: however low the rate fell, it
/// is back after ten steps.
const RAISE: f64 = 0.1;
const RAISE_EVERY: Duration = Duration::from_secs(10);
/// What may be sent at once after a pause, in seconds of the rate.
const BURST_SECONDS: f64 = 0.5;
/// Over which it is seen how much SES takes.
const WINDOW: Duration = Duration::from_secs(1);

/// Recipients that may be sent to.
#[derive(Debug)]
pub(super) struct Bucket {
    /// What the operator knows of the account.
    rate_max: Option<f64>,
    /// Recipients a second; without one, whatever comes is sent.
    rate: Option<f64>,
    /// Below zero when a mail had more recipients than there were tokens.
    tokens: f64,
    counted: Instant,
    lowered: Option<Instant>,
    /// The rate at which SES began to throttle; the throttling ends when the rate is raised.
    throttled_at: f64,
    last_change: Change,
    /// When that was.
    changed: Instant,
    taken: Taken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Lowered,
    Raised,
}

/// How many recipients SES took in this window of time and in the last.
#[derive(Debug)]
struct Taken {
    since: Instant,
    now: f64,
    before: f64,
}

impl Bucket {
    pub fn new(recipients_per_second_max: Option<u32>, now: Instant) -> Self {
        let rate_max = recipients_per_second_max.map(f64::from);
        Self {
            rate_max,
            rate: rate_max,
            tokens: rate_max.map_or(0.0, burst),
            counted: now,
            lowered: None,
            throttled_at: RATE_MIN,
            last_change: Change::Raised,
            changed: now,
            taken: Taken { since: now, now: 0.0, before: 0.0 },
        }
    }

    /// Takes the tokens for a mail, or says when they will be there.
    ///
    /// A mail to more than the bucket holds is let through when it is full, and those after it wait for it.
    pub fn take(&mut self, recipients: u32, now: Instant) -> Result<(), Instant> {
        self.refill(now);
        let Some(rate) = self.rate else { return Ok(()) };
        let needed = f64::from(recipients).min(burst(rate));
        if self.tokens >= needed {
            self.tokens -= f64::from(recipients);
            return Ok(());
        }
        let seconds = (needed - self.tokens) / rate;
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(RAISE_EVERY);
        // Rounded up, so that the tokens are there when the time is.
        Err(now + wait.max(Duration::from_millis(1)))
    }

    /// Recipients a second.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// SES took a mail.
    pub fn accepted(&mut self, recipients: u32, now: Instant) {
        self.taken.count(f64::from(recipients), now);
    }

    /// SES throttled a mail that was begun then. Mails that were under way together are throttled together, and
    /// count once. Tells the new rate, if it is another.
    pub fn throttled(&mut self, begun: Instant, now: Instant) -> Option<f64> {
        self.refill(now);
        self.tokens = self.tokens.min(0.0);
        if self.lowered.is_some_and(|lowered| begun < lowered) {
            return None;
        }
        // Without a rate: SES takes what it may take, so that what it took lately is the rate.
        let before = self.rate.unwrap_or_else(|| self.taken.lately(now));
        let rate = self.rate.map_or(before, |rate| rate * LOWER);
        if self.last_change == Change::Raised {
            self.throttled_at = before;
        }
        self.rate = Some(rate.max(RATE_MIN));
        self.lowered = Some(now);
        (self.last_change, self.changed) = (Change::Lowered, now);
        self.rate
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = self.counted.max(now);
        if let Some(rate) = self.rate {
            self.tokens = (self.tokens + elapsed * rate).min(burst(rate));
            self.raise(rate, now);
        }
    }

    /// By one step at most: who was idle for an hour has learned nothing in that hour.
    fn raise(&mut self, rate: f64, now: Instant) {
        if self.lowered.is_none() || now.saturating_duration_since(self.changed) < RAISE_EVERY {
            return;
        }
        let raised = rate + self.throttled_at.max(rate) * RAISE;
        self.rate = match self.rate_max {
            Some(rate_max) => Some(raised.min(rate_max)),
            None => (raised < RATE_MAX).then_some(raised),
        };
        (self.last_change, self.changed) = (Change::Raised, now);
    }
}

impl Taken {
    fn count(&mut self, recipients: f64, now: Instant) {
        self.turn(now);
        self.now += recipients;
    }

    /// Recipients a second.
    fn lately(&mut self, now: Instant) -> f64 {
        self.turn(now);
        self.now.max(self.before) / WINDOW.as_secs_f64()
    }

    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= WINDOW {
            self.before = if age < WINDOW * 2 { self.now } else { 0.0 };
            self.now = 0.0;
            self.since = now;
        }
    }
}

/// The bucket's size: one recipient at least.
fn burst(rate: f64) -> f64 {
    (rate * BURST_SECONDS).max(1.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Bucket, RAISE_EVERY};

    /// Mails to one that get through, as fast as they may, in so many seconds.
    fn sent(bucket: &mut Bucket, from: Instant, seconds: u64) -> u64 {
        let mut now = from;
        let mut count = 0;
        while now < from + Duration::from_secs(seconds) {
            match bucket.take(1, now) {
                Ok(()) => count += 1,
                Err(until) => now = until,
            }
        }
        count
    }

    #[test]
    fn a_rate_is_kept_and_a_pause_earns_half_a_second() {
        let now = Instant::now();
        let mut bucket = Bucket::new(Some(14), now);
        assert_eq!(sent(&mut bucket, now, 10), 146);
        let later = now + Duration::from_hours(1);
        assert_eq!(sent(&mut bucket, later, 10), 146);
    }

    #[test]
    fn a_mail_to_many_is_waited_for_by_the_next() {
        let now = Instant::now();
        let mut bucket = Bucket::new(Some(10), now);
        assert_eq!(bucket.take(50, now), Ok(()));
        let until = bucket.take(1, now).unwrap_err();
        assert_eq!((until - now).as_millis(), 4_600);
        assert_eq!(bucket.take(1, until), Ok(()));
    }

    #[test]
    fn without_a_rate_everything_goes_until_ses_throttles() {
        let now = Instant::now();
        let mut bucket = Bucket::new(None, now);
        for _ in 0..1000 {
            assert_eq!(bucket.take(50, now), Ok(()));
        }
        // SES took 20 and then refused all that was under way.
        bucket.accepted(20, now);
        for _ in 0..30 {
            bucket.throttled(now, now + Duration::from_millis(5));
        }
        let later = now + Duration::from_millis(5);
        assert!(bucket.take(1, later).is_err());
        assert_eq!((bucket.rate, sent(&mut bucket, later, 5)), (Some(20.0), 99));
    }

    #[test]
    fn the_rate_goes_down_with_each_throttling_and_comes_back_by_equal_steps() {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(Some(100), now);
        let rate = |bucket: &Bucket| bucket.rate.map(f64::round);
        for lowered in [75.0, 56.0, 42.0, 32.0] {
            bucket.throttled(now, now);
            assert_eq!(rate(&bucket), Some(lowered));
            now += Duration::from_secs(1);
        }
        for raised in [42.0, 52.0, 62.0, 72.0, 82.0, 92.0, 100.0, 100.0] {
            now += RAISE_EVERY;
            assert_eq!(bucket.take(1, now), Ok(()));
            assert_eq!(rate(&bucket), Some(raised));
        }
        // An idle hour raises it by no more than a step.
        bucket.throttled(now, now);
        now += Duration::from_hours(1);
        assert_eq!(bucket.take(1, now), Ok(()));
        assert_eq!(bucket.rate, Some(85.0));
    }

    #[test]
    fn where_less_is_taken_than_before_the_steps_get_smaller_and_where_more_is_the_rate_finds_it() {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(None, now);
        bucket.accepted(100, now);
        // Other senders leave it 10 of the 100 that it took. Then they go.
        let mut throttlings = 0;
        for second in 0..600 {
            while bucket.rate.is_none_or(|rate| rate > 10.0) {
                throttlings += 1;
                bucket.throttled(now, now);
            }
            now += Duration::from_secs(1);
            let _ = bucket.take(1, now);
            // Down from 100, down from above 20, and then a step too high now and then.
            assert!(second < 60 || bucket.rate.is_some_and(|rate| rate <= 11.1), "{:?}", bucket.rate);
        }
        assert!((20..40).contains(&throttlings), "{throttlings}");
        let begun = now;
        while bucket.rate.is_some_and(|rate| rate < 100.0) {
            now += RAISE_EVERY;
            let _ = bucket.take(1, now);
        }
        assert!(now - begun < Duration::from_mins(5), "{:?}", now - begun);
    }

    #[test]
    fn it_never_falls_below_one_a_second() {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(None, now);
        for _ in 0..20 {
            bucket.throttled(now, now);
            now += Duration::from_secs(1);
            assert_eq!(bucket.take(1, now), Ok(()));
        }
    }
}
