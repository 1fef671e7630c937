//! All mails that policies can tell apart, as the product of a few axes.

use crate::compare::axis::{Axis, Point, Resource};
use crate::compare::form::Form;
use crate::compare::ground::{App, Latitude, covered, sample_address};
use crate::compare::lists;
use crate::compare::ranges::{self, Precision};
use crate::compare::survey::Survey;
use crate::compare::terms::Terms;
use crate::gate::{Identities, Identity, IdentityName};
use crate::mail::Address;
use crate::policy::{Glob, Key, Mark, Value, Values};

/// The axis of apps is the first.
pub fn axes(survey: &mut Survey<'_>, from: Option<&Glob>) -> Vec<Axis> {
    let mut axes = vec![apps(survey), senders(survey, Key::FromAddress, "from", from)];
    let mut add = |axis: Axis| axes.push(axis);
    if survey.mentions(Key::FeedbackAddress) {
        add(senders(survey, Key::FeedbackAddress, "mail from", None));
        add(further_identities(survey, "resent-from"));
    } else {
        add(further_identities(survey, "mail from"));
    }
    if survey.mentions(Key::SenderAddress) {
        let mut sender = senders(survey, Key::SenderAddress, "sender", None);
        sender.points.insert(0, absent());
        add(sender);
    }
    if survey.mentions(Key::FromDisplayName) {
        add(texts(survey, Key::FromDisplayName, "display name", Form::Phrase));
    }
    if survey.mentions(Key::Recipients) || survey.mentions(Key::RecipientCount) {
        add(lists::recipients(survey));
    }
    if survey.mentions(Key::ReplyToAddresses) {
        add(lists::reply_to(survey));
    }
    if survey.mentions(Key::SourceIp) || survey.mentions(Key::VpcSourceIp) {
        add(clients(survey));
    }
    if survey.mentions(Key::SecureTransport) {
        add(transports(survey));
    }
    if survey.mentions(Key::CurrentTime) || survey.mentions(Key::EpochTime) {
        add(times(survey));
    }
    if survey.mentions(Key::MessageOctets) {
        add(octets(survey));
    }
    add(configuration_sets(survey));
    for (key, name) in
        [(Key::Listener, "listener"), (Key::SourceVpc, "source vpc"), (Key::SourceVpce, "source vpce")]
    {
        if survey.mentions(key) {
            add(texts(survey, key, name, Form::Name));
        }
    }
    axes
}

fn absent() -> Point {
    Point { labels: vec!["none".to_owned()], ..Point::default() }
}

fn apps(survey: &Survey<'_>) -> Axis {
    let point = |(place, app): (usize, &App)| Point {
        app: Some(place),
        labels: vec![app.name.clone()],
        shown: vec![app.name.clone()],
        ..Point::default()
    };
    let points = survey.ground.apps.iter().enumerate().map(point).collect();
    Axis { name: "app", keys: Vec::new(), points, terms: Terms::default(), left_out: 0 }
}

/// Addresses that an identity covers: SES takes mail of no others, and the relay asks no policy about them.
fn senders(survey: &mut Survey<'_>, key: Key, name: &'static str, only: Option<&Glob>) -> Axis {
    let mut globs = survey.globs(key);
    let covered = survey.ground.identities.iter().flat_map(covered).map(|text| Glob::new(&text));
    for pattern in covered.chain(only.cloned()) {
        if !globs.contains(&pattern) {
            globs.push(pattern);
        }
    }
    let wanted = only.and_then(|only| globs.iter().position(|pattern| pattern == only));
    let mut classes = survey.classes(&globs, Form::Address, "", key);
    let identities = survey.ground.covering();
    let is_covered = |example: &str| {
        // What is too long to be an address is told below.
        Address::parse(example).map_or(true, |address| identities.covering(&address).is_some())
    };
    classes.classes.retain(|class| is_covered(&class.example));
    classes.classes.retain(|class| wanted.is_none_or(|wanted| class.matched.contains(&wanted)));
    let terms = classes.terms(&globs);
    let mut points = Vec::new();
    for (class, label) in classes.classes.iter().zip(terms.labels()) {
        let Ok(address) = Address::parse(&class.example) else {
            survey.unproven.insert(format!("no address was found for `{}` {label}", key.name()));
            continue;
        };
        let identity = identities.covering(&address);
        points.push(Point {
            resources: identity
                .map(|identity| resource(identity, &identities, &address))
                .into_iter()
                .collect(),
            ..named(key, address.as_str(), label)
        });
    }
    Axis { name, keys: vec![key], points: survey.merged(&[key], points), terms, left_out: 0 }
}

