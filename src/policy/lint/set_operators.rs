//! Conditions that let through what they do not name: set operators, and negation where something is allowed.

use crate::policy::finding::Finding;
use crate::policy::lint::Notes;
use crate::policy::lint::catalogue::{
    ALLVALUES_NEGATED_IN_DENY, ALLVALUES_NOT_GUARDED, ANYVALUE_IN_ALLOW, NEGATED_CONDITION_IN_ALLOW,
    SET_OPERATOR_ON_SINGLE_KEY,
};
use crate::policy::lint::subject::{Subject, Term};
use crate::policy::operator::{Quantifier, Sense};
use crate::policy::syntax::Effect;

pub(super) fn lint(subject: &Subject<'_>, notes: &mut Notes) {
    for term in subject.terms().filter(|term| !term.is_null()) {
        let findings = [quantifier(subject, &term), unguarded(subject, &term), negation(subject, &term)];
        notes.extend(subject.document, findings.into_iter().flatten());
    }
}

fn quantifier(subject: &Subject<'_>, term: &Term<'_>) -> Option<Finding> {
    let key = &term.condition.key;
    let place = || subject.place_of_operator(term);
    let operator = &term.clause.operator.text;
    let plain = operator.split_once(':').map_or(&**operator, |(_, plain)| plain);
    let is_single = term.key().is_some_and(|key| !key.is_multivalued());
    match (subject.effect(), term.quantifier(), term.sense()) {
        (_, quantifier @ (Quantifier::ForAllValues | Quantifier::ForAnyValue), _) if is_single => {
            let absent = if quantifier == Quantifier::ForAllValues { "holds" } else { "does not hold" };
            let message = format!(
                "`{key}` holds one value, and `{operator}` is for several: it {absent} when there is none"
            );
            Some(SET_OPERATOR_ON_SINGLE_KEY.at(place(), message, format!("write `{plain}`")))
        }
        (Effect::Allow, Quantifier::ForAnyValue, _) => {
            let message =
                format!("one value of `{key}` that fits is enough, so it lets all the others through");
            let fix = format!("write `ForAllValues:{plain}` and \"Null\": {{\"{key}\": \"false\"}}");
            Some(ANYVALUE_IN_ALLOW.at(place(), message, fix))
        }
        (Effect::Deny, Quantifier::ForAllValues, Sense::IsNot) => {
            let message = format!(
                "this denies only when all values of `{key}` are outside the list: one inside it lets the others through"
            );
            Some(ALLVALUES_NEGATED_IN_DENY.at(place(), message, format!("write `ForAnyValue:{plain}`")))
        }
        _ => None,
    }
}

fn unguarded(subject: &Subject<'_>, term: &Term<'_>) -> Option<Finding> {
    let key = &term.condition.key;
    let is_single = term.key().is_some_and(|key| !key.is_multivalued());
    let is_open = subject.effect() == Effect::Allow
        && term.quantifier() == Quantifier::ForAllValues
        && !is_single
        && !subject.guards(key);
    is_open.then(|| {
        let message = format!("`{}` also holds when there is no `{key}` at all", term.clause.operator.text);
        let fix = format!("add \"Null\": {{\"{key}\": \"false\"}}");
        ALLVALUES_NOT_GUARDED.at(subject.place_of_operator(term), message, fix)
    })
}

/// Beside a list of what is allowed, a list of exceptions is in order.
fn negation(subject: &Subject<'_>, term: &Term<'_>) -> Option<Finding> {
    let key = &term.condition.key;
    let is_exception = || subject.terms().any(|other| other.condition.key == *key && other.demands_key());
    let is_open = subject.effect() == Effect::Allow
        && term.sense() == Sense::IsNot
        && term.quantifier() != Quantifier::ForAnyValue
        && !is_exception();
    is_open.then(|| {
        let message = format!("this allows every `{key}` but those listed, and mails without any");
        let fix =
            "list what is allowed instead, or turn this into a Deny with the positive operator".to_owned();
        NEGATED_CONDITION_IN_ALLOW.at(subject.place_of_operator(term), message, fix)
    })
}
