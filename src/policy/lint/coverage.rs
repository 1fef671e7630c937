//! Statements that another one makes superfluous, or takes the effect from.
//!
//! Cautious: what is found to be covered is covered for every request. What is covered only together by several
//! others, or for reasons beyond the text of the conditions, is not found.

use crate::policy::arn::Name;
use crate::policy::compile::Kind;
use crate::policy::condition::Wanted;
use crate::policy::context::Context;
use crate::policy::finding::Finding;
use crate::policy::lint::Notes;
use crate::policy::lint::catalogue::{ALLOW_RESTRICTS_NOBODY, REDUNDANT, SHADOWED};
use crate::policy::lint::subject::{Subject, Term};
use crate::policy::operator::Sense;
use crate::policy::pattern::Pattern;
use crate::policy::principal::PrincipalPattern;
use crate::policy::statement::AnyOf;
use crate::policy::syntax::{Effect, Written};

pub(super) fn lint(all: &[Subject<'_>], notes: &mut Notes) {
    let comparison = Comparison::default();
    let asked: Vec<&Subject<'_>> = all.iter().filter(|subject| subject.is_asked()).collect();
    for (index, subject) in asked.iter().enumerate() {
        let idles = |(at, other): &(usize, &&Subject<'_>)| match (other.effect(), subject.effect()) {
            (Effect::Allow, Effect::Deny) => false,
            (Effect::Deny, Effect::Allow) => comparison.covers(other, subject),
            // Of two alike, the later one is superfluous.
            (Effect::Allow, Effect::Allow) | (Effect::Deny, Effect::Deny) => {
                *at != index
                    && comparison.covers(other, subject)
                    && (*at < index || !comparison.covers(subject, other))
            }
        };
        if let Some((_, other)) = asked.iter().enumerate().find(idles) {
            notes.push(subject.document, finding(subject, other));
        }
    }
}

/// Whether both deny the same requests, whatever the action.
pub(super) fn denies_alike(one: &Subject<'_>, other: &Subject<'_>) -> bool {
    one.effect() == Effect::Deny && Comparison::default().covers(one, other)
}

fn finding(subject: &Subject<'_>, other: &Subject<'_>) -> Finding {
    let name = other.name_beside(subject);
    let is_conditional = !subject.written.conditions.is_empty();
    match (other.effect(), other.kind, subject.kind) {
        (Effect::Deny, ..) if subject.effect() == Effect::Allow => {
            SHADOWED.at(subject.place(), format!("{name} denies all that this allows"), None)
        }
        (Effect::Allow, Kind::Identity, Kind::Resource) if is_conditional => {
            let message = format!("this restricts nobody: {name} allows the same without its conditions");
            let fix = "turn it into a Deny with the negated operators, or narrow the other".to_owned();
            ALLOW_RESTRICTS_NOBODY.at(subject.place(), message, fix)
        }
        _ => REDUNDANT.at(subject.place(), format!("{name} says this already"), None),
    }
}

/// Compares statements by what they say, with variables left open.
#[derive(Default)]
struct Comparison {
    nothing: Context<'static>,
}

impl Comparison {
    /// Whether every request that `small` matches is matched by `big` too, of an action that both are about.
    fn covers(&self, big: &Subject<'_>, small: &Subject<'_>) -> bool {
        // More conditions are hardly ever implied by fewer, and every pair of statements is looked at.
        big.written.conditions.len() <= small.written.conditions.len()
            && big.terms().all(|wide| small.terms().any(|narrow| self.implies(&narrow, &wide)))
            && self.covers_resources(big, small)
            && covers_principals(big.compiled.principals.as_ref(), small.compiled.principals.as_ref())
    }

    /// A document with a Principal is about an address that its domain stands for, too. So only what is about
    /// everything covers it from outside; and its `NotResource` leaves out more than that of another.
    fn covers_resources(&self, big: &Subject<'_>, small: &Subject<'_>) -> bool {
        let (outer, inner) = (&big.written.resource, &small.written.resource);
        let is_everything = || outer.values.iter().any(|other| other.text == "*");
        match (outer.sense, inner.sense) {
            (Sense::Is, _) if is_everything() => true,
            _ if big.kind == Kind::Identity && small.kind == Kind::Resource => false,
            (Sense::Is, Sense::Is) => inner.values.iter().all(|resource| self.is_named(resource, big)),
            (Sense::IsNot, Sense::IsNot) if big.kind == small.kind => {
                outer.values.iter().all(|value| inner.values.iter().any(|other| other.text == value.text))
            }
            (Sense::Is | Sense::IsNot, Sense::IsNot) | (Sense::IsNot, Sense::Is) => false,
        }
    }

    fn is_named(&self, resource: &Written<'_>, big: &Subject<'_>) -> bool {
        let name = Name::new(&resource.text);
        let is_whole = !resource.text.contains(['*', '?', '$']) && name.segments().is_some();
        let mut patterns = big.compiled.resources.patterns.iter();
        big.written.resource.values.iter().any(|other| other.text == resource.text)
            || is_whole && patterns.any(|pattern| pattern.matches(&name, &self.nothing))
    }

    /// Whether the wide condition holds wherever the narrow one does: the same question, with more in the list
    /// of what fits, or less in the list of what does not.
    fn implies(&self, narrow: &Term<'_>, wide: &Term<'_>) -> bool {
        let is_same_question = narrow.condition.key == wide.condition.key
            && narrow.condition.operator == wide.condition.operator
            && !matches!(narrow.condition.values, Wanted::Unsound);
        is_same_question
            && match wide.sense() {
                Sense::Is => narrow.values().iter().all(|value| self.is_within(value, wide)),
                Sense::IsNot => wide.values().iter().all(|value| self.is_within(value, narrow)),
            }
    }

    fn is_within(&self, value: &Written<'_>, term: &Term<'_>) -> bool {
        let is_literal = || !value.text.contains(['*', '?', '$']);
        let matches = |pattern: &Pattern| pattern.matches(&value.text, &self.nothing);
        term.values().iter().any(|other| other.text == value.text)
            || matches!(&term.condition.values, Wanted::Text(patterns) if patterns.iter().any(matches) && is_literal())
    }
}

fn covers_principals(big: Option<&AnyOf<PrincipalPattern>>, small: Option<&AnyOf<PrincipalPattern>>) -> bool {
    match (big, small) {
        (None, _) => true,
        (Some(big), _) if big.sense == Sense::Is && big.patterns.contains(&PrincipalPattern::Everyone) => {
            true
        }
        (Some(_), None) => false,
        (Some(big), Some(small)) => {
            let is_within = |inner: &[PrincipalPattern], outer: &[PrincipalPattern]| {
                inner.iter().all(|pattern| outer.contains(pattern))
            };
            match (big.sense, small.sense) {
                (Sense::Is, Sense::Is) => is_within(&small.patterns, &big.patterns),
                (Sense::IsNot, Sense::IsNot) => is_within(&big.patterns, &small.patterns),
                (Sense::Is, Sense::IsNot) | (Sense::IsNot, Sense::Is) => false,
            }
        }
    }
}
