//! What only all documents together show: what nobody allows, what nobody restricts, what is not consulted.

use crate::policy::arn::Name;
use crate::policy::compile::Kind;
use crate::policy::context::Context;
use crate::policy::key::Key;
use crate::policy::lint::catalogue::{
    CONFIGSET_NOT_COVERED, DISPLAY_NAME_ONLY, FROM_WITHOUT_FEEDBACK, IDENTITY_SHADOWED, NO_CONDITION_STAR,
};
use crate::policy::lint::subject::{Subject, Term};
use crate::policy::lint::{Notes, Surroundings};
use crate::policy::operator::Sense;
use crate::policy::syntax::{Effect, Written};

pub(super) fn lint(all: &[Subject<'_>], surroundings: &Surroundings, notes: &mut Notes) {
    let asked: Vec<&Subject<'_>> = all.iter().filter(|subject| subject.is_asked()).collect();
    configuration_sets(&asked, surroundings, notes);
    shadowed_identities(&asked, surroundings, notes);
    from_without_feedback(&asked, notes);
    display_name_only(&asked, notes);
    nothing_restricted(&asked, notes);
}

/// A configuration set is a resource of its own, and every resource of a mail must be allowed.
fn configuration_sets(asked: &[&Subject<'_>], surroundings: &Surroundings, notes: &mut Notes) {
    let allows = asked.iter().filter(|subject| subject.effect() == Effect::Allow);
    let Some(first) = allows.clone().next() else { return };
    let Some(resource) = first.written.resource.values.first() else { return };
    for name in &surroundings.configuration_sets {
        let arn = surroundings.arn("configuration-set", name);
        if !allows.clone().any(|subject| may_match(subject, &arn)) {
            let message = format!(
                "no statement allows the configuration set `{name}`, which mails are given: every one of them is refused"
            );
            let finding = CONFIGSET_NOT_COVERED.at(
                first.place_of_resource(resource),
                message,
                format!("add \"{arn}\" to the Resource"),
            );
            notes.push(first.document, finding);
        }
    }
}

/// Variables may become anything.
fn may_match(subject: &Subject<'_>, arn: &str) -> bool {
    let nothing = Context::new();
    let name = Name::new(arn);
    subject.compiled.resources.includes(|pattern| pattern.matches(&name, &nothing))
        || subject.written.resource.values.iter().any(|resource| resource.text.contains("${"))
}

/// SES consults the documents of an address, if it is an identity and has any, and not those of its domain.
fn shadowed_identities(asked: &[&Subject<'_>], surroundings: &Surroundings, notes: &mut Notes) {
    let attached = || asked.iter().filter(|subject| subject.kind == Kind::Resource);
    let names = |subject: &Subject<'_>, arn: &str| {
        let element = &subject.written.resource;
        element.sense == Sense::Is && element.values.iter().any(|resource| resource.text == arn)
    };
    let has_own = |address: &&String| {
        let arn = surroundings.arn("identity", address);
        attached().any(|subject| names(subject, &arn))
    };
    let addresses: Vec<&String> =
        surroundings.identities.iter().filter(|name| name.contains('@')).filter(has_own).collect();
    for subject in attached() {
        for resource in &subject.written.resource.values {
            let Some((_, domain)) = resource.text.split_once(":identity/") else { continue };
            let is_within = |address: &&&String| {
                let end = address.rsplit('@').next().unwrap_or_default();
                end == domain || end.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
            };
            if let Some(address) = addresses.iter().find(is_within) {
                let message = format!(
                    "this is not consulted for `{address}`, which is an identity with documents of its own"
                );
                let fix = format!("say it in a document of `{address}` too");
                notes.push(
                    subject.document,
                    IDENTITY_SHADOWED.at(subject.place_of_resource(resource), message, fix),
                );
            }
        }
    }
}

/// Once for all documents, where From is first restricted.
fn from_without_feedback(asked: &[&Subject<'_>], notes: &mut Notes) {
    let first = |key| asked.iter().find_map(|subject| permitting(subject, key).map(|term| (subject, term)));
    if let (Some((subject, term)), None) = (first(Key::FromAddress), first(Key::FeedbackAddress)) {
        let message = "From is restricted and MAIL FROM is not: bounces may be sent to any address of a verified identity";
        let fix = "restrict ses:FeedbackAddress too".to_owned();
        notes.push(subject.document, FROM_WITHOUT_FEEDBACK.at(subject.place_of_key(&term), message, fix));
    }
}

fn display_name_only(asked: &[&Subject<'_>], notes: &mut Notes) {
    let restricts_from = |subject: &&&Subject<'_>| permitting(subject, Key::FromAddress).is_some();
    if asked.iter().filter(|subject| subject.effect() == Effect::Deny).any(|subject| restricts_from(&subject))
    {
        return;
    }
    for subject in asked.iter().filter(|subject| subject.effect() == Effect::Allow) {
        if let Some(term) = permitting(subject, Key::FromDisplayName)
            && subject.terms_on(Key::FromAddress).next().is_none()
        {
            let message = "the name is restricted and the address is not: any address of a verified identity may use it";
            let fix = "restrict ses:FromAddress too".to_owned();
            notes.push(subject.document, DISPLAY_NAME_ONLY.at(subject.place_of_key(&term), message, fix));
        }
    }
}

fn nothing_restricted(asked: &[&Subject<'_>], notes: &mut Notes) {
    if asked.iter().any(|subject| subject.effect() == Effect::Deny) {
        return;
    }
    for subject in asked.iter().filter(|subject| subject.kind == Kind::Identity) {
        let everything = |resource: &&Written<'_>| resource.text == "*";
        let everywhere = subject.written.resource.values.iter().find(everything);
        if let Some(resource) = everywhere
            && subject.written.conditions.is_empty()
            && subject.written.resource.sense == Sense::Is
        {
            let message = "this allows every mail, and no statement denies any";
            let fix = "restrict it, or deny what must not be sent".to_owned();
            notes.push(
                subject.document,
                NO_CONDITION_STAR.at(subject.place_of_resource(resource), message, fix),
            );
        }
    }
}

/// The condition whose list is what this key may hold.
fn permitting<'t>(subject: &Subject<'t>, key: Key) -> Option<Term<'t>> {
    subject.terms_on(key).find(|term| subject.permits_by(term))
}
