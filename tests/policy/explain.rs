//! What an explanation says is what decides: its parts put together again are the decision, and what it says of
//! absent keys comes true.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq};
use serde_json::{Value, json};

use sesgate::policy::{
    self, Context, Cover, Document, Effect, Explanation, Key, Kind, Policies, Principal, Request, State,
    Verdict,
};

use super::generate::{document, question};
use super::oracle::{Held, Question};

fn compile(documents: &[Value]) -> Policies {
    let parse = |document: &Value| Arc::new(Document::parse("it", &document.to_string()).unwrap().0);
    Policies::new(documents.iter().map(parse).collect())
}

fn context(question: &Question) -> Context<'_> {
    let mut context = Context::new();
    for (key, held) in &question.context {
        match held {
            Held::One(value) => context.set_named(key, policy::Value::text(value)),
            Held::Many(values) => context.set_all_named(key, values.iter().map(policy::Value::text)),
        }
    }
    context
}

fn ask<T>(question: &Question, context: &Context<'_>, ask: impl FnOnce(&Request<'_>) -> T) -> T {
    ask(&Request {
        principal: &Principal::parse(&question.principal).unwrap(),
        action: &question.action,
        resource: &question.resource,
        attached: &question.resource,
        resource_account: &question.account,
        context,
    })
}

/// The rules of IAM, from what an explanation says of each statement.
fn combined(explanation: &Explanation<'_>, question: &Question) -> Verdict {
    let matching = |effect: Effect, kind: Kind, least: Cover| {
        let mut statements = explanation.statements.iter().filter(|one| one.matches());
        statements.any(|one| one.effect == effect && one.kind == kind && one.principal >= least)
    };
    let principal = Principal::parse(&question.principal).unwrap();
    let is_allowed = match principal.account() {
        Some(account) if account == question.account => {
            matching(Effect::Allow, Kind::Identity, Cover::Account)
                || matching(Effect::Allow, Kind::Resource, Cover::Direct)
        }
        Some(_) => {
            matching(Effect::Allow, Kind::Identity, Cover::Account)
                && matching(Effect::Allow, Kind::Resource, Cover::Account)
        }
        None => matching(Effect::Allow, Kind::Resource, Cover::Direct),
    };
    let is_denied = [Kind::Identity, Kind::Resource].map(|kind| matching(Effect::Deny, kind, Cover::Account));
    match (is_denied.contains(&true), is_allowed) {
        (true, _) => Verdict::ExplicitDeny,
        (false, true) => Verdict::Allow,
        (false, false) => Verdict::ImplicitDeny,
    }
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_explanation_explains_the_decision(documents in vec(document(), 0..4), question in question()) {
        let policies = compile(&documents);
        let context = context(&question);
        let decision = ask(&question, &context, |request| policies.decide(request));
        let explanation = ask(&question, &context, |request| policies.explain(request));
        prop_assert_eq!(explanation.decision, decision);
        prop_assert_eq!(combined(&explanation, &question), decision.verdict);
        if let Some(deciding) = decision.statement {
            let explained = explanation.statements.iter().find(|one| one.statement == deciding).unwrap();
            prop_assert!(explained.matches());
        }
        // The statements that match are those that a simulation names.
        let matched = ask(&question, &context, |request| policies.trace(request).matched);
        let explained = explanation.statements.iter().filter(|one| one.matches());
        prop_assert_eq!(explained.map(|one| one.statement).collect::<Vec<_>>(), matched);
        for condition in explanation.statements.iter().flat_map(|one| &one.conditions) {
            prop_assert!(!condition.why.is_empty() && !condition.wanted.is_empty());
            prop_assert_eq!(condition.met.is_empty(), condition.why.contains("the key is absent"));
        }
    }

    #[test]
    fn what_is_said_of_an_absent_key_comes_true(documents in vec(document(), 1..4), question in question()) {
        let policies = compile(&documents);
        let context = context(&question);
        let explanation = ask(&question, &context, |request| policies.explain(request));
        for missing in &explanation.missing {
            prop_assert!(missing.decision.verdict != explanation.decision.verdict);
            prop_assert!(context.values(&policy::KeyName::new(&missing.key)).is_none());
            let mut context = context.clone();
            let value = policy::Value::text(&missing.example);
            if policy::KeyName::new(&missing.key).is_multivalued() {
                context.set_all_named(&missing.key, [value]);
            } else {
                context.set_named(&missing.key, value);
            }
            let decision = ask(&question, &context, |request| policies.decide(request));
            prop_assert_eq!(decision, missing.decision);
        }
    }
}

