//! How much an account may send: so many recipients a second, and so many in any 24 hours.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_hours(24);
/// Recipients of the same minute are remembered as one entry.
const DAY_RESOLUTION: Duration = Duration::from_mins(1);

/// A token bucket that counts recipients.
///
/// A mail may overdraw it: SES takes one for fifty recipients from an account that may send one a second. What
/// is overdrawn is waited for by the next mail.
#[derive(Debug)]
pub struct Rate {
    /// In thousandths of a recipient.
    allowance_milli: i64,
    counted_until: Instant,
}

/// The recipients of the last 24 hours.
#[derive(Debug, Default)]
pub struct Daily {
    recipients: u64,
    spent: VecDeque<(Instant, u64)>,
}

impl Rate {
    pub fn new(recipients_per_second_max: u32, now: Instant) -> Self {
        Self { allowance_milli: burst_milli(recipients_per_second_max.into()), counted_until: now }
    }

    pub fn has_room(&mut self, recipients_per_second_max: u32, now: Instant) -> bool {
        let per_second = i64::from(recipients_per_second_max);
        let elapsed = now.saturating_duration_since(self.counted_until).as_millis();
        let earned = i64::try_from(elapsed).unwrap_or(i64::MAX).saturating_mul(per_second);
        self.allowance_milli = self.allowance_milli.saturating_add(earned).min(burst_milli(per_second));
        self.counted_until = now.max(self.counted_until);
        self.allowance_milli >= 1000
    }

    pub fn spend(&mut self, recipients: usize) {
        let recipients = i64::try_from(recipients).unwrap_or(i64::MAX);
        self.allowance_milli = self.allowance_milli.saturating_sub(recipients.saturating_mul(1000));
    }
}

/// 280 in a second were seen to be taken from an account that may send 200.
fn burst_milli(per_second: i64) -> i64 {
    per_second.saturating_mul(1400)
}

impl Daily {
    pub fn has_room(&mut self, recipients: usize, recipients_max: u32, now: Instant) -> bool {
        while let Some((then, count)) = self.spent.front().copied() {
            if now.saturating_duration_since(then) < DAY {
                break;
            }
            self.spent.pop_front();
            self.recipients = self.recipients.saturating_sub(count);
        }
        self.recipients.saturating_add(count(recipients)) <= recipients_max.into()
    }

    pub fn spend(&mut self, recipients: usize, now: Instant) {
        let recipients = count(recipients);
        self.recipients = self.recipients.saturating_add(recipients);
        match self.spent.back_mut() {
            Some((then, sum)) if now.saturating_duration_since(*then) < DAY_RESOLUTION => {
                *sum = sum.saturating_add(recipients);
            }
            Some(_) | None => self.spent.push_back((now, recipients)),
        }
    }
}

fn count(recipients: usize) -> u64 {
    u64::try_from(recipients).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{DAY, Daily, Rate};

    #[test]
    fn a_rate_lets_a_small_burst_pass_and_then_counts() {
        let start = Instant::now();
        let mut rate = Rate::new(10, start);
        for _ in 0..14 {
            assert!(rate.has_room(10, start));
            rate.spend(1);
        }
        assert!(!rate.has_room(10, start));
        assert!(!rate.has_room(10, start + Duration::from_millis(99)));
        assert!(rate.has_room(10, start + Duration::from_millis(100)));
    }

    #[test]
    fn a_mail_to_many_is_taken_and_the_next_one_waits_for_it() {
        let start = Instant::now();
        let mut rate = Rate::new(1, start);
        assert!(rate.has_room(1, start));
        rate.spend(50);
        assert!(!rate.has_room(1, start + Duration::from_secs(49)));
        assert!(rate.has_room(1, start + Duration::from_secs(50)));
    }

    #[test]
    fn what_was_sent_a_day_ago_no_longer_counts() {
        let start = Instant::now();
        let mut daily = Daily::default();
        assert!(daily.has_room(2, 3, start));
        daily.spend(2, start);
        let later = start + Duration::from_hours(1);
        assert!(!daily.has_room(2, 3, later));
        assert!(daily.has_room(1, 3, later));
        daily.spend(1, later);
        assert!(!daily.has_room(1, 3, later));
        assert!(daily.has_room(2, 3, start + DAY));
        assert!(!daily.has_room(3, 3, start + DAY));
        assert!(daily.has_room(3, 3, later + DAY));
    }
}
