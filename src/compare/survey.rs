//! The conditions of all policies that are compared, and how the classes of one key behave under them.

use std::collections::{BTreeSet, HashMap};

use crate::compare::axis::Point;
use crate::compare::form::Form;
use crate::compare::glob_classes::TextClasses;
use crate::compare::ground::{Ground, Latitude, Side};
use crate::policy::{Context, Glob, Key, KeyName, Mark, Policies, Test, Values};

/// The one action that sending over SMTP is.
pub const ACTION: &str = "ses:SendRawEmail";

/// Keys whose value is settled by who sends.
const BY_APP: [Key; 8] = [
    Key::App,
    Key::UserName,
    Key::UserId,
    Key::PrincipalArn,
    Key::PrincipalAccount,
    Key::PrincipalType,
    Key::RequestedRegion,
    Key::ApiVersion,
];

#[derive(Debug)]
pub struct Survey<'a> {
    pub ground: &'a Ground,
    pub tests: Vec<Test<'a>>,
    policies: Vec<&'a Policies>,
    /// What every request of each app holds.
    pub contexts: Vec<Context<'static>>,
    /// What the comparison does not cover, for people.
    pub unproven: BTreeSet<String>,
}

/// How a class behaves: each test under each app, and the resources.
type Behaviour = (Vec<bool>, Vec<String>);

