//! Resources: names that the relay never asks about, and patterns that AWS does not take.

use crate::policy::compile::Kind;
use crate::policy::context::Context;
use crate::policy::finding::{Finding, nearest};
use crate::policy::lint::catalogue::{
    OTHER_ACCOUNT_OR_REGION, RESOURCE_NOT_IDENTITY, UNKNOWN_IDENTITY, UNKNOWN_RESOURCE, WILDCARD_TYPE,
};
use crate::policy::lint::subject::Subject;
use crate::policy::lint::{Notes, Surroundings};
use crate::policy::operator::Sense;
use crate::policy::pattern::{Case, Pattern, Variables, Wildcards};
use crate::policy::syntax::Written;

/// What a mail may be about.
const TYPES: [&str; 2] = ["identity", "configuration-set"];

/// Other resources of SES (service authorization reference), which other actions are about.
const OTHER_TYPES: [&str; 18] = [
    "addon-instance",
    "addon-subscription",
    "contact-list",
    "custom-verification-email-template",
    "dedicated-ip-pool",
    "deliverability-test-report",
    "export-job",
    "import-job",
    "mailmanager-address-list",
    "mailmanager-archive",
    "mailmanager-ingress-point",
    "mailmanager-rule-set",
    "mailmanager-smtp-relay",
    "mailmanager-traffic-policy",
    "multi-region-endpoint",
    "reputation-policy",
    "template",
    "tenant",
];

pub(super) fn lint(subject: &Subject<'_>, surroundings: &Surroundings, notes: &mut Notes) {
    for resource in &subject.written.resource.values {
        notes.extend(subject.document, one(subject, resource, surroundings));
    }
    notes.extend(subject.document, attached_elsewhere(subject));
}

fn one(subject: &Subject<'_>, resource: &Written<'_>, surroundings: &Surroundings) -> Option<Finding> {
    let mut segments = resource.text.splitn(6, ':').chain(std::iter::repeat("*"));
    let [arn, partition, service, region, account, name] =
        std::array::from_fn(|_| segments.next().unwrap_or("*"));
    let place = || subject.place_of_resource(resource);
    // What is no ARN is refused elsewhere, and other services are none of the relay's business.
    if arn != "arn" || !fits(service, "ses") {
        return None;
    }
    if let Some((kind, _)) = name.split_once('/')
        && kind.contains(['*', '?'])
    {
        let message = format!("`{kind}` has a wildcard in the type of the resource, where AWS takes none");
        return Some(WILDCARD_TYPE.at(
            place(),
            message,
            "write `identity/` or `configuration-set/`".to_owned(),
        ));
    }
    let ours = [
        ("partition", partition, &surroundings.partition),
        ("region", region, &surroundings.region),
        ("account", account, &surroundings.account_id),
    ];
    if let Some((what, written, ours)) = ours.into_iter().find(|(_, written, ours)| !fits(written, ours)) {
        let message =
            format!("this names the {what} `{written}`; mails are sent from `{ours}`, so it matches none");
        return Some(OTHER_ACCOUNT_OR_REGION.at(place(), message, format!("write `{ours}`, or `*`")));
    }
    let (kind, rest) = name.split_once('/').unwrap_or((name, ""));
    if kind.contains(['*', '?', '$']) || OTHER_TYPES.contains(&kind) {
        return None;
    }
    if !TYPES.contains(&kind) {
        let message = format!("SES has no resource `{name}`");
        let fix = match nearest(kind, TYPES) {
            Some(meant) => format!("did you mean `{meant}/`?"),
            None => format!("write `identity/{}`", if rest.is_empty() { kind } else { rest }),
        };
        return Some(UNKNOWN_RESOURCE.at(place(), message, fix));
    }
    let is_ours = || surroundings.identities.iter().any(|identity| fits(rest, identity));
    (kind == "identity" && !rest.contains("${") && !is_ours()).then(|| {
        let message = format!("no identity of the configuration is `{rest}`, so this matches no mail");
        let fix = format!("the identities are: {}", surroundings.identities.join(", "));
        UNKNOWN_IDENTITY.at(place(), message, fix)
    })
}

/// SES attaches a document to an identity and wants its name as the one resource.
fn attached_elsewhere(subject: &Subject<'_>) -> Option<Finding> {
    let element = &subject.written.resource;
    let is_identity = |resource: &Written<'_>| {
        resource.text.splitn(6, ':').nth(5).is_some_and(|name| name.starts_with("identity/"))
            && !resource.text.contains(['*', '?', '$'])
    };
    let is_one =
        element.sense == Sense::Is && element.values.len() == 1 && element.values.iter().all(is_identity);
    let first = element.values.first()?;
    (subject.kind == Kind::Resource && !is_one).then(|| {
        let message = "SES takes the ARN of one identity, and nothing else, as the resource of a document with a Principal";
        RESOURCE_NOT_IDENTITY.at(subject.place_of_resource(first), message, None)
    })
}

/// Whether a segment of an ARN matches. Variables are not expanded before the last.
fn fits(pattern: &str, text: &str) -> bool {
    let nothing = Context::new();
    Pattern::new(pattern, Variables::Literal, Wildcards::Live, Case::Matters)
        .is_ok_and(|pattern| pattern.matches(text, &nothing))
}