/// For each key, values that a request could hold.
const TRIED: [(&str, &[&str]); 8] = [
    ("ses:FromAddress", &["a@x.com", "b@x.com", "A@X.com", "a@y.x.com", "*@x.com", "ab"]),
    ("aws:username", &["a@x.com", "b@x.com", "a", "b", "ab"]),
    ("aws:PrincipalTag/t", &["a@x.com", "b@x.com", "A@X.com", "*@x.com", "ab", "a"]),
    (
        "aws:PrincipalArn",
        &["arn:aws:iam::123456789012:user/a", "arn:aws:sns:us-east-1:999988887777:a:b", "no arn"],
    ),
    ("aws:SourceIp", &["10.0.5.9", "203.0.113.127", "203.0.113.255", "2001:db8::1", "2001:db8:8000::"]),
    ("aws:CurrentTime", &["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "1999-06-01T12:00:00Z"]),
    ("aws:SecureTransport", &["true", "false", "TRUE"]),
    ("sesgate:RecipientCount", &["0", "-5", "10", "10.5", "10.50", "9", "1000000"]),
];

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_a_key_that_is_looked_up_once_every_verdict_that_a_value_could_bring_is_told(
        documents in vec(document(), 1..3),
        question in question(),
    ) {
        let policies = compile(&documents);
        let context = context(&question);
        let explanation = ask(&question, &context, |request| policies.explain(request));
        let text = documents.iter().map(Value::to_string).collect::<String>().to_lowercase();
        let is_looked_up_once = |key: &str| text.matches(&key.to_lowercase()).count() == 1;
        let is_absent = |key: &str| context.values(&policy::KeyName::new(key)).is_none();
        for (key, values) in TRIED.into_iter().filter(|(key, _)| is_absent(key) && is_looked_up_once(key)) {
            for value in values {
                let mut context = context.clone();
                context.set_named(key, policy::Value::text(*value));
                let verdict = ask(&question, &context, |request| policies.decide(request)).verdict;
                let is_told = explanation.missing.iter().any(|missing| {
                    missing.key.eq_ignore_ascii_case(key) && missing.decision.verdict == verdict
                });
                prop_assert!(is_told || verdict == explanation.decision.verdict, "{key} = {value}");
            }
        }
    }
}

/// What is said of each condition, and of each absent key.
type Said = (Vec<(State, String)>, Vec<(String, Verdict)>);

/// An Allow for everything beside one Deny with this condition, of a mail from `a@x.com` with one more key.
fn deny_when(condition: Value, key: Option<(&str, &str)>) -> Said {
    let statement = |effect: &str, condition: Value| json!({ "Effect": effect, "Action": "*", "Resource": "*", "Condition": condition });
    let policies = compile(&[json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }, statement("Deny", condition) ] })]);
    let mut context = Context::new();
    context.set(Key::FromAddress, policy::Value::text("a@x.com"));
    context.set_all(Key::Recipients, ["b@x.com", "c@y.com"].map(policy::Value::text));
    if let Some((key, value)) = key {
        context.set_named(key, policy::Value::text(value));
    }
    let explanation = policies.explain(&Request {
        principal: &Principal::parse("arn:aws:iam::123456789012:user/a").unwrap(),
        action: "ses:SendRawEmail",
        resource: "arn:aws:ses:us-east-1:123456789012:identity/x.com",
        attached: "arn:aws:ses:us-east-1:123456789012:identity/x.com",
        resource_account: "123456789012",
        context: &context,
    });
    let conditions = explanation.statements[1].conditions.iter();
    let missing = explanation.missing.iter();
    (
        conditions.map(|one| (one.state, one.why.clone())).collect(),
        missing.map(|one| (format!("{} = {}", one.key, one.example), one.decision.verdict)).collect(),
    )
}

