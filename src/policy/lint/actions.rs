//! Actions: the relay asks for one, and a statement that does not name it has no say.

use crate::policy::context::Context;
use crate::policy::finding::nearest;
use crate::policy::lint::Notes;
use crate::policy::lint::catalogue::{DENY_GAP, SMTP_ACTION_MISSING, UNKNOWN_ACTION, UNSUPPORTED_ACTION};
use crate::policy::lint::coverage;
use crate::policy::lint::subject::Subject;
use crate::policy::lint::vocabulary::{ACTION, ses_actions};
use crate::policy::operator::Sense;
use crate::policy::pattern::{Case, Pattern, Variables, Wildcards};
use crate::policy::syntax::{Effect, Written};

pub(super) fn lint(subject: &Subject<'_>, all: &[Subject<'_>], notes: &mut Notes) {
    let unknown: Vec<&Written<'_>> =
        subject.written.action.values.iter().filter(|action| is_unknown(&action.text)).collect();
    for action in &unknown {
        let meant = nearest(name(&action.text), ses_actions());
        let fix = meant.map_or_else(
            || format!("the relay asks for {ACTION}"),
            |meant| format!("did you mean `ses:{meant}`?"),
        );
        let message = format!("SES has no action `{}`", action.text);
        notes.push(subject.document, UNKNOWN_ACTION.at(subject.place_of_action(action), message, fix));
    }
    if unknown.is_empty() && !subject.is_asked() {
        unasked(subject, all, notes);
    }
}

/// The relay never asks what this statement is about.
fn unasked(subject: &Subject<'_>, all: &[Subject<'_>], notes: &mut Notes) {
    let Some(action) = subject.written.action.values.first() else { return };
    let place = subject.place_of_action(action);
    let fix = match subject.written.action.sense {
        Sense::Is => format!("add \"{ACTION}\""),
        Sense::IsNot => format!("take \"{ACTION}\" out of NotAction"),
    };
    let finding = match (subject.is_about_sending(), subject.effect()) {
        (true, Effect::Allow) => {
            if all.iter().any(|other| is_beside(other, subject) && other.is_asked()) {
                return;
            }
            let message =
                format!("this allows nothing over SMTP: sending there is {ACTION}, which this is not about");
            SMTP_ACTION_MISSING.at(place, message, fix)
        }
        (true, Effect::Deny) => {
            let is_filled = |other: &Subject<'_>| other.is_asked() && coverage::denies_alike(other, subject);
            if all.iter().any(is_filled) {
                return;
            }
            let message =
                format!("this denies nothing over SMTP: sending there is {ACTION}, which this is not about");
            DENY_GAP.at(place, message, fix)
        }
        (false, _) => {
            let message = format!("this has no effect here: the relay asks for {ACTION} only");
            UNSUPPORTED_ACTION.at(place, message, None)
        }
    };
    notes.push(subject.document, finding);
}

/// Whether the other is an Allow of the same document, which then is not meant for SMTP alone.
fn is_beside(other: &Subject<'_>, subject: &Subject<'_>) -> bool {
    other.document == subject.document && other.effect() == Effect::Allow
}

fn is_unknown(action: &str) -> bool {
    let is_of_ses = action.get(..4).is_some_and(|vendor| vendor.eq_ignore_ascii_case("ses:"));
    if !is_of_ses {
        return false;
    }
    if !action.contains(['*', '?']) {
        return !ses_actions().any(|known| known.eq_ignore_ascii_case(name(action)));
    }
    let Ok(pattern) = Pattern::new(name(action), Variables::Literal, Wildcards::Live, Case::Ignored) else {
        return false;
    };
    let nothing = Context::new();
    !ses_actions().any(|known| pattern.matches(known, &nothing))
}

fn name(action: &str) -> &str {
    action.split_once(':').map_or(action, |(_, name)| name)
}
