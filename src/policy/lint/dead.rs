//! Statements whose conditions contradict each other or lie in the past, so that they never match.

use jiff::Timestamp;

use crate::policy::condition::Wanted;
use crate::policy::context::Context;
use crate::policy::finding::Finding;
use crate::policy::key::Key;
use crate::policy::lint::catalogue::DEAD_STATEMENT;
use crate::policy::lint::subject::{Subject, Term};
use crate::policy::lint::{Notes, Surroundings};
use crate::policy::operator::{Comparison, Quantifier, Relation, Sense};
use crate::policy::pattern::Pattern;

pub(super) fn lint(subject: &Subject<'_>, surroundings: &Surroundings, notes: &mut Notes) {
    let now = Timestamp::try_from(surroundings.now).unwrap_or(Timestamp::MIN);
    let terms: Vec<Term<'_>> =
        subject.terms().filter(|term| term.quantifier() == Quantifier::Single && term.demands()).collect();
    notes.extend(subject.document, find(subject, &terms, now));
}

/// The first reason is enough.
fn find(subject: &Subject<'_>, terms: &[Term<'_>], now: Timestamp) -> Option<Finding> {
    terms.iter().enumerate().find_map(|(index, term)| {
        let key = &term.condition.key;
        let place = || subject.place_of_key(term);
        if is_past(term, now) {
            let message = "this never matches again: its time is past";
            return Some(DEAD_STATEMENT.at(place(), message, "take it out, or set a later time".to_owned()));
        }
        let earlier = terms.get(..index).unwrap_or_default();
        let is_contrary = |other: &&Term<'_>| {
            other.condition.key == *key && (excludes(other, term) || excludes(term, other))
        };
        earlier.iter().find(is_contrary).map(|other| {
            let (one, two) = (&other.clause.operator.text, &term.clause.operator.text);
            let message = format!("this never matches: no `{key}` fits both `{one}` and `{two}`");
            DEAD_STATEMENT.at(place(), message, None)
        })
    })
}

fn is_past(term: &Term<'_>, now: Timestamp) -> bool {
    let is_clock = matches!(term.key(), Some(Key::CurrentTime | Key::EpochTime));
    match &term.condition.values {
        Wanted::Date(Relation::LessThan | Relation::LessThanEquals | Relation::Equals, dates) => {
            is_clock && term.sense() == Sense::Is && dates.iter().all(|date| *date < now)
        }
        _ => false,
    }
}

/// Whether nothing that the first condition takes is taken by the second, as far as their texts tell.
fn excludes(first: &Term<'_>, second: &Term<'_>) -> bool {
    match (&first.condition.values, &second.condition.values) {
        (Wanted::Null(absent), _) if !second.is_null() => {
            absent.iter().all(|absent| *absent) && second.demands_key()
        }
        (Wanted::Date(above, lower), Wanted::Date(below, upper)) => is_empty(*above, lower, *below, upper),
        (Wanted::Number(above, lower), Wanted::Number(below, upper)) => {
            is_empty(*above, lower, *below, upper)
        }
        (Wanted::Text(_), Wanted::Text(patterns)) => excludes_texts(first, second, patterns),
        _ => false,
    }
}

/// Whether nothing is above all the lower bounds and below all the upper ones. Of several bounds one is enough.
fn is_empty<T: Ord>(above: Relation, lower: &[T], below: Relation, upper: &[T]) -> bool {
    let (Some(lowest), Some(highest)) = (lower.iter().min(), upper.iter().max()) else { return false };
    match (above, below) {
        (Relation::GreaterThan, Relation::LessThan | Relation::LessThanEquals)
        | (Relation::GreaterThanEquals, Relation::LessThan) => lowest >= highest,
        (Relation::GreaterThanEquals, Relation::LessThanEquals) => lowest > highest,
        _ => false,
    }
}

/// The first lists whole texts, and the second takes none of them.
fn excludes_texts(first: &Term<'_>, second: &Term<'_>, patterns: &[Pattern]) -> bool {
    let wildcards: &[char] = match first.comparison() {
        Comparison::StringEquals => &['$'],
        Comparison::StringLike => &['*', '?', '$'],
        _ => return false,
    };
    let nothing = Context::new();
    let is_taken = |text: &str| patterns.iter().any(|pattern| pattern.matches(text, &nothing));
    let has_variables = second.values().iter().any(|value| value.text.contains("${"));
    let is_sure = second.sense() == Sense::IsNot || !has_variables;
    first.sense() == Sense::Is
        && is_sure
        && first
            .values()
            .iter()
            .all(|value| !value.text.contains(wildcards) && !second.sense().applied(is_taken(&value.text)))
}
