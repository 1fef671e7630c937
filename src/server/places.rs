//! Places for connections: so many in all, and fewer for any one address or app, so that nobody can take them all. How
//! many is said with each, as it may change while places are taken.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Places {
    all: Arc<AtomicUsize>,
    of_addresses: Taken<IpAddr>,
    of_apps: Taken<Arc<str>>,
}

/// How many each has. Only who has some is in it, so that no client can make it grow without end.
type Taken<K> = Arc<Mutex<HashMap<K, usize>>>;

/// One of all places, given back when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

/// One of somebody's places, given back when dropped.
#[derive(Debug)]
pub(super) struct PlaceOf<K: Hash + Eq> {
    owner: K,
    taken: Taken<K>,
}

pub(super) type AddressPlace = PlaceOf<IpAddr>;
pub(super) type AppPlace = PlaceOf<Arc<str>>;

impl Places {
    pub(super) fn take(&self, max: usize) -> Option<Place> {
        let one_more = |taken: usize| (taken < max).then(|| taken.saturating_add(1));
        // Nothing else is read by way of this number.
        self.all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Place(Arc::clone(&self.all)))
    }

    /// Of all places.
    pub(super) fn taken(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    pub(super) fn take_for(&self, client: IpAddr, per_address_max: usize) -> Option<AddressPlace> {
        PlaceOf::take(&self.of_addresses, owner(client), per_address_max)
    }

    pub(super) fn take_for_app(&self, app: &Arc<str>, per_app_max: usize) -> Option<AppPlace> {
        PlaceOf::take(&self.of_apps, Arc::clone(app), per_app_max)
    }
}

impl<K: Hash + Eq + Clone> PlaceOf<K> {
    fn take(taken: &Taken<K>, owner: K, max: usize) -> Option<Self> {
        let mut counts = lock(taken);
        let count = counts.get(&owner).copied().unwrap_or_default();
        if count >= max {
            return None;
        }
        counts.insert(owner.clone(), count.saturating_add(1));
        drop(counts);
        Some(Self { owner, taken: Arc::clone(taken) })
    }
}

impl<K: Hash + Eq> PlaceOf<K> {
    pub(super) fn owner(&self) -> &K {
        &self.owner
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<K: Hash + Eq> Drop for PlaceOf<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.taken);
        if let Some(count) = counts.get_mut(&self.owner) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.owner);
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

fn lock<K>(taken: &Mutex<HashMap<K, usize>>) -> MutexGuard<'_, HashMap<K, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn an_address_has_its_places_and_an_ipv6_network_those_of_one() {
        let places = Places::default();
        let take = |address: &str| places.take_for(address.parse().unwrap(), 2);
        let held =
            [take("10.0.0.1"), take("::ffff:10.0.0.1"), take("2001:db8::1"), take("2001:db8::2:0:0:1")];
        assert!(held.iter().all(Option::is_some));
        assert!(take("10.0.0.1").is_none());
        assert!(take("2001:db8::3").is_none());
        assert!(take("10.0.0.2").is_some());
        assert!(take("2001:db8:0:1::1").is_some());
        drop(held);
        assert!(places.of_addresses.lock().unwrap().is_empty());
        assert!(take("10.0.0.1").is_some());
    }

    #[test]
    fn with_fewer_places_who_is_in_stays_in_and_nobody_comes_until_some_have_left() {
        let places = Places::default();
        let mut held: Vec<_> = (0..3).map(|_| places.take(3).unwrap()).collect();
        assert!(places.take(3).is_none());
        held.pop();
        assert!(places.take(1).is_none());
        held.clear();
        assert!(places.take(1).is_some());
    }
}
