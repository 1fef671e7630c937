//! Keys that hold several values: every way in which a list, of whatever length, can behave.
//!
//! A condition on a list says "each value holds" (`ForAllValues`) or "some value holds" (`ForAnyValue`). So of a
//! list only the set of its values' classes counts, and adding a value changes each condition by *and* or by
//! *or*. Starting from the lists of one value and adding classes until nothing new appears, every behaviour of
//! every list is met, by a list as short as possible.

use std::collections::{HashSet, VecDeque};
use std::slice::from_ref;

use crate::compare::axis::{Axis, Point};
use crate::compare::form::Form;
use crate::compare::ranges::{self, Piece};
use crate::compare::survey::Survey;
use crate::compare::terms::Terms;
use crate::mail::Address;
use crate::policy::{Key, Mark, Test, Value, Values};

/// So many behaviours are told apart before the search gives up.
const BEHAVIOURS_MAX: usize = 4096;

/// A class of single values.
struct Single {
    behaviour: Vec<bool>,
    /// Members, of every class of the patterns, as many as counts need or all that there are.
    members: Vec<String>,
    labels: Vec<String>,
}

/// A way in which lists behave, by the classes in a shortest list.
#[derive(Debug, Clone)]
struct Way {
    behaviour: Vec<bool>,
    singles: Vec<usize>,
}

/// `ses:Recipients`, with how many there are where that counts.
pub fn recipients(survey: &mut Survey<'_>) -> Axis {
    let keys = vec![Key::Recipients, Key::RecipientCount];
    let (lists, terms) = Lists::new(survey, Key::Recipients);
    let mut points: Vec<Point> = lists.ways.iter().map(|way| lists.point(way, &terms)).collect();
    if survey.mentions(Key::RecipientCount) {
        survey.expect(&[Key::RecipientCount], |mark| matches!(mark, Mark::Number { .. }), "a number");
        let counted = lists.ways.iter().zip(points);
        points = counted.flat_map(|(way, point)| lists.by_count(way, &point)).collect();
        points = survey.merged(&keys, points);
    }
    Axis { name: "to", keys, points, terms, left_out: 0 }
}

/// `sesgate:ReplyToAddresses`, which may be absent.
pub fn reply_to(survey: &mut Survey<'_>) -> Axis {
    let keys = vec![Key::ReplyToAddresses];
    let (lists, terms) = Lists::new(survey, Key::ReplyToAddresses);
    let absent = Point { labels: vec!["none".to_owned()], ..Point::default() };
    let present = lists.ways.iter().map(|way| lists.point(way, &terms));
    let points = survey.merged(&keys, std::iter::once(absent).chain(present).collect());
    Axis { name: "reply-to", keys, points, terms, left_out: 0 }
}

/// Every way in which lists of one key behave.
struct Lists<'a> {
    key: Key,
    tests: Vec<Test<'a>>,
    /// For each truth of a behaviour whether one value is enough for it.
    any: Vec<bool>,
    singles: Vec<Single>,
    ways: Vec<Way>,
    /// Numbers of values that conditions tell apart, if they do.
    counts: Vec<Piece<u64>>,
}

impl<'a> Lists<'a> {
    fn new(survey: &mut Survey<'a>, key: Key) -> (Self, Terms) {
        let globs = survey.globs(key);
        let classes = survey.classes(&globs, Form::Address, "", key);
        let terms = classes.terms(&globs);
        let tests = survey.about(&[key]);
        let any = survey.contexts.iter().flat_map(|_| tests.iter().map(Test::is_for_any_value)).collect();
        let counts = if key == Key::Recipients && survey.mentions(Key::RecipientCount) {
            let marks = survey.marks(&[Key::RecipientCount]);
            ranges::integers(&marks, 1, survey.ground.recipients_max, 1)
        } else {
            Vec::new()
        };
        let longest = counts.iter().map(|(count, _)| usize::try_from(*count).unwrap_or(usize::MAX)).max();
        let mut lists = Self { key, tests, any, singles: Vec::new(), ways: Vec::new(), counts };
        for (class, label) in classes.classes.iter().zip(terms.labels()) {
            let mut members = classes.members(class, longest.unwrap_or(1));
            // Too long for an address, say: no mail has it.
            members.retain(|member| Address::parse(member).is_ok());
            if let Some(member) = members.first() {
                let behaviour = survey.truths(&lists.tests, &[key], &[(key, many(from_ref(member)))]);
                lists.add(Single { behaviour, members, labels: vec![label.clone()] });
            } else {
                survey.unproven.insert(format!("no address was found for `{}` {label}", key.name()));
            }
        }
        lists.find_ways(survey);
        (lists, terms)
    }

    fn add(&mut self, new: Single) {
        match self.singles.iter_mut().find(|single| single.behaviour == new.behaviour) {
            Some(single) => {
                single.members.extend(new.members);
                single.labels.extend(new.labels);
            }
            None => self.singles.push(new),
        }
    }

