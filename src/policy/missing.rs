//! Keys that a request does not hold and that would change its verdict if it did, each with a value that does.
//!
//! What is told is proven: the request is decided again with that value. Of a key that one condition names and
//! nothing else, what is not told is disproven as well, since for each value of the policy one is tried that
//! compares with it, and then one that is like none. Where several places want different things of one key, a value
//! that suits them all may exist and not be found; and what a variable may stand for is tried word by word.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use crate::policy::arn::ArnPattern;
use crate::policy::condition::{Condition, Wanted};
use crate::policy::context::{Context, Value, Values};
use crate::policy::key::KeyName;
use crate::policy::number::Number;
use crate::policy::pattern::Pattern;
use crate::policy::policies::{Decision, Policies, Request, Verdict};
use crate::policy::statement::Statement;
use crate::policy::survey::Token;

/// Like no value that a policy is likely to have, of whatever type.
const UNLIKE: [&str; 4] = ["something-else", "192.0.2.1", "2001:db8::1", "true"];

/// Were the key there with this value, and all else as it is, the decision would be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing<'p> {
    pub key: String,
    /// One value that makes the difference; of a key that holds several, the only one.
    pub example: String,
    pub decision: Decision<'p>,
}

/// One for each key and for each verdict that it could bring about.
pub(super) fn missing<'p>(
    policies: &'p Policies,
    request: &Request<'_>,
    verdict: Verdict,
) -> Vec<Missing<'p>> {
    let mut found = Vec::new();
    for (key, values) in candidates(policies, request) {
        let mut verdicts = vec![verdict];
        for value in values {
            let mut context = request.context.clone();
            let decision = decide_with(policies, request, &mut context, &key, &value);
            if !verdicts.contains(&decision.verdict) {
                verdicts.push(decision.verdict);
                found.push(Missing { key: key.to_string(), example: value, decision });
            }
        }
    }
    found
}

fn decide_with<'p>(
    policies: &'p Policies,
    request: &Request<'_>,
    context: &mut Context<'_>,
    key: &KeyName,
    value: &str,
) -> Decision<'p> {
    let name = key.to_string();
    let value = Value::text(value.to_owned());
    if key.is_multivalued() {
        context.set_all_named(&name, [value]);
    } else {
        context.set_named(&name, value);
    }
    policies.decide(&Request { context, ..*request })
}

/// The keys that statements about this action look up in vain, with the values that are worth a try.
fn candidates(policies: &Policies, request: &Request<'_>) -> Vec<(KeyName, Vec<String>)> {
    let mut found: Vec<(KeyName, Vec<String>)> = Vec::new();
    let context = request.context;
    let mut add = |key: &KeyName, values: Vec<String>| {
        if context.values(key).is_some() {
            return;
        }
        match found.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => known.extend(values),
            None => found.push((key.clone(), values)),
        }
    };
    let is_asked = |statement: &&Statement| statement.acts_on(request.action);
    for statement in policies.statements().filter(is_asked) {
        for condition in &statement.conditions {
            add(&condition.key, condition.examples(context));
            let met = context.values(&condition.key).map(Values::as_slice).unwrap_or_default();
            for key in condition.keys().skip(1) {
                add(key, met.iter().flat_map(|value| words(value.as_str())).collect());
            }
        }
        for key in statement.resources.patterns.iter().flat_map(ArnPattern::variables) {
            let names = [request.resource, request.attached];
            add(key, names.iter().flat_map(|name| words(name)).collect());
        }
    }
    for (_, values) in &mut found {
        values.extend(UNLIKE.map(str::to_owned));
        let mut seen = HashSet::new();
        values.retain(|value| seen.insert(value.clone()));
    }
    found
}

impl Condition {
    /// Values that compare with each of the policy's, and their neighbours.
    fn examples(&self, context: &Context<'_>) -> Vec<String> {
        match &self.values {
            Wanted::Text(patterns) => {
                patterns.iter().filter_map(|pattern| example(pattern, context)).collect()
            }
            Wanted::Arn(patterns) => patterns.iter().filter_map(|pattern| pattern.example(context)).collect(),
            Wanted::Number(_, numbers) => {
                let written = self.wording.values.iter().map(ToString::to_string);
                written.chain(numbers.iter().flat_map(around)).collect()
            }
            Wanted::Date(_, dates) => {
                let second = SignedDuration::from_secs(1);
                let around = |date: &Timestamp| {
                    [Ok(*date), date.checked_sub(second), date.checked_add(second)].into_iter().flatten()
                };
                dates.iter().flat_map(around).map(|date| date.to_string()).collect()
            }
            Wanted::Bool(_) => vec!["true".to_owned(), "false".to_owned()],
            Wanted::Binary(texts) => texts.iter().map(ToString::to_string).collect(),
            Wanted::Address(networks) => networks.iter().map(|network| network.ip().to_string()).collect(),
            Wanted::Null(_) | Wanted::Unsound => Vec::new(),
        }
    }
}

impl ArnPattern {
    fn example(&self, context: &Context<'_>) -> Option<String> {
        match self {
            Self::Exact(text) => Some(text.to_string()),
            Self::Segments(patterns) => {
                let parts: Option<Vec<String>> =
                    patterns.iter().map(|pattern| example(pattern, context)).collect();
                parts.map(|parts| parts.join(":"))
            }
            Self::Everything | Self::Never => None,
        }
    }
}

/// A text that the pattern matches; none if a variable has no value.
fn example(pattern: &Pattern, context: &Context<'_>) -> Option<String> {
    let mut text = String::new();
    for token in pattern.glob(context)?.tokens {
        match token {
            Token::Character(character) => text.push(character),
            Token::AnyCharacter => text.push('x'),
            Token::AnyText => text.push_str("any"),
        }
    }
    Some(text)
}

/// The whole numbers at it, above and below.
fn around(number: &Number) -> [String; 3] {
    let floor = number.floor();
    [floor, floor.saturating_add(1), floor.saturating_sub(1)].map(|whole| whole.to_string())
}

/// Every run of text between two places where a word begins or ends: what a variable in a pattern may stand for.
fn words(text: &str) -> Vec<String> {
    let is_mark = |character: char| !character.is_alphanumeric();
    let starts = text.match_indices(is_mark).map(|(at, mark)| at.saturating_add(mark.len()));
    let starts: Vec<usize> = std::iter::once(0).chain(starts).collect();
    let ends: Vec<usize> =
        text.match_indices(is_mark).map(|(at, _)| at).chain(std::iter::once(text.len())).collect();
    let between = |start: &usize| {
        let start = *start;
        ends.iter().filter_map(move |end| text.get(start..*end)).filter(|word| !word.is_empty())
    };
    starts.iter().flat_map(between).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_all_that_stands_between_marks() {
        let expected = ["a", "a.b", "a.b@c", "b", "b@c", "c"];
        assert_eq!(words("a.b@c"), expected);
        assert_eq!(words(""), [""; 0]);
    }
}
