//! Failed logins by address: who has failed too often is not listened to for a while.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::admission::expiring::Expiring;

/// Far more clients than a VPC's worth of broken ones.
const ADDRESSES_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Failures {
    counts: Arc<Mutex<Expiring<IpAddr, u32>>>,
    allowed: u32,
    lockout: Duration,
}

impl Failures {
    /// Failures are forgotten, and the address is listened to again, `lockout` after the last of them.
    pub(super) fn new(allowed: u32, lockout: Duration) -> Self {
        let counts = Arc::new(Mutex::new(Expiring::new(ADDRESSES_MAX)));
        Self { counts, allowed, lockout }
    }

    /// The same memory under other limits; what is in it is forgotten when it would have been.
    pub(super) fn renewed(&self, allowed: u32, lockout: Duration) -> Self {
        Self { counts: Arc::clone(&self.counts), allowed, lockout }
    }

    pub(super) fn are_too_many(&self, address: IpAddr, now: Instant) -> bool {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.recall(&neighbourhood(address), now).is_some_and(|count| *count >= self.allowed)
    }

    /// Counts one more. The sum.
    pub(super) fn add(&self, address: IpAddr, now: Instant) -> u32 {
        let address = neighbourhood(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.recall(&address, now).copied().unwrap_or_default().saturating_add(1);
        counts.remember(address, count, now, self.lockout);
        count
    }
}

/// Whoever has one IPv6 address has the 2^64 around it.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}