    fn find_ways(&mut self, survey: &mut Survey<'_>) {
        let mut found: HashSet<Vec<bool>> = HashSet::new();
        let first = |(place, single): (usize, &Single)| Way {
            behaviour: single.behaviour.clone(),
            singles: vec![place],
        };
        let mut queue: VecDeque<Way> = self.singles.iter().enumerate().map(first).collect();
        while let Some(way) = queue.pop_front() {
            if !found.insert(way.behaviour.clone()) {
                continue;
            }
            if self.ways.len() >= BEHAVIOURS_MAX {
                let name = self.key.name();
                survey.unproven.insert(format!("lists of `{name}` behave in more ways than were followed"));
                return;
            }
            for (place, single) in self.singles.iter().enumerate() {
                let behaviour = self.joined(&way.behaviour, &single.behaviour);
                if !found.contains(&behaviour) {
                    queue.push_back(Way { behaviour, singles: [way.singles.as_slice(), &[place]].concat() });
                }
            }
            self.ways.push(way);
        }
    }

    fn joined(&self, one: &[bool], other: &[bool]) -> Vec<bool> {
        let join =
            |((any, one), other): ((&bool, &bool), &bool)| if *any { *one || *other } else { *one && *other };
        self.any.iter().zip(one).zip(other).map(join).collect()
    }

    /// The classes that a list of this way may hold: adding them changes nothing.
    fn alike(&self, way: &Way) -> Vec<&Single> {
        let changes_nothing =
            |single: &&Single| self.joined(&way.behaviour, &single.behaviour) == way.behaviour;
        self.singles.iter().filter(changes_nothing).collect()
    }

    fn chosen(&self, way: &Way) -> Vec<&Single> {
        way.singles.iter().filter_map(|place| self.singles.get(*place)).collect()
    }

    fn point(&self, way: &Way, terms: &Terms) -> Point {
        let chosen = self.chosen(way);
        let values: Vec<String> =
            chosen.iter().filter_map(|single| single.members.first()).cloned().collect();
        let mut facts = vec![(self.key, many(&values))];
        if self.key == Key::Recipients {
            facts.push((Key::RecipientCount, number(values.len() as u64)));
        }
        let named: Vec<&String> = chosen.iter().flat_map(|single| &single.labels).collect();
        let others = self.alike(way).into_iter().flat_map(|single| single.labels.iter().cloned());
        let others: Vec<String> = others.filter(|label| !named.contains(&label)).collect();
        let words = |labels: &[String]| terms.summary(labels).join(" or ");
        let labels = match (chosen.as_slice(), others.as_slice()) {
            ([only], []) => only.labels.clone(),
            (several, others) => {
                let parts: Vec<String> = several.iter().map(|single| words(&single.labels)).collect();
                let with = match others {
                    [] => String::new(),
                    others => format!(", alone or with {}", words(others)),
                };
                vec![parts.join(" together with ") + &with]
            }
        };
        Point { facts, labels, shown: values, ..Point::default() }
    }

    /// The way with every number of values that conditions tell apart and that it can have.
    fn by_count(&self, way: &Way, point: &Point) -> Vec<Point> {
        let mut points = Vec::new();
        for (count, label) in in_each_piece(&self.counts, way.singles.len() as u64) {
            let Some(values) = self.filled(way, usize::try_from(count).unwrap_or(usize::MAX)) else {
                continue;
            };
            points.push(Point {
                facts: vec![(self.key, many(&values)), (Key::RecipientCount, number(count))],
                labels: point.labels.iter().map(|one| counted(one, &label)).collect(),
                shown: values,
                ..Point::default()
            });
        }
        points
    }

    /// So many different addresses that behave as the way does, if there are as many.
    fn filled(&self, way: &Way, wanted: usize) -> Option<Vec<String>> {
        let mut values: Vec<String> =
            self.chosen(way).iter().filter_map(|single| single.members.first()).cloned().collect();
        for value in self.alike(way).into_iter().flat_map(|single| &single.members) {
            if values.len() < wanted && !values.contains(value) {
                values.push(value.clone());
            }
        }
        (values.len() >= wanted).then_some(values)
    }
}

fn counted(list: &str, count: &str) -> String {
    let noun = if count == "1" { "address" } else { "addresses" };
    if list == "any" { format!("{count} {noun}") } else { format!("{list}, {count} {noun}") }
}

/// The least count of each piece that a list of so many classes can have.
fn in_each_piece(counts: &[(u64, String)], least: u64) -> Vec<(u64, String)> {
    let mut fitting = Vec::new();
    for (place, (count, label)) in counts.iter().enumerate() {
        let next = counts.get(place + 1).map_or(u64::MAX, |(next, _)| *next);
        if least < next {
            fitting.push(((*count).max(least), label.clone()));
        }
    }
    fitting
}

fn many(values: &[String]) -> Values<'static> {
    Values::Many(values.iter().map(|value| Value::text(value.clone())).collect())
}

fn number(count: u64) -> Values<'static> {
    Values::One(Value::from(count))
}