/// What a mail says of one more sender. More than one never matters: what is denied for some resource is denied
/// for the mail that uses that one besides what it must.
fn further_identities(survey: &Survey<'_>, name: &'static str) -> Axis {
    let mut points = vec![Point { labels: vec!["as From".to_owned()], ..Point::default() }];
    let identities = survey.ground.covering();
    let names: &[IdentityName] = match survey.ground.identities.as_slice() {
        [] | [_] => &[],
        several => several,
    };
    for name in names {
        let Some(address) = sample_address(name) else { continue };
        let Some(identity) = identities.covering(&address) else { continue };
        let label = match name {
            IdentityName::Domain(domain) => format!("`*@{}`", domain.as_str()),
            IdentityName::Address(address) => format!("`{}`", address.as_str()),
        };
        points.push(Point {
            resources: vec![resource(identity, &identities, &address)],
            labels: vec![label],
            shown: vec![address.as_str().to_owned()],
            ..Point::default()
        });
    }
    Axis { name, keys: Vec::new(), points, terms: Terms::default(), left_out: 0 }
}

fn resource(identity: &Identity, identities: &Identities, address: &Address) -> Resource {
    let domain_arn = identities.domain_of(address).map(|domain| domain.arn().to_owned());
    Resource { arn: identity.arn().to_owned(), domain_arn }
}

/// A text that settings choose among, or else one of each class that policies name.
fn texts(survey: &mut Survey<'_>, key: Key, name: &'static str, form: Form) -> Axis {
    let (points, terms) = match survey.ground.latitude(key) {
        Some(Latitude::Fixed(values)) => (fixed(key, values), Terms::default()),
        Some(Latitude::Free) | None => {
            let globs = survey.globs(key);
            let (mut points, terms) = free(survey, key, &globs, form, "");
            // Every connection came through a listener.
            if key == Key::Listener {
                points.remove(0);
            }
            (points, terms)
        }
    };
    Axis { name, keys: vec![key], points: survey.merged(&[key], points), terms, left_out: 0 }
}

fn fixed(key: Key, values: &[Option<String>]) -> Vec<Point> {
    let point = |value: &Option<String>| match value {
        Some(value) => named(key, value, &format!("`{value}`")),
        None => absent(),
    };
    values.iter().map(point).collect()
}

/// Absent, and one text of each class.
fn free(survey: &mut Survey<'_>, key: Key, globs: &[Glob], form: Form, prefix: &str) -> (Vec<Point>, Terms) {
    let classes = survey.classes(globs, form, prefix, key);
    let terms = classes.terms(globs);
    let texts =
        classes.classes.iter().zip(terms.labels()).map(|(class, label)| named(key, &class.example, label));
    (std::iter::once(absent()).chain(texts).collect(), terms)
}

fn named(key: Key, value: &str, label: &str) -> Point {
    Point {
        facts: vec![(key, Values::One(Value::text(value.to_owned())))],
        labels: vec![label.to_owned()],
        shown: vec![value.to_owned()],
        ..Point::default()
    }
}

