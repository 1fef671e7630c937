#![cfg(test)]
//! Comparing sets of policies: each change that `diff` lists is real, none is missed, and `who` is of one mind
//! with the gate.

#[path = "compare/generate.rs"]
mod generate;
#[path = "compare/golden.rs"]
mod golden;
#[path = "compare/mail.rs"]
mod mail;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::{ProptestConfig, Strategy};
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::Value;

use sesgate::compare::{self, Change, Example, Ground, Hints, Reason, Side};
use sesgate::gate::{Gate, IdentityName};
use sesgate::policy::{Document, Glob, Policies, Verdict};

use self::mail::{IDENTITIES, Said};

const LIMIT: usize = 200_000;

/// Why a mail is allowed by one set and not by the other: what each says of the deciding resource.
type Reasons = [(Verdict, Option<(usize, usize)>); 2];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_listed_example_is_decided_as_listed_and_no_mail_differs_unlisted(
        (old, new) in generate::two_sets(),
        mails in mails(),
    ) {
        let sides = [old, new].map(|set| Judged::new(&set));
        let [old, new] = &sides;
        let ground = ground(&[&old.policies, &new.policies]);
        let [one, other] = [old, new].map(|side| Side::same_for_all(&side.policies, &ground));
        let diff = compare::diff(&ground, one, other, LIMIT);
        prop_assert!(diff.examined.unproven.is_empty(), "{:?}", diff.examined.unproven);
        let mut listed: BTreeSet<String> = BTreeSet::new();
        for change in diff.newly_allowed.iter().chain(&diff.newly_denied) {
            let reasons = compared(&sides, &change.example);
            prop_assert_eq!(reasons, Some(named(change)), "{:#?}", change);
            listed.insert(format!("{:?}", named(change)));
        }
        for mail in &mails {
            if let Some(reasons) = compared(&sides, mail) {
                prop_assert!(listed.contains(&format!("{reasons:?}")), "{mail:?} {reasons:?}\n{diff:#?}");
            }
        }
    }

    #[test]
    fn who_agrees_with_the_gate((set, _) in generate::two_sets(), mails in mails()) {
        let judged = Judged::new(&set);
        let ground = ground(&[&judged.policies]);
        for from in ["a@x.com", "b@x.com", "b@y.com"] {
            let side = Side::same_for_all(&judged.policies, &ground);
            let who = compare::who(&ground, side, &Glob::new(from), LIMIT);
            prop_assert!(who.examined.unproven.is_empty(), "{:?}", who.examined.unproven);
            for permission in &who.allowed {
                prop_assert_eq!(permission.example.from.as_str(), from);
                prop_assert!(judged.allows(&permission.example), "{:#?}", permission);
            }
            for mail in mails.iter().filter(|mail| mail.from == from) {
                let is_allowed = judged.allows(mail);
                prop_assert!(!is_allowed || !who.allowed.is_empty(), "{mail:?}");
                prop_assert!(is_allowed || !who.is_everyone, "{mail:?}");
            }
        }
    }
}

/// A set of policies, and the gate that has them.
struct Judged {
    policies: Policies,
    gate: Gate,
}

impl Judged {
    fn new(set: &[Value]) -> Self {
        let document = |value: &Value| {
            let (document, _) = Document::parse("it", &value.to_string()).unwrap();
            Arc::new(document)
        };
        let documents: Vec<_> = set.iter().map(document).collect();
        Self { gate: mail::gate(&documents), policies: Policies::new(documents) }
    }

    fn said(&self, mail: &Example) -> Said {
        mail::said(&self.gate, mail)
    }

    fn allows(&self, mail: &Example) -> bool {
        self.said(mail).is_some_and(|each| each.iter().all(|(verdict, _)| *verdict == Verdict::Allow))
    }
}

/// What both sets say of the mail, if one allows it and the other does not.
fn compared(sides: &[Judged; 2], mail: &Example) -> Option<Reasons> {
    let [Some(old), Some(new)] = sides.each_ref().map(|side| side.said(mail)) else { return None };
    let both = [old, new];
    let worst = both.each_ref().map(|each| {
        let severity = |verdict| match verdict {
            Verdict::Allow => 0,
            Verdict::ImplicitDeny => 1,
            Verdict::ExplicitDeny => 2,
        };
        let most = each.iter().map(|(verdict, _)| severity(*verdict)).max().unwrap();
        each.iter().position(|(verdict, _)| severity(*verdict) == most).unwrap()
    });
    let is_allowed = [0, 1].map(|side| both[side][worst[side]].0 == Verdict::Allow);
    let deciding = match is_allowed {
        [false, true] => worst[0],
        [true, false] => worst[1],
        _ => return None,
    };
    Some([both[0][deciding], both[1][deciding]])
}

fn named(change: &Change<'_>) -> Reasons {
    let place = |reason: &Reason<'_>| {
        (reason.verdict, reason.statement.map(|statement| (statement.document_index, statement.index)))
    };
    [place(&change.old), place(&change.new)]
}

fn ground(sets: &[&Policies]) -> Ground {
    let identities = IDENTITIES.iter().map(|name| IdentityName::parse(name).unwrap()).collect();
    let hints = Hints {
        region: Some("us-east-1".to_owned()),
        account_id: Some("123456789012".to_owned()),
        apps: vec!["default".to_owned()],
        identities,
        configuration_sets: Vec::new(),
    };
    Ground::discover(sets, hints)
}

/// Mails that policies of the generator can tell apart, and some that they cannot.
fn mails() -> impl Strategy<Value = Vec<Example>> {
    let addresses = [
        "a@x.com",
        "b@x.com",
        "A@x.com",
        "b@y.com",
        "ab@sub.x.com",
        "default@x.com",
        "bounce@y.com",
        "z@y.com",
    ];
    let anyone = [addresses.as_slice(), &["a@y.com", "c@d.org", "c@e.net", "b@x.com.org"]].concat();
    let clients = ["10.0.5.7", "10.1.2.3", "10.9.9.9", "192.0.2.1", "2001:db8::5", "fd00::1"];
    let times =
        ["2029-12-31T23:59:59Z", "2030-01-01T00:00:00Z", "2030-06-01T00:00:00Z", "2031-05-01T00:00:00Z"];
    let names = [None, Some("Ann"), Some("Ann Team"), Some("Bob"), Some("Carol")];
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let sender = proptest::option::of(select(owned(&addresses)));
    let parts = (
        select(owned(&addresses)),
        select(owned(&addresses)),
        sender,
        proptest::sample::subsequence(owned(&anyone), 1..6),
        proptest::option::of(select(owned(&anyone))),
        select(owned(&clients)),
        select(owned(&times)),
        select(names.to_vec()),
        select(vec!["TLS", "no TLS"]),
        select(vec!["4000", "5000", "5001", "9001"]),
    );
    let mail =
        parts.prop_map(|(from, mail_from, sender, to, reply_to, client, time, name, transport, octets)| {
            Example {
                app: "default".to_owned(),
                from,
                mail_from,
                sender,
                to,
                reply_to: reply_to.into_iter().collect(),
                client: Some(client),
                time: Some(time),
                display_name: name.map(str::to_owned),
                transport: Some(transport.to_owned()),
                octets: Some(octets.to_owned()),
                ..Example::default()
            }
        });
    proptest::collection::vec(mail, 60)
}
