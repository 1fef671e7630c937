//! Keys: whether a mail can have them, and whether the operator fits what they hold.

use crate::policy::finding::Finding;
use crate::policy::key::KeyName;
use crate::policy::lint::catalogue::{
    GLOBAL_KEY_NOT_IN_SES, KEY_NOT_CONFIGURED, KEY_NOT_IN_ACTION, Lint, TYPE_MISMATCH, UNKNOWN_KEY,
    USERAGENT_AUTHZ, VARIABLE_UNRESOLVABLE,
};
use crate::policy::lint::subject::{Place, Subject, Term};
use crate::policy::lint::vocabulary::{ACTION, Standing, Type, key_meant, standing};
use crate::policy::lint::{Notes, Surroundings};
use crate::policy::operator::{Absent, Comparison, Operator, Quantifier, Sense};

pub(super) fn lint(subject: &Subject<'_>, surroundings: &Surroundings, notes: &mut Notes) {
    for term in subject.terms() {
        if let Some(finding) = key(subject, &term, surroundings) {
            notes.push(subject.document, finding);
        }
        for value in term.values() {
            for name in variables(&value.text) {
                notes.extend(subject.document, variable(name, subject.place_of_value(&term, value)));
            }
        }
    }
    for resource in &subject.written.resource.values {
        for name in variables(&resource.text) {
            notes.extend(subject.document, variable(name, subject.place_of_resource(resource)));
        }
    }
}

fn key(subject: &Subject<'_>, term: &Term<'_>, surroundings: &Surroundings) -> Option<Finding> {
    let name = &term.condition.key;
    let absent = |lint: Lint, message: String, fix: Option<String>| {
        // `Null` may well ask for what is never there.
        let consequence = consequence(term.condition.operator);
        (!term.is_null())
            .then(|| lint.at(subject.place_of_key(term), format!("{message}: {consequence}"), fix))
    };
    match standing(name) {
        Standing::Filled(_) if term.key().is_some_and(|key| surroundings.unconfigured.contains(&key)) => {
            let message = format!("no mail has `{name}`, as things are configured");
            absent(KEY_NOT_CONFIGURED, message, Some("set it in the configuration".to_owned()))
        }
        Standing::Filled(values) => mismatch(subject, term, values),
        Standing::Global if name.to_string().eq_ignore_ascii_case("aws:UserAgent") => {
            let message =
                "a client says what it likes in `aws:UserAgent`, and over SMTP it says nothing".to_owned();
            absent(USERAGENT_AUTHZ, message, Some("ask for aws:SourceIp or aws:username".to_owned()))
        }
        Standing::Global => absent(GLOBAL_KEY_NOT_IN_SES, format!("no mail has `{name}`"), None),
        Standing::Elsewhere if subject.is_asked() => {
            absent(KEY_NOT_IN_ACTION, format!("{ACTION} has no `{name}`"), None)
        }
        Standing::Elsewhere => None,
        Standing::Unknown => {
            let fix = match key_meant(&term.clause.key.text) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "keys begin with `ses:`, `aws:` or `sesgate:`".to_owned(),
            };
            Some(UNKNOWN_KEY.at(subject.place_of_key(term), format!("there is no key `{name}`"), fix))
        }
    }
}

/// What becomes of a condition whose key is always absent.
fn consequence(operator: Operator) -> &'static str {
    match operator {
        Operator { quantifier: Quantifier::ForAnyValue, .. } => "this never holds",
        Operator { quantifier: Quantifier::ForAllValues, .. }
        | Operator { absent: Absent::Holds, .. }
        | Operator { sense: Sense::IsNot, .. } => "this always holds",
        Operator { .. } => "this never holds",
    }
}

/// Text is compared with anything; what is typed only with its like.
fn mismatch(subject: &Subject<'_>, term: &Term<'_>, values: Type) -> Option<Finding> {
    let (fits, wanted) = match term.comparison() {
        Comparison::StringEquals
        | Comparison::StringEqualsIgnoreCase
        | Comparison::StringLike
        | Comparison::Null => return None,
        Comparison::Numeric(_) => (matches!(values, Type::Number | Type::Epoch), "a number"),
        Comparison::Date(_) => (matches!(values, Type::Time | Type::Epoch), "a point in time"),
        Comparison::Bool => (matches!(values, Type::Bool), "true or false"),
        Comparison::Binary => (false, "binary"),
        Comparison::IpAddress => (matches!(values, Type::Network), "an IP address"),
        Comparison::Arn => (matches!(values, Type::Arn), "an ARN"),
    };
    if fits || values == Type::Any {
        return None;
    }
    let (key, operator) = (&term.condition.key, &term.clause.operator.text);
    let fix = match values {
        Type::Address | Type::Words | Type::Text | Type::Any => "StringEquals or StringLike",
        Type::Network => "IpAddress",
        Type::Time | Type::Epoch => "DateLessThan or DateGreaterThan",
        Type::Number => "NumericLessThan or NumericGreaterThan",
        Type::Bool => "Bool",
        Type::Arn => "ArnLike",
    };
    let message = format!("`{operator}` compares with {wanted}, which `{key}` is not");
    Some(TYPE_MISMATCH.at(subject.place_of_operator(term), message, format!("use {fix}, or its negation")))
}

fn variable(name: &str, place: Place) -> Option<Finding> {
    let key = KeyName::new(name);
    match standing(&key) {
        Standing::Filled(_) => None,
        Standing::Global | Standing::Elsewhere | Standing::Unknown => {
            let message = format!("`${{{name}}}` never has a value: no mail has the key `{name}`");
            let fix = key_meant(name)
                .filter(|meant| matches!(standing(&KeyName::new(meant)), Standing::Filled(_)))
                .map(|meant| format!("did you mean `${{{meant}}}`?"));
            Some(VARIABLE_UNRESOLVABLE.at(place, message, fix))
        }
    }
}

/// The names of the variables that have no default.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.split("${").skip(1).filter_map(|after| after.split_once('}'));
    inner
        .map(|(name, _)| name.trim_matches(' '))
        .filter(|name| !name.contains(',') && !matches!(*name, "*" | "?" | "$"))
}
