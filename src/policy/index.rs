//! Statements by what has to be said for them to hold, so that of a thousand that name an address, a domain or a
//! network each, a request meets only those that name its own.
//!
//! All conditions of a statement must hold, so any one of them can stand at the door. One that wants a value wakes
//! its statement when the request has it ([`Woken`]); one that wants any value but this puts it to sleep
//! ([`Asleep`]). Whoever is let through is asked in full: the index only leaves out what cannot match.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use crate::policy::condition::{Condition, Wanted};
use crate::policy::context::{Context, Value, Values};
use crate::policy::key::{Key, KeyName};
use crate::policy::operator::{Absent, Quantifier, Sense};
use crate::policy::pattern::{Hook, Pattern, domain_of, mailbox_of};
use crate::policy::plan::Place;
use crate::policy::statement::Statement;

/// Places of statements, each list in the order of the documents.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// Nothing tells these apart beforehand.
    always: Vec<Place>,
    woken: Vec<Woken>,
    asleep: Vec<Asleep>,
}

/// Statements with a condition that wants a value of one key.
#[derive(Debug, Clone)]
struct Woken {
    key: Key,
    quantifier: Quantifier,
    all: Vec<Place>,
    by_text: HashMap<Box<str>, Vec<Place>>,
    by_mailbox: HashMap<Box<str>, Vec<Place>>,
    by_domain: HashMap<Box<str>, Vec<Place>>,
    by_network: HashMap<IpNetwork, Vec<Place>>,
    /// Which lengths of network there are: for an IPv4 address, and for an IPv6 address.
    lengths: [Vec<u8>; 2],
}

/// By which word of a value its statements are found.
type WordOf = fn(&str) -> Option<&str>;

/// Statements with a condition that does not hold for a request with this value.
#[derive(Debug, Clone)]
struct Asleep {
    key: Key,
    lullaby: Lullaby,
    places: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Lullaby {
    Text(Box<str>),
    Suffix(Box<str>),
    Network(IpNetwork),
}

impl Index {
    /// Must be called in the order of the documents.
    pub(super) fn put(&mut self, statement: &Statement, place: Place) {
        if let Some((key, condition)) = statement.conditions.iter().find_map(wakes) {
            let quantifier = condition.operator.quantifier;
            if !self.woken.iter().any(|woken| woken.is_for(key, quantifier)) {
                self.woken.push(Woken::new(key, quantifier));
            }
            let woken = self.woken.iter_mut().filter(|woken| woken.is_for(key, quantifier));
            woken.for_each(|woken| woken.put(&condition.values, place));
        } else if let Some((key, lullaby)) = statement.conditions.iter().find_map(lulls) {
            match self.asleep.iter_mut().find(|asleep| asleep.key == key && asleep.lullaby == lullaby) {
                Some(asleep) => asleep.places.push(place),
                None => self.asleep.push(Asleep { key, lullaby, places: vec![place] }),
            }
        } else {
            self.always.push(place);
        }
    }

    /// The earliest that matches.
    pub(super) fn first(&self, context: &Context<'_>, matches: impl Fn(Place) -> bool) -> Option<Place> {
        let mut first: Option<Place> = None;
        let mut ask = |places: &[Place]| {
            let mut earlier = places.iter().take_while(|place| first.is_none_or(|first| **place < first));
            if let Some(place) = earlier.find(|place| matches(**place)) {
                first = Some(*place);
            }
        };
        ask(&self.always);
        self.woken.iter().for_each(|woken| woken.tell(context, &mut ask));
        self.asleep.iter().filter(|asleep| !asleep.sleeps(context)).for_each(|asleep| ask(&asleep.places));
        first
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        let woken = self.woken.iter().flat_map(|woken| &woken.all);
        let asleep = self.asleep.iter().flat_map(|asleep| &asleep.places);
        self.always.iter().chain(woken).chain(asleep).copied()
    }
}

impl Woken {
    fn new(key: Key, quantifier: Quantifier) -> Self {
        Self {
            key,
            quantifier,
            all: Vec::new(),
            by_text: HashMap::new(),
            by_mailbox: HashMap::new(),
            by_domain: HashMap::new(),
            by_network: HashMap::new(),
            lengths: [Vec::new(), Vec::new()],
        }
    }

    fn is_for(&self, key: Key, quantifier: Quantifier) -> bool {
        self.key == key && self.quantifier == quantifier
    }

