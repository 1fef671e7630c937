//! Places for connections: so many in all, and fewer for any one address, so that no client can take them all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    per_address_max: usize,
    /// Only addresses that have connections, so that no client can make it grow without end.
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of an address's places, given back when dropped.
#[derive(Debug)]
pub(super) struct AddressPlace {
    owner: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Places {
    pub(super) fn new(max: usize, per_address_max: usize) -> Self {
        let all = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self { all, per_address_max, taken: Arc::default() }
    }

    /// One place of all, given back when dropped.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).try_acquire_owned().ok()
    }

    pub(super) fn take_for(&self, client: IpAddr) -> Option<AddressPlace> {
        let owner = owner(client);
        let mut taken = lock(&self.taken);
        let count = taken.entry(owner).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count = count.saturating_add(1);
        drop(taken);
        Some(AddressPlace { owner, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = lock(&self.taken).entry(self.owner) {
            *count.get_mut() = count.get().saturating_sub(1);
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Whoever has an IPv6 address has the whole /64 around it.
fn owner(client: IpAddr) -> IpAddr {
    const NETWORK: u128 = !0 << 64;
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        IpAddr::V4(address) => address.into(),
    }
}

fn lock(taken: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn an_address_has_its_places_and_an_ipv6_network_those_of_one() {
        let places = Places::new(9, 2);
        let take = |address: &str| places.take_for(address.parse().unwrap());
        let held =
            [take("10.0.0.1"), take("::ffff:10.0.0.1"), take("2001:db8::1"), take("2001:db8::2:0:0:1")];
        assert!(held.iter().all(Option::is_some));
        assert!(take("10.0.0.1").is_none());
        assert!(take("2001:db8::3").is_none());
        assert!(take("10.0.0.2").is_some());
        assert!(take("2001:db8:0:1::1").is_some());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
        assert!(take("10.0.0.1").is_some());
    }
}
