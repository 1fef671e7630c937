//! Sets of addresses and of networks that stay short: many of one kind become a pattern for all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// More addresses of one domain than this stand for all of it.
const LOCALS_MAX: usize = 10;
/// More domains than this stand for everybody.
const DOMAINS_MAX: usize = 50;
/// More networks than this become larger ones.
const NETWORKS_MAX: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// By domain.
    Some(BTreeMap<String, Locals>),
    Everybody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locals {
    Some(BTreeSet<String>),
    All,
}

impl Default for Addresses {
    fn default() -> Self {
        Self::Some(BTreeMap::new())
    }
}

impl Addresses {
    pub fn add(&mut self, address: &str) {
        let Self::Some(domains) = self else { return };
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        if !domains.contains_key(domain) {
            domains.insert(domain.to_owned(), Locals::Some(BTreeSet::new()));
        }
        if let Some(locals) = domains.get_mut(domain) {
            locals.add(local);
        }
        if domains.len() > DOMAINS_MAX {
            *self = Self::Everybody;
        }
    }

    pub fn join(&mut self, other: &Self) {
        match other {
            Self::Everybody => *self = Self::Everybody,
            Self::Some(domains) => {
                for (domain, locals) in domains {
                    match (locals, &mut *self) {
                        (_, Self::Everybody) => {}
                        (Locals::All, Self::Some(own)) => {
                            own.insert(domain.clone(), Locals::All);
                        }
                        (Locals::Some(locals), _) => {
                            for local in locals {
                                self.add(&format!("{local}@{domain}"));
                            }
                        }
                    }
                }
            }
        }
    }

    /// Patterns for `StringLike`, or none that would leave anybody out.
    pub fn patterns(&self) -> Option<Vec<String>> {
        let Self::Some(domains) = self else { return None };
        let patterns = domains.iter().flat_map(|(domain, locals)| match locals {
            Locals::All => vec![format!("*@{domain}")],
            Locals::Some(locals) => {
                locals.iter().map(|local| format!("{}@{domain}", escaped(local))).collect()
            }
        });
        Some(patterns.collect())
    }
}

impl Locals {
    fn add(&mut self, local: &str) {
        let Self::Some(locals) = self else { return };
        if !locals.contains(local) {
            locals.insert(local.to_owned());
        }
        if locals.len() > LOCALS_MAX {
            *self = Self::All;
        }
    }
}

/// A text that stands for itself in a pattern: `*`, `?` and `$` may be in an address (RFC 5322 section 3.2.3).
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '*' | '?' | '$' => escaped.extend(["${", &character.to_string(), "}"]),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The networks of these addresses: of the size that subnets have, and larger ones where there are many.
pub fn networks(addresses: &BTreeSet<IpAddr>) -> Vec<String> {
    let of_length = |v4: u32, v6: u32| -> BTreeSet<String> {
        addresses.iter().map(|address| network(*address, v4, v6)).collect()
    };
    let lengths = [(24, 64), (16, 48), (8, 32)].into_iter().map(|(v4, v6)| of_length(v4, v6));
    let few = lengths.into_iter().find(|networks| networks.len() <= NETWORKS_MAX);
    few.map_or_else(
        || vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
        |networks| networks.into_iter().collect(),
    )
}

fn network(address: IpAddr, v4: u32, v6: u32) -> String {
    match address {
        IpAddr::V4(address) => {
            let kept = u32::MAX.checked_shl(32_u32.saturating_sub(v4)).unwrap_or(0);
            format!("{}/{v4}", Ipv4Addr::from(u32::from(address) & kept))
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX.checked_shl(128_u32.saturating_sub(v6)).unwrap_or(0);
            format!("{}/{v6}", Ipv6Addr::from(u128::from(address) & kept))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Addresses, networks};

    fn patterns(addresses: impl IntoIterator<Item = String>) -> Option<Vec<String>> {
        let mut set = Addresses::default();
        addresses.into_iter().for_each(|address| set.add(&address));
        set.patterns()
    }

    #[test]
    fn many_of_a_domain_are_all_of_it_and_many_domains_are_everybody() {
        let of = |count: u8, domain: &str| {
            (0..count).map(move |number| format!("a{number}@{domain}")).collect::<Vec<_>>()
        };
        assert_eq!(patterns(of(10, "a.example")).unwrap().len(), 10);
        assert_eq!(patterns(of(11, "a.example")), Some(vec!["*@a.example".to_owned()]));
        assert_eq!(patterns((0..50).map(|number| format!("a@{number}.example"))).unwrap().len(), 50);
        assert_eq!(patterns((0..51).map(|number| format!("a@{number}.example"))), None);
        assert_eq!(patterns(["$a*?@b.example".to_owned()]), Some(vec!["${$}a${*}${?}@b.example".to_owned()]));
    }

    #[test]
    fn networks_are_as_small_as_few_can_be() {
        let of = |texts: &[&str]| networks(&texts.iter().map(|text| text.parse().unwrap()).collect());
        assert_eq!(of(&["10.0.5.7", "10.0.5.8", "2001:db8::1"]), ["10.0.5.0/24", "2001:db8::/64"]);
        let many: Vec<String> = (0..11).map(|number| format!("10.0.{number}.1")).collect();
        assert_eq!(of(&many.iter().map(String::as_str).collect::<Vec<_>>()), ["10.0.0.0/16"]);
    }
}
