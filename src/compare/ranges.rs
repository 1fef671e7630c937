//! Addresses, numbers and points in time, cut where policies draw a line: one of each piece.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use crate::compare::terms::Terms;
use crate::policy::Mark;

/// A piece, by one member, and what it is called.
pub type Piece<T> = (T, String);

/// Addresses from documentation, which people recognise as examples (RFC 5737, RFC 3849).
const ORDINARY_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(203, 0, 113, 7), Ipv4Addr::new(198, 51, 100, 7), Ipv4Addr::new(10, 0, 0, 7)];
const ORDINARY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);

/// `::ffff:0:0/96`, IPv4 in IPv6 clothes: such a client is its IPv4 address.
const MAPPED: (u128, u128) = (0xffff_0000_0000, 0xffff_ffff_ffff);

/// One address of every piece that the networks cut the two families into, and the terms that name the pieces.
pub fn networks(marks: &[Mark]) -> (Vec<Piece<IpAddr>>, Terms) {
    let mut named: Vec<(IpAddr, IpAddr, String)> = Vec::new();
    for mark in marks {
        if let Mark::Network { first, last, text } = mark {
            let text = text.strip_suffix("/32").unwrap_or(text);
            let text = if first.is_ipv6() { text.strip_suffix("/128").unwrap_or(text) } else { text };
            named.push((*first, *last, text.to_owned()));
        }
    }
    let mut members = Vec::new();
    for family in [u128::from(u32::MAX), u128::MAX] {
        let is_v4 = family != u128::MAX;
        let inside = named.iter().filter(|(first, ..)| first.is_ipv4() == is_v4);
        let mut borders: Vec<u128> = vec![0];
        borders.extend(inside.flat_map(|(first, last, _)| [number(*first), number(*last).saturating_add(1)]));
        borders.extend([MAPPED.0, MAPPED.1 + 1].into_iter().filter(|_| !is_v4));
        borders.retain(|border| *border <= family);
        borders.sort_unstable();
        borders.dedup();
        for (index, first) in borders.iter().enumerate() {
            let last = borders.get(index + 1).map_or(family, |next| next - 1);
            if is_v4 || *first < MAPPED.0 || last > MAPPED.1 {
                members.push(ordinary(*first, last, is_v4));
            }
        }
    }
    let is_in = |address: &IpAddr| {
        let mut places = Vec::new();
        for (place, (first, last, _)) in named.iter().enumerate() {
            if first.is_ipv4() == address.is_ipv4() && first <= address && address <= last {
                places.push(place);
            }
        }
        places
    };
    let classes: Vec<Vec<usize>> = members.iter().map(is_in).collect();
    let marks: Vec<String> = named.into_iter().map(|(_, _, text)| text).collect();
    let terms = Terms::new(marks, classes);
    (members.into_iter().zip(terms.labels().iter().cloned()).collect(), terms)
}

/// One integer of every piece that the bounds cut `first..=last` into.
pub fn integers(marks: &[Mark], first: u64, last: u64, ordinary: u64) -> Vec<Piece<u64>> {
    let mut points: Vec<u64> = Vec::new();
    for mark in marks {
        if let Mark::Number { floor, ceiling } = mark {
            points.extend([floor, ceiling].into_iter().filter_map(|number| u64::try_from(*number).ok()));
        }
    }
    points.retain(|point| (first..=last).contains(point));
    points.sort_unstable();
    points.dedup();
    let mut pieces = Vec::new();
    let mut start = first;
    let gap = |from: u64, to: u64, label: String| {
        let member = if (from..=to).contains(&ordinary) { ordinary } else { from };
        (from <= to).then_some((member, label))
    };
    for point in points {
        if point > start {
            let label =
                if start == first { format!("below {point}") } else { format!("{start} to {}", point - 1) };
            pieces.extend(gap(start, point - 1, label));
        }
        pieces.push((point, point.to_string()));
        start = point.saturating_add(1);
    }
    let label = if start == first { "any".to_owned() } else { format!("{start} or more") };
    pieces.extend(gap(start, last, label));
    pieces
}

/// How finely points in time are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    Exact,
    /// `aws:EpochTime` holds whole seconds.
    Seconds,
}

/// One point in time of every piece.
pub fn times(marks: &[Mark], precision: Precision) -> Vec<Piece<SystemTime>> {
    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_hours(24);
    let mut points: Vec<SystemTime> = Vec::new();
    let mut seconds = |second: i128| {
        let second = u64::try_from(second).unwrap_or_default();
        let point = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(second));
        points.extend(point.into_iter().flat_map(|point| [point, point + SECOND]));
    };
    let mut exact = Vec::new();
    for mark in marks {
        match mark {
            Mark::Number { floor, ceiling } => [*floor, *ceiling].into_iter().for_each(&mut seconds),
            Mark::Time(time) => {
                let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                if precision == Precision::Seconds {
                    seconds(i128::from(since.as_secs()));
                }
                exact.push(*time);
            }
            Mark::Text(_) | Mark::Network { .. } | Mark::Arn | Mark::Presence => {}
        }
    }
    points.append(&mut exact);
    points.sort_unstable();
    points.dedup();
    let mut pieces = Vec::new();
    let mut before: Option<SystemTime> = None;
    for point in &points {
        let (low, label) = match before {
            None => (point.checked_sub(DAY), format!("before {}", written(*point))),
            Some(low) => (Some(low), format!("between {} and {}", written(low), written(*point))),
        };
        if let Some(low) = low {
            let middle = low + point.duration_since(low).unwrap_or_default() / 2;
            pieces.push((middle, label));
        }
        pieces.push((*point, written(*point)));
        before = Some(*point);
    }
    match points.last() {
        Some(last) => {
            let later = last.checked_add(DAY);
            pieces.extend(later.map(|later| (later, format!("after {}", written(*last)))));
        }
        None => pieces.push((SystemTime::UNIX_EPOCH + DAY, "any".to_owned())),
    }
    pieces
}

fn written(time: SystemTime) -> String {
    crate::policy::Value::time(time).as_str().to_owned()
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// An address of the range: one from documentation, else one that is not the range's first, which looks like
/// a network.
fn ordinary(first: u128, last: u128, is_v4: bool) -> IpAddr {
    let is_in = |number: &u128| (first..=last).contains(number);
    if is_v4 {
        let known = ORDINARY_V4.into_iter().map(|address| u128::from(address.to_bits())).find(is_in);
        let member = known.unwrap_or((first + 7).min(last));
        IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(member).unwrap_or(u32::MAX)))
    } else {
        let known = Some(ORDINARY_V6.to_bits()).filter(is_in);
        IpAddr::V6(Ipv6Addr::from_bits(known.unwrap_or_else(|| first.saturating_add(7).min(last))))
    }
}