/// A configuration set is a resource too, so the names in resources tell it apart as well.
fn configuration_sets(survey: &mut Survey<'_>) -> Axis {
    const KIND: &str = "configuration-set/";
    let key = Key::ConfigurationSet;
    let (mut points, terms) = match &survey.ground.configuration_set {
        Latitude::Fixed(values) => (fixed(key, values), Terms::default()),
        Latitude::Free => {
            let mut globs = survey.resource_names();
            for pattern in survey.globs(key) {
                // Both are matched against the name with its kind before it.
                let kind = Glob::literal(KIND).tokens;
                globs.push(Glob { tokens: [kind, pattern.tokens].concat(), case: pattern.case });
            }
            free(survey, key, &globs, Form::Name, KIND)
        }
    };
    for point in &mut points {
        let arn = |name: &String| format!("{}{KIND}{name}", survey.ground.arn_prefix);
        let resources = point.shown.iter().map(|name| Resource { arn: arn(name), domain_arn: None });
        point.resources = resources.collect();
    }
    Axis { name: "configuration set", keys: vec![key], points, terms, left_out: 0 }
}

fn clients(survey: &mut Survey<'_>) -> Axis {
    let keys = [Key::SourceIp, Key::VpcSourceIp];
    survey.expect(&keys, |mark| matches!(mark, Mark::Network { .. }), "an address");
    let (pieces, terms) = ranges::networks(&survey.marks(&keys));
    let points = pieces.into_iter().map(|(address, label)| {
        let facts = keys.iter().map(|key| (*key, Value::from(address))).collect();
        typed(facts, address.to_string(), label)
    });
    Axis {
        name: "client",
        keys: keys.into(),
        points: survey.merged(&keys, points.collect()),
        terms,
        left_out: 0,
    }
}

fn transports(survey: &mut Survey<'_>) -> Axis {
    let keys = [Key::SecureTransport];
    survey.expect(&keys, |_| false, "true or false");
    let points = [("TLS", true), ("no TLS", false)].map(|(name, truth)| {
        typed(vec![(Key::SecureTransport, Value::from(truth))], name.to_owned(), name.to_owned())
    });
    let points = survey.merged(&keys, points.into());
    Axis { name: "transport", keys: keys.into(), points, terms: Terms::default(), left_out: 0 }
}

fn times(survey: &mut Survey<'_>) -> Axis {
    let keys = [Key::CurrentTime, Key::EpochTime];
    survey.expect(&[Key::CurrentTime], |mark| matches!(mark, Mark::Time(_)), "a date");
    let is_epoch = |mark: &Mark| matches!(mark, Mark::Time(_) | Mark::Number { .. });
    survey.expect(&[Key::EpochTime], is_epoch, "a date or a number");
    let precision = if survey.mentions(Key::EpochTime) { Precision::Seconds } else { Precision::Exact };
    let points = ranges::times(&survey.marks(&keys), precision).into_iter().map(|(time, label)| {
        let facts = vec![(Key::CurrentTime, Value::time(time)), (Key::EpochTime, Value::epoch(time))];
        typed(facts, Value::time(time).as_str().to_owned(), label)
    });
    let points = survey.merged(&keys, points.collect());
    Axis { name: "time", keys: keys.into(), points, terms: Terms::default(), left_out: 0 }
}

fn octets(survey: &mut Survey<'_>) -> Axis {
    const ORDINARY: u64 = 4096;
    let keys = [Key::MessageOctets];
    survey.expect(&keys, |mark| matches!(mark, Mark::Number { .. }), "a number");
    let pieces = ranges::integers(&survey.marks(&keys), 1, survey.ground.message_octets_max, ORDINARY);
    let points = pieces.into_iter().map(|(count, label)| {
        typed(vec![(Key::MessageOctets, Value::from(count))], count.to_string(), label)
    });
    let points = survey.merged(&keys, points.collect());
    Axis { name: "octets", keys: keys.into(), points, terms: Terms::default(), left_out: 0 }
}

fn typed(facts: Vec<(Key, Value<'static>)>, shown: String, label: String) -> Point {
    let facts = facts.into_iter().map(|(key, value)| (key, Values::One(value))).collect();
    Point { facts, labels: vec![label], shown: vec![shown], ..Point::default() }
}