    fn put(&mut self, values: &Wanted, place: Place) {
        self.all.push(place);
        match values {
            Wanted::Text(patterns) => {
                for hook in patterns.iter().filter_map(Pattern::hook) {
                    let (words, word) = match hook {
                        Hook::Text(text) => (&mut self.by_text, text),
                        Hook::Mailbox(mailbox) => (&mut self.by_mailbox, mailbox),
                        Hook::Domain(domain) => (&mut self.by_domain, domain),
                    };
                    words.entry(word.into()).or_default().push(place);
                }
            }
            Wanted::Address(networks) => {
                for network in networks.iter().filter_map(|network| around(network.ip(), network.prefix())) {
                    let [v4, v6] = &mut self.lengths;
                    let lengths = if network.is_ipv4() { v4 } else { v6 };
                    if !lengths.contains(&network.prefix()) {
                        lengths.push(network.prefix());
                    }
                    self.by_network.entry(network).or_default().push(place);
                }
            }
            _ => {}
        }
    }

    /// Tells of every statement that a value of the request may satisfy.
    fn tell(&self, context: &Context<'_>, tell: &mut impl FnMut(&[Place])) {
        match (self.quantifier, context.values(&KeyName::Known(self.key))) {
            // A condition that wants a value does not hold without one.
            (_, None) => {}
            // A list where one value is expected is an affair of the conditions.
            (Quantifier::Single, Some(Values::Many(_))) => tell(&self.all),
            (_, Some(values)) => values.as_slice().iter().for_each(|value| self.tell_of(value, tell)),
        }
    }

    fn tell_of(&self, value: &Value<'_>, tell: &mut impl FnMut(&[Place])) {
        let words: [(_, WordOf); 3] = [
            (&self.by_text, |text| Some(text)),
            (&self.by_mailbox, mailbox_of),
            (&self.by_domain, domain_of),
        ];
        for (words, word_of) in words.into_iter().filter(|(words, _)| !words.is_empty()) {
            if let Some(places) = word_of(value.as_str()).and_then(|word| words.get(word)) {
                tell(places);
            }
        }
        if self.by_network.is_empty() {
            return;
        }
        let Some(address) = value.as_address() else { return };
        let [v4, v6] = &self.lengths;
        for length in if address.is_ipv4() { v4 } else { v6 } {
            if let Some(places) = around(address, *length).and_then(|network| self.by_network.get(&network)) {
                tell(places);
            }
        }
    }
}

impl Asleep {
    fn sleeps(&self, context: &Context<'_>) -> bool {
        let Some(Values::One(value)) = context.values(&KeyName::Known(self.key)) else { return false };
        match &self.lullaby {
            Lullaby::Text(text) => **text == *value.as_str(),
            Lullaby::Suffix(suffix) => value.as_str().ends_with(&**suffix),
            Lullaby::Network(network) => value.as_address().is_some_and(|address| network.contains(address)),
        }
    }
}

/// The network of this length that an address is in.
fn around(address: IpAddr, length: u8) -> Option<IpNetwork> {
    let network = IpNetwork::new(address, length).ok()?;
    IpNetwork::new(network.network(), length).ok()
}

/// A condition that holds only for requests with one of some values that can be looked up.
fn wakes(condition: &Condition) -> Option<(Key, &Condition)> {
    let KeyName::Known(key) = condition.key else { return None };
    let operator = condition.operator;
    let wants_a_value = operator.sense == Sense::Is
        && operator.absent == Absent::AsSense
        && matches!(operator.quantifier, Quantifier::Single | Quantifier::ForAnyValue);
    let can_be_looked_up = match &condition.values {
        Wanted::Text(patterns) => patterns.iter().all(|pattern| pattern.hook().is_some()),
        Wanted::Address(_) => true,
        _ => false,
    };
    (wants_a_value && can_be_looked_up).then_some((key, condition))
}

/// A condition that does not hold for a request with a certain value.
fn lulls(condition: &Condition) -> Option<(Key, Lullaby)> {
    let KeyName::Known(key) = condition.key else { return None };
    if condition.operator.sense == Sense::Is || condition.operator.quantifier != Quantifier::Single {
        return None;
    }
    let lullaby = match &condition.values {
        Wanted::Text(patterns) => patterns.iter().find_map(|pattern| {
            let suffix = || pattern.as_suffix().map(|suffix| Lullaby::Suffix(suffix.into()));
            pattern.as_literal().map(|text| Lullaby::Text(text.into())).or_else(suffix)
        }),
        Wanted::Address(networks) => networks.first().copied().map(Lullaby::Network),
        _ => None,
    };
    lullaby.map(|lullaby| (key, lullaby))
}