#[test]
fn each_condition_says_why_in_a_clause() {
    let said = |operator: &str, key: &str, wanted: Value, met: Option<&str>| {
        let condition = json!({ operator: { key: wanted } });
        let (conditions, _) = deny_when(condition, met.map(|met| (key, met)));
        let [(state, why)] = conditions.as_slice() else { panic!("one condition") };
        (*state, why.clone())
    };
    let (from, to) = ("ses:FromAddress", "ses:Recipients");
    let networks = json!(["10.0.0.0/8", "192.168.0.0/16"]);
    for (operator, key, wanted, met, state, why) in [
        ("StringLike", from, json!("*@x.com"), None, State::Holds, "`a@x.com` matches `*@x.com`"),
        ("StringNotLike", from, json!("*@x.com"), None, State::Fails, "`a@x.com` matches `*@x.com`"),
        ("StringNotEquals", from, json!("b@x.com"), None, State::Holds, "`a@x.com` is not `b@x.com`"),
        ("StringEquals", from, json!(["b", "c"]), None, State::Fails, "`a@x.com` is none of them"),
        (
            "ForAnyValue:StringNotLike",
            to,
            json!("*@x.com"),
            None,
            State::Holds,
            "`c@y.com` does not match `*@x.com`",
        ),
        ("ForAnyValue:StringLike", to, json!("*@z.com"), None, State::Fails, "no value matches `*@z.com`"),
        (
            "ForAnyValue:StringNotLike",
            to,
            json!(["*@x.com", "*@y.com"]),
            None,
            State::Fails,
            "every value matches one of them",
        ),
        (
            "ForAllValues:StringLike",
            to,
            json!("?@?.com"),
            None,
            State::Holds,
            "every value matches `?@?.com`",
        ),
        ("ForAllValues:StringNotLike", to, json!("z*"), None, State::Holds, "no value matches `z*`"),
        ("ForAllValues:StringLike", "e:list", json!("z*"), None, State::Holds, ALL_ABSENT),
        ("StringNotLike", "e:key", json!("z*"), None, State::Holds, NEGATED_ABSENT),
        ("StringLikeIfExists", "e:key", json!("z*"), None, State::Holds, IF_EXISTS_ABSENT),
        ("StringLike", "e:key", json!("z*"), None, State::Fails, "the key is absent"),
        ("Null", "e:key", json!("true"), None, State::Holds, "the key is absent"),
        ("Null", from, json!("true"), None, State::Fails, "the key is there"),
        ("IpAddress", "aws:SourceIp", networks.clone(), Some("192.168.7.9"), State::Holds, IN_NETWORK),
        ("NotIpAddress", "aws:SourceIp", networks, Some("10.0.0.1"), State::Fails, IN_FIRST_NETWORK),
        ("IpAddress", "aws:SourceIp", json!("10.0.0.0/8"), Some("::1"), State::Fails, OUTSIDE),
        ("NumericGreaterThan", "e:n", json!(10), Some("11"), State::Holds, "`11` is greater than `10`"),
        ("NumericLessThanEquals", "e:n", json!("10"), Some("11"), State::Fails, "`11` is more than `10`"),
        ("NumericEquals", "e:n", json!("10"), Some("ten"), State::Fails, "`ten` is no number"),
        ("DateLessThan", "e:t", json!("2026-06-01"), Some("2026-05-31T23:59Z"), State::Holds, BEFORE),
        ("Bool", "e:b", json!(true), Some("false"), State::Fails, "`false` is not `true`"),
    ] {
        assert_eq!(said(operator, key, wanted, met), (state, why.to_owned()), "{operator}");
    }
}

