//! Principals: everybody, everybody else, or nobody who sends through the relay.

use crate::policy::finding::Finding;
use crate::policy::key::Key;
use crate::policy::lint::catalogue::{
    ACCOUNT_ONLY_DELEGATES, NOTPRINCIPAL_ALLOW, NOTPRINCIPAL_WITHOUT_ACCOUNT, OTHER_ACCOUNT_OR_REGION,
    PUBLIC_PRINCIPAL,
};
use crate::policy::lint::subject::{Place, Subject, Term};
use crate::policy::lint::vocabulary::{Standing, Type, standing, type_of};
use crate::policy::lint::{Notes, Surroundings};
use crate::policy::operator::Sense;
use crate::policy::syntax::{Effect, Element, PrincipalType, Written};

type Principals<'t> = Element<(PrincipalType, Written<'t>)>;

pub(super) fn lint(subject: &Subject<'_>, surroundings: &Surroundings, notes: &mut Notes) {
    let Some(element) = &subject.written.principal else { return };
    let case = Case { subject, element, surroundings };
    for (index, (kind, text)) in element.values.iter().enumerate() {
        if *kind != PrincipalType::Aws {
            continue;
        }
        let place = || Place { span: text.span, path: case.path(*kind, text) };
        let finding = match (element.sense, subject.effect()) {
            (Sense::Is, Effect::Allow) if text.text == "*" => case.public(place()),
            (Sense::Is, effect) => {
                case.elsewhere(text, place()).or_else(|| case.delegates(effect, text, place()))
            }
            (Sense::IsNot, Effect::Allow) => (index == 0).then(|| {
                NOTPRINCIPAL_ALLOW.at(
                    place(),
                    "this allows everybody but those listed, whoever they are",
                    "name those who may in Principal".to_owned(),
                )
            }),
            (Sense::IsNot, Effect::Deny) => case.without_account(text, place()),
        };
        notes.extend(subject.document, finding);
    }
}

struct Case<'s, 't> {
    subject: &'s Subject<'t>,
    element: &'s Principals<'t>,
    surroundings: &'s Surroundings,
}

impl Case<'_, '_> {
    fn public(&self, place: Place) -> Option<Finding> {
        (!self.subject.terms().any(|term| narrows(&term))).then(|| {
            let message = "this allows everybody: every app here, and every AWS account at SES";
            let fix =
                "name the principals, or add a condition on aws:PrincipalArn or aws:SourceIp".to_owned();
            PUBLIC_PRINCIPAL.at(place, message, fix)
        })
    }

    fn elsewhere(&self, text: &Written<'_>, place: Place) -> Option<Finding> {
        let account = account(&text.text)?;
        let ours = &self.surroundings.account_id;
        (account != ours).then(|| {
            let message = format!(
                "`{}` is of account {account}; every app is of {ours}, so this is about none",
                text.text
            );
            OTHER_ACCOUNT_OR_REGION.at(place, message, format!("write the account {ours}"))
        })
    }

    fn delegates(&self, effect: Effect, text: &Written<'_>, place: Place) -> Option<Finding> {
        (effect == Effect::Allow && is_account(&text.text)).then(|| {
            let message = format!(
                "`{}` names an account, which only delegates: to an app of the same account it grants nothing",
                text.text
            );
            let fix = format!("name the apps: arn:aws:iam::{}:user/NAME", self.surroundings.account_id);
            ACCOUNT_ONLY_DELEGATES.at(place, message, fix)
        })
    }

    fn without_account(&self, text: &Written<'_>, place: Place) -> Option<Finding> {
        let account = account(&text.text).filter(|_| !is_account(&text.text))?;
        let lists_account = |(_, other): &(PrincipalType, Written<'_>)| {
            is_account(&other.text) && other.text.contains(account)
        };
        (!self.element.values.iter().any(lists_account)).then(|| {
            let message =
                format!("`{}` is denied all the same: its account is denied with all in it", text.text);
            let fix = "use \"Principal\": \"*\" with ArnNotEquals aws:PrincipalArn, or list the account too"
                .to_owned();
            NOTPRINCIPAL_WITHOUT_ACCOUNT.at(place, message, fix)
        })
    }

    fn path(&self, kind: PrincipalType, text: &Written<'_>) -> String {
        let index = text.index.map(|index| format!("[{index}]")).unwrap_or_default();
        format!("{}.{}.{}{index}", self.subject.path, self.element.name, kind.name())
    }
}

/// Whether a condition is about who sends, or from where, and not about the mail.
fn narrows(term: &Term<'_>) -> bool {
    match term.key() {
        Some(key) => match key {
            Key::UserName
            | Key::UserId
            | Key::App
            | Key::Listener
            | Key::SourceVpc
            | Key::SourceVpce
            | Key::PrincipalAccount => true,
            key => matches!(type_of(key), Type::Network | Type::Arn),
        },
        None => matches!(standing(&term.condition.key), Standing::Filled(_) | Standing::Global),
    }
}

/// The account of a principal that is not `*`.
fn account(principal: &str) -> Option<&str> {
    if principal.starts_with("arn:") {
        principal.split(':').nth(4)
    } else {
        Some(principal).filter(|text| *text != "*")
    }
}

fn is_account(principal: &str) -> bool {
    !principal.starts_with("arn:") && principal != "*" || principal.ends_with(":root")
}
