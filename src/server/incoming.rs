//! A message on its way: how long it may still take, and the memory that it holds.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::server::memory::{Hold, Memory};
use crate::server::settings::Timeouts;
use crate::server::wire::MESSAGE_BUFFER_OCTETS;
use crate::smtp::Limit;

/// How long a message may be as slow as it likes.
const RATE_GRACE: Duration = Duration::from_secs(30);

pub(super) struct Incoming {
    begun: Instant,
    octets: usize,
    /// Spent waiting for memory, which is not the client's fault.
    waited: Duration,
    room: Room,
}

enum Room {
    Held(Hold),
    /// The message is only read to its end now.
    None,
}

/// There was no memory to be had in time.
#[derive(Debug)]
pub(super) struct OutOfMemory;

impl Incoming {
    pub(super) fn new(begun: Instant) -> Self {
        Self { begun, octets: 0, waited: Duration::ZERO, room: Room::Held(Hold::default()) }
    }

    pub(super) fn count(&mut self, octets: usize) {
        self.octets = self.octets.saturating_add(octets);
    }

    /// Until when the next octets must come: a client that sends one octet a minute would hold its place for hours.
    /// And which limit it has met if they do not.
    pub(super) fn end(&self, timeouts: &Timeouts, rate_min: u32) -> (Instant, Limit) {
        let seconds = u64::try_from(self.octets).unwrap_or(u64::MAX) / u64::from(rate_min.max(1));
        let earned = RATE_GRACE.saturating_add(Duration::from_secs(seconds));
        let (time, limit) = if earned < timeouts.message {
            (earned, Limit::MessageRate)
        } else {
            (timeouts.message, Limit::MessageTime)
        };
        (self.begun + self.waited + time, limit)
    }

    /// Sees to it that there is memory for what is held of the message, and for what the next read brings.
    pub(super) async fn make_room(
        &mut self,
        memory: &Memory,
        octets_held: usize,
        limit: Duration,
    ) -> Result<(), OutOfMemory> {
        let Room::Held(hold) = &mut self.room else { return Ok(()) };
        let asked = Instant::now();
        let wait = limit.saturating_sub(self.waited);
        let made = timeout(wait, memory.hold(hold, octets_held.saturating_add(MESSAGE_BUFFER_OCTETS))).await;
        self.waited = self.waited.saturating_add(asked.elapsed());
        made.map_err(|_| {
            self.room = Room::None;
            OutOfMemory
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Incoming;
    use crate::server::settings::Timeouts;
    use crate::smtp::Limit;

    #[test]
    fn a_message_earns_its_time_with_octets_up_to_the_whole() {
        let second = Duration::from_secs(1);
        let timeouts = Timeouts {
            proxy: second,
            tls: second,
            idle: second,
            message: 100 * second,
            memory: second,
            session: second,
        };
        let begun = Instant::now();
        let mut incoming = Incoming::new(begun);
        let (rate, time) = (Limit::MessageRate, Limit::MessageTime);
        for (octets, seconds, limit) in
            [(0, 30, rate), (999, 30, rate), (1, 31, rate), (59_000, 90, rate), (1_000_000, 100, time)]
        {
            incoming.count(octets);
            assert_eq!(incoming.end(&timeouts, 1000), (begun + seconds * second, limit), "{octets} more");
        }
    }
}
