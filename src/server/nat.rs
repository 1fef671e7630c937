//! Notices a listener whose clients all come from one private address: then something in between, a load balancer or
//! NAT, gives them its own, and whoever judges by addresses judges that. What is judged is no matter here.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::mail::Client;

/// So many sessions in a row are not by chance where there are several clients.
const SESSIONS_MIN: u32 = 100;
/// RFC 6598, where carriers and clouds put NAT.
const SHARED: [u8; 2] = [100, 64];

/// The sessions with mail of each listener that came from the same address as the one before.
#[derive(Debug, Default)]
pub(super) struct Rows(Mutex<HashMap<Arc<str>, Row>>);

#[derive(Debug)]
struct Row {
    address: IpAddr,
    sessions: u32,
    is_told: bool,
}

/// Clients of a listener that look like one, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneAddress {
    pub listener: Arc<str>,
    pub address: IpAddr,
}

impl Rows {
    /// One session more that brings mail. What there is to tell is told once for each listener, as soon as it matters.
    pub(super) fn add(
        &self,
        client: &Client,
        matters: impl FnOnce(&OneAddress) -> bool,
    ) -> Option<OneAddress> {
        let Client { listener, address, .. } = client;
        let mut rows = self.lock();
        let row = rows.entry(Arc::clone(listener)).or_insert(Row {
            address: *address,
            sessions: 0,
            is_told: false,
        });
        let before = if row.address == *address { row.sessions } else { 0 };
        (row.address, row.sessions) = (*address, before.saturating_add(1));
        // Whether it matters takes a while to find out.
        if row.is_told || !row.sessions.is_multiple_of(SESSIONS_MIN) {
            return None;
        }
        let one = row.full(listener).filter(matters)?;
        row.is_told = true;
        Some(one)
    }

    /// The listeners whose last sessions are such a row.
    pub(super) fn full(&self) -> Vec<OneAddress> {
        self.lock().iter().filter_map(|(listener, row)| row.full(listener)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    fn full(&self, listener: &Arc<str>) -> Option<OneAddress> {
        let Self { address, sessions, .. } = *self;
        let is_full = sessions >= SESSIONS_MIN && is_private(address);
        is_full.then(|| OneAddress { listener: Arc::clone(listener), address })
    }
}

impl fmt::Display for OneAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listener, address } = self;
        write!(
            f,
            "policies judge by addresses, and the last {SESSIONS_MIN} sessions with mail at listener `{listener}` all \
             came from {address}: if that is a load balancer or NAT, let it send a PROXY header and set `listener.proxy`, \
             or let it keep the clients' addresses; if it is the one application, name it in a policy by itself"
        )
    }
}

/// RFC 1918, RFC 6598 and RFC 4193. On loopback, all clients are this machine.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private() || [first, second & 0b1100_0000] == SHARED
        }
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{OneAddress, Rows, is_private};
    use crate::mail::{Client, Transport};

    fn client(address: &str) -> Client {
        Client::new(SocketAddr::new(address.parse().unwrap(), 4711), "default".into(), Transport::Plain)
    }

    /// How often something is told of so many sessions.
    fn told(rows: &Rows, sessions: usize, address: &str, matters: bool) -> usize {
        (0..sessions).filter(|_| rows.add(&client(address), |_| matters).is_some()).count()
    }

    #[test]
    fn a_hundred_in_a_row_are_told_once_and_forgotten_when_another_comes() {
        let rows = Rows::default();
        assert_eq!(told(&rows, 99, "10.0.0.5", true), 0);
        assert_eq!(told(&rows, 1, "10.0.0.6", true), 0);
        assert_eq!(told(&rows, 99, "10.0.0.5", true), 0);
        assert_eq!(rows.full(), []);
        assert_eq!(told(&rows, 1, "10.0.0.5", true), 1);
        let address = "10.0.0.5".parse().unwrap();
        assert_eq!(rows.full(), [OneAddress { listener: "default".into(), address }]);
        assert_eq!(told(&rows, 500, "10.0.0.5", true), 0);
        assert_eq!(told(&rows, 1, "10.0.0.6", true), 0);
        assert_eq!(rows.full(), []);
        // An alarm that comes again and again is heard no more.
        assert_eq!(told(&rows, 500, "10.0.0.6", true), 0);
        assert_eq!(rows.full().len(), 1);
    }

    #[test]
    fn what_does_not_matter_is_told_when_it_does() {
        let rows = Rows::default();
        assert_eq!(told(&rows, 150, "fd00:5::7", false), 0);
        assert_eq!(told(&rows, 100, "fd00:5::7", true), 1);
    }

    #[test]
    fn only_private_addresses_are_those_of_nat_here() {
        for (address, expected) in [
            ("10.255.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("100.128.0.1", false),
            ("100.63.0.1", false),
            ("203.0.113.9", false),
            ("127.0.0.1", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("2001:db8::1", false),
            ("::1", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
    }
}