const ALL_ABSENT: &str = "the key is absent, and ForAllValues holds then";
const NEGATED_ABSENT: &str = "the key is absent, and a negated operator holds then";
const IF_EXISTS_ABSENT: &str = "the key is absent, and IfExists holds then";
const IN_NETWORK: &str = "`192.168.7.9` is in `192.168.0.0/16`";
const IN_FIRST_NETWORK: &str = "`10.0.0.1` is in `10.0.0.0/8`";
const OUTSIDE: &str = "`::1` is not in `10.0.0.0/8`";
const BEFORE: &str = "`2026-05-31T23:59Z` is before `2026-06-01`";

#[test]
fn a_key_is_told_as_missing_if_a_value_of_it_would_change_the_verdict_and_only_then() {
    use Verdict::{Allow, ExplicitDeny};

    let tag = "aws:PrincipalTag/team";
    let variable = format!("${{{tag}}}@x.com");
    for (condition, expected) in [
        (
            json!({ "StringNotLike": { "ses:FromDisplayName": "Shop *" } }),
            Some(("ses:FromDisplayName = Shop any", Allow)),
        ),
        (
            json!({ "StringLike": { "ses:FromDisplayName": "PayPal*" } }),
            Some(("ses:FromDisplayName = PayPalany", ExplicitDeny)),
        ),
        (
            json!({ "StringNotEquals": { "ses:FromDisplayName": "Shop" }, "Null": { "ses:FromDisplayName": "false" } }),
            Some(("ses:FromDisplayName = something-else", ExplicitDeny)),
        ),
        (
            json!({ "StringNotLike": { "ses:FromAddress": variable } }),
            Some(("aws:PrincipalTag/team = a", Allow)),
        ),
        (json!({ "NumericGreaterThan": { "e:n": "10" } }), Some(("e:n = 11", ExplicitDeny))),
        (json!({ "NumericGreaterThanEquals": { "e:n": "10" } }), Some(("e:n = 10", ExplicitDeny))),
        (
            json!({ "DateLessThan": { "e:t": "2026-06-01" } }),
            Some(("e:t = 2026-05-31T23:59:59Z", ExplicitDeny)),
        ),
        (json!({ "NotIpAddress": { "e:ip": "10.0.5.0/24" } }), Some(("e:ip = 10.0.5.0", Allow))),
        (json!({ "IpAddress": { "e:ip": "::/0" } }), Some(("e:ip = ::", ExplicitDeny))),
        (json!({ "Bool": { "e:b": "true" } }), Some(("e:b = true", ExplicitDeny))),
        (json!({ "Null": { "e:k": "true" } }), Some(("e:k = something-else", Allow))),
        (
            json!({ "ForAnyValue:StringLike": { "sesgate:ReplyToAddresses": "*@y.com" } }),
            Some(("sesgate:ReplyToAddresses = any@y.com", ExplicitDeny)),
        ),
        // Looked up in vain, and still of no consequence.
        (json!({ "StringLike": { "e:k": "v", "ses:FromAddress": "z" } }), None),
        // `*` takes every value, so none of them spares the mail.
        (json!({ "StringLikeIfExists": { "e:k": "*" } }), None),
        (json!({ "StringNotLike": { "ses:FromAddress": "a@*" } }), None),
    ] {
        let (_, missing) = deny_when(condition.clone(), None);
        let expected = expected.map(|(key, verdict)| (key.to_owned(), verdict));
        assert_eq!(missing, Vec::from_iter(expected), "{condition}");
    }
}
