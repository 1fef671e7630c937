//! Denials that, at SES, hold of every mail because a key is always absent there.

use crate::policy::finding::Finding;
use crate::policy::key::Key;
use crate::policy::lint::Notes;
use crate::policy::lint::catalogue::NEGATED_ON_ABSENT_KEY_IN_DENY;
use crate::policy::lint::subject::{Subject, Term};
use crate::policy::operator::{Quantifier, Sense};
use crate::policy::syntax::Effect;

/// A request comes through a VPC endpoint and has these, or it does not and has `aws:SourceIp`
/// (IAM user guide, "AWS global condition context keys").
const THROUGH_ENDPOINT: [Key; 3] = [Key::VpcSourceIp, Key::SourceVpc, Key::SourceVpce];

pub(super) fn lint(all: &[Subject<'_>], notes: &mut Notes) {
    let denies =
        || all.iter().filter(|subject| subject.effect() == Effect::Deny && subject.is_about_sending());
    let Some(outside) =
        denies().find(|subject| denied(subject, &[Key::SourceIp], &THROUGH_ENDPOINT).is_some())
    else {
        return;
    };
    for subject in denies() {
        if let Some(term) = denied(subject, &THROUGH_ENDPOINT, &[Key::SourceIp]) {
            notes.push(subject.document, finding(subject, &term, outside));
        }
    }
}

/// The condition that denies whoever is outside its list, unless another asks for a key of the other kind.
fn denied<'t>(subject: &Subject<'t>, keys: &[Key], others: &[Key]) -> Option<Term<'t>> {
    let is_on = |term: &Term<'_>, keys: &[Key]| term.key().is_some_and(|key| keys.contains(&key));
    let is_tied = subject.terms().any(|term| is_on(&term, others)) || {
        subject.terms().any(|term| is_on(&term, keys) && subject.guards(&term.condition.key))
    };
    let is_denying = |term: &Term<'_>| {
        is_on(term, keys) && term.sense() == Sense::IsNot && term.quantifier() == Quantifier::Single
    };
    subject.terms().find(is_denying).filter(|_| !is_tied)
}

fn finding(subject: &Subject<'_>, term: &Term<'_>, outside: &Subject<'_>) -> Finding {
    let key = &term.condition.key;
    let message = format!(
        "together with {}, which asks for `aws:SourceIp`, this denies every mail at SES: one of the two keys is always absent there, and a negated condition holds of an absent key; here both are there",
        outside.name_beside(subject)
    );
    let fix = format!("ask for `{key}` and `aws:SourceIp` in one statement");
    NEGATED_ON_ABSENT_KEY_IN_DENY.at(subject.place_of_operator(term), message, fix)
}
