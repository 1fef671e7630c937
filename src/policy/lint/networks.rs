//! Networks: written otherwise than meant, of one family only, or private, which only the relay can see.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

use crate::policy::condition::Wanted;
use crate::policy::key::Key;
use crate::policy::lint::catalogue::{
    BARE_IPV6, CIDR_HOST_BITS, CONTRADICTORY_VPC_KEYS, FAMILY_GAP, LOOPBACK_LISTENERS, PRIVATE_SOURCE_IP,
    ZERO_PREFIX,
};
use crate::policy::lint::subject::{Subject, Term};
use crate::policy::lint::{Family, Notes, Reach, Surroundings};
use crate::policy::operator::Sense;
use crate::policy::syntax::{Effect, Written};

pub(super) fn lint(subject: &Subject<'_>, surroundings: &Surroundings, notes: &mut Notes) {
    for term in subject.terms() {
        let Wanted::Address(networks) = &term.condition.values else { continue };
        for (value, network) in term.values().iter().zip(networks.iter()) {
            one(subject, &term, value, network, notes);
        }
        private(subject, &term, networks, notes);
        family_gap(subject, &term, networks, surroundings, notes);
        out_of_reach(subject, &term, networks, surroundings, notes);
    }
    contradiction(subject, notes);
}

fn one(subject: &Subject<'_>, term: &Term<'_>, value: &Written<'_>, network: &IpNetwork, notes: &mut Notes) {
    let text = &value.text;
    let address: Option<IpAddr> = text.split('/').next().and_then(|address| address.parse().ok());
    let finding = if network.prefix() == 0 {
        let message = format!("`{text}` is every address of its family");
        ZERO_PREFIX.at(subject.place_of_value(term, value), message, None)
    } else if network.is_ipv6() && !text.contains('/') {
        let message = format!("`{text}` is one address here; AWS does not say what a bare IPv6 address is");
        BARE_IPV6.at(subject.place_of_value(term, value), message, format!("write `{text}/128`"))
    } else if address.is_some_and(|address| address.to_canonical() != network.network()) {
        let message = format!("`{text}` has bits behind its prefix, which do not count");
        CIDR_HOST_BITS.at(subject.place_of_value(term, value), message, format!("write `{network}`"))
    } else {
        return;
    };
    notes.push(subject.document, finding);
}

/// At SES the key holds public addresses only. Once for a condition.
fn private(subject: &Subject<'_>, term: &Term<'_>, networks: &[IpNetwork], notes: &mut Notes) {
    if term.key() != Some(Key::SourceIp) {
        return;
    }
    let pairs = || term.values().iter().zip(networks.iter());
    if let Some((value, _)) = pairs().find(|(_, network)| is_private(network)) {
        let message = format!(
            "`{}` is private: right here, where `aws:SourceIp` is the client's address in its network; at SES, which sees public addresses, no client is in it",
            value.text
        );
        notes
            .push(subject.document, PRIVATE_SOURCE_IP.at(subject.place_of_value(term, value), message, None));
    }
}

/// A list of networks says nothing of the family it leaves out: outside an allowed list, and outside a list of
/// what is denied. (An allowed list alone is closed either way.)
fn family_gap(
    subject: &Subject<'_>,
    term: &Term<'_>,
    networks: &[IpNetwork],
    surroundings: &Surroundings,
    notes: &mut Notes,
) {
    if !matches!(term.key(), Some(Key::SourceIp | Key::VpcSourceIp)) {
        return;
    }
    let consequence = match (subject.effect(), term.sense()) {
        (Effect::Deny, Sense::IsNot) => "every such client is denied",
        (Effect::Deny, Sense::Is) => "no such client is denied",
        (Effect::Allow, Sense::IsNot) => "every such client is allowed",
        (Effect::Allow, Sense::Is) => return,
    };
    for (family, name) in [(Family::V4, "IPv4"), (Family::V6, "IPv6")] {
        let is_listed = networks.iter().any(|network| network.is_ipv4() == (family == Family::V4));
        if surroundings.families.contains(&family) && !is_listed {
            let message =
                format!("clients may come over {name}, and no network here is {name}: {consequence}");
            let fix =
                format!("name the {name} networks too, or let the listeners take the other family only");
            notes.push(subject.document, FAMILY_GAP.at(subject.place_of_key(term), message, fix));
        }
    }
}

/// Networks of other machines, where only this one can connect. Whoever listens on loopback sees loopback addresses.
fn out_of_reach(
    subject: &Subject<'_>,
    term: &Term<'_>,
    networks: &[IpNetwork],
    surroundings: &Surroundings,
    notes: &mut Notes,
) {
    let goes_by_address = matches!(term.key(), Some(Key::SourceIp | Key::VpcSourceIp));
    if surroundings.reach != Reach::ThisMachine || !goes_by_address || networks.iter().any(is_of_this_machine)
    {
        return;
    }
    let consequence = match term.sense() {
        Sense::Is => "this never holds",
        Sense::IsNot => "this always holds",
    };
    let message = format!(
        "the listeners are on loopback, where every client's address is 127.0.0.1 or ::1, and no network here holds \
         these: {consequence}"
    );
    let fix = "listen where the applications are, or name `127.0.0.0/8` and `::1/128` too".to_owned();
    notes.push(subject.document, LOOPBACK_LISTENERS.at(subject.place_of_key(term), message, fix));
}

fn is_of_this_machine(network: &IpNetwork) -> bool {
    network.ip().is_loopback()
        || network.contains(Ipv4Addr::LOCALHOST.into())
        || network.contains(Ipv6Addr::LOCALHOST.into())
}

/// At SES a request comes through an endpoint of a VPC or it does not.
fn contradiction(subject: &Subject<'_>, notes: &mut Notes) {
    let demanded = |key: Key| subject.terms_on(key).find(Term::demands_key);
    let Some(_) = demanded(Key::SourceIp) else { return };
    let through_endpoint = [Key::VpcSourceIp, Key::SourceVpc, Key::SourceVpce].into_iter().find_map(demanded);
    if let Some(term) = through_endpoint {
        let message = format!(
            "`{}` and `aws:SourceIp` may both be there here; at SES there is never one with the other, so this never matches",
            term.condition.key
        );
        notes.push(subject.document, CONTRADICTORY_VPC_KEYS.at(subject.place_of_key(&term), message, None));
    }
}

fn is_private(network: &IpNetwork) -> bool {
    match network {
        IpNetwork::V4(network) => is_private_v4(*network),
        IpNetwork::V6(network) => is_private_v6(network),
    }
}

/// RFC 1918, RFC 6598, loopback and link-local.
fn is_private_v4(network: Ipv4Network) -> bool {
    let [a, b, ..] = network.network().octets();
    let prefix = network.prefix();
    match (a, b) {
        (10 | 127, _) => prefix >= 8,
        (172, 16..=31) => prefix >= 12,
        (192, 168) | (169, 254) => prefix >= 16,
        (100, 64..=127) => prefix >= 10,
        _ => false,
    }
}

/// RFC 4193, loopback and link-local.
fn is_private_v6(network: &Ipv6Network) -> bool {
    let address = network.network();
    let prefix = network.prefix();
    (address.is_unique_local() && prefix >= 7)
        || (address.is_unicast_link_local() && prefix >= 10)
        || (address.is_loopback() && prefix == 128)
}