impl<'a> Survey<'a> {
    pub fn new(ground: &'a Ground, sides: &[Side<'a>]) -> Self {
        let mut policies: Vec<&Policies> = Vec::new();
        for set in sides.iter().flat_map(|side| &side.by_app) {
            if !policies.iter().any(|known| std::ptr::eq(*known, *set)) {
                policies.push(set);
            }
        }
        let tests = policies.iter().flat_map(|set| set.tests(ACTION)).collect();
        let contexts = ground.apps.iter().map(|app| ground.context(app)).collect();
        let mut survey = Self { ground, tests, policies, contexts, unproven: BTreeSet::new() };
        survey.note_variables();
        survey
    }

    /// Whether any policy looks the key up.
    pub fn mentions(&self, key: Key) -> bool {
        let is_it = |name: &KeyName| *name == KeyName::Known(key);
        let in_tests = |test: &Test<'_>| is_it(test.key()) || test.variables().any(is_it);
        self.tests.iter().any(in_tests) || self.policies.iter().any(|set| set.resource_variables().any(is_it))
    }

    pub fn about(&self, keys: &[Key]) -> Vec<Test<'a>> {
        let is_about = |test: &&Test<'a>| matches!(test.key(), KeyName::Known(key) if keys.contains(key));
        self.tests.iter().filter(is_about).copied().collect()
    }

    /// Everything that conditions on the keys compare with, each once.
    pub fn marks(&self, keys: &[Key]) -> Vec<Mark> {
        let mut marks: Vec<Mark> = Vec::new();
        for test in self.about(keys) {
            for context in &self.contexts {
                for mark in test.marks(context) {
                    if !marks.contains(&mark) {
                        marks.push(mark);
                    }
                }
            }
        }
        marks
    }

    /// The patterns on a key that holds text; what else conditions compare it with is noted.
    pub fn globs(&mut self, key: Key) -> Vec<Glob> {
        let mut globs = Vec::new();
        for mark in self.marks(&[key]) {
            match mark {
                Mark::Text(pattern) => globs.push(pattern),
                Mark::Presence => {}
                Mark::Arn | Mark::Number { .. } | Mark::Time(_) | Mark::Network { .. } => {
                    let name = key.name();
                    self.unproven.insert(format!(
                        "a condition compares `{name}`, a text, as an ARN, a number, a date or an address"
                    ));
                }
            }
        }
        globs
    }

    /// Notes conditions that compare a key otherwise than its pieces are cut.
    pub fn expect(&mut self, keys: &[Key], is_expected: impl Fn(&Mark) -> bool, what: &str) {
        let marks = self.marks(keys);
        if !marks.iter().all(|mark| *mark == Mark::Presence || is_expected(mark)) {
            let names: Vec<&str> = keys.iter().map(|key| key.name()).collect();
            self.unproven
                .insert(format!("a condition compares `{}` otherwise than as {what}", names.join("`, `")));
        }
    }

    /// The names of configuration sets that resources set apart.
    pub fn resource_names(&self) -> Vec<Glob> {
        let mut names: Vec<Glob> = Vec::new();
        for set in &self.policies {
            for context in &self.contexts {
                for term in set.resource_terms(context) {
                    if !names.contains(&term.name) {
                        names.push(term.name);
                    }
                }
            }
        }
        names
    }

    pub fn classes(&mut self, globs: &[Glob], form: Form, prefix: &str, key: Key) -> TextClasses {
        let found = TextClasses::new(globs, form, prefix);
        if !found.is_complete {
            let (count, name) = (globs.len(), key.name());
            self.unproven.insert(format!(
                "the {count} patterns about `{name}` overlap in more ways than were followed; \
                 some combination of them may be missing"
            ));
        }
        found
    }

    /// Joins the classes that no condition and no resource can tell apart.
    pub fn merged(&mut self, keys: &[Key], candidates: Vec<Point>) -> Vec<Point> {
        let tests = self.about(keys);
        let mut places: HashMap<Behaviour, usize> = HashMap::new();
        let mut points: Vec<Point> = Vec::new();
        for candidate in candidates {
            let behaviour = self.behaviour(&tests, keys, &candidate);
            if let Some(point) = places.get(&behaviour).and_then(|place| points.get_mut(*place)) {
                for label in candidate.labels {
                    if !point.labels.contains(&label) {
                        point.labels.push(label);
                    }
                }
            } else {
                places.insert(behaviour, points.len());
                points.push(candidate);
            }
        }
        points
    }

    /// How each test takes what the point holds, app by app.
    pub fn truths(
        &mut self,
        tests: &[Test<'_>],
        keys: &[Key],
        facts: &[(Key, Values<'static>)],
    ) -> Vec<bool> {
        let mut truths = Vec::with_capacity(tests.len() * self.contexts.len());
        for context in &mut self.contexts {
            let settled = keys.iter().map(|key| (*key, context.values(&KeyName::Known(*key)).cloned()));
            let settled: Vec<_> = settled.filter_map(|(key, values)| Some((key, values?))).collect();
            apply(context, keys, facts);
            truths.extend(tests.iter().map(|test| test.holds(context)));
            apply(context, keys, &settled);
        }
        truths
    }

    fn behaviour(&mut self, tests: &[Test<'_>], keys: &[Key], point: &Point) -> Behaviour {
        let resources = point.resources.iter().map(|resource| resource.arn.clone()).collect();
        (self.truths(tests, keys, &point.facts), resources)
    }

    fn is_settled(&self, key: Key) -> bool {
        BY_APP.contains(&key)
            || matches!(self.ground.latitude(key), Some(Latitude::Fixed(values)) if values.len() < 2)
    }

    /// A variable that differs from mail to mail ties two keys together, and each is cut by itself here.
    fn note_variables(&mut self) {
        let in_resources = self.policies.iter().flat_map(|set| set.resource_variables());
        let names: BTreeSet<String> = self
            .tests
            .iter()
            .flat_map(Test::variables)
            .chain(in_resources)
            .filter(|name| matches!(name, KeyName::Known(key) if !self.is_settled(*key)))
            .map(ToString::to_string)
            .collect();
        for name in names {
            self.unproven.insert(format!(
                "the variable `${{{name}}}` differs from mail to mail; what depends on it was not enumerated"
            ));
        }
    }
}

/// Sets the keys of an axis as one of its points has them.
pub fn apply(context: &mut Context<'static>, keys: &[Key], facts: &[(Key, Values<'static>)]) {
    for key in keys {
        let values = facts.iter().find(|(held, _)| held == key).map(|(_, values)| values.clone());
        context.hold(*key, values);
    }
}
