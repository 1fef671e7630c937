//! What is said of a statement is true of every mail: what is dead, shadowed or redundant can be taken out, and
//! nothing is decided otherwise.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof};
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use sesgate::policy::{self, Context, Document, Key, Policies, Principal, Request, Source, Verdict, lint};

use super::surroundings;

const CODES: [&str; 4] = ["DEAD_STATEMENT", "SHADOWED", "REDUNDANT", "ALLOW_RESTRICTS_NOBODY"];

const DOMAIN: &str = "arn:aws:ses:us-east-1:123456789012:identity/example.com";
const ADDRESS: &str = "arn:aws:ses:us-east-1:123456789012:identity/noreply@example.com";
const RESOURCES: [&str; 4] =
    ["*", DOMAIN, ADDRESS, "arn:aws:ses:us-east-1:123456789012:identity/*@example.com"];
const USERS: [&str; 2] = ["arn:aws:iam::123456789012:user/a", "arn:aws:iam::123456789012:user/b"];
const PRINCIPALS: [&str; 4] = ["*", "123456789012", USERS[0], USERS[1]];
const FROM: [&str; 4] = ["", "a@example.com", "b@example.com", "a@example.org"];
const FROM_PATTERNS: [&str; 5] =
    ["a@example.com", "b@example.com", "*@example.com", "a@*", "${aws:username}@example.com"];
const COUNTS: [u64; 3] = [1, 5, 10];

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_to_have_no_effect_has_none(documents in vec(document(), 1..3)) {
        let before = decide_all(&documents);
        for (taken, fewer) in without_idle_statements(&documents) {
            prop_assert_eq!(&before, &decide_all(&fewer), "without {}", taken);
        }
    }
}

/// Found by the property above: a `NotResource` with a Principal leaves out the addresses of a domain, too.
#[test]
fn what_the_owner_of_a_domain_leaves_out_is_not_shadowed() {
    let statement =
        |effect: &str| json!({ "Effect": effect, "Action": "ses:SendRawEmail", "NotResource": DOMAIN });
    let mut deny = statement("Deny");
    deny["Principal"] = json!("*");
    let documents =
        [deny, statement("Allow")].map(|it| json!({ "Version": "2012-10-17", "Statement": [it] }));
    assert_eq!(without_idle_statements(&documents), []);
}

fn document() -> impl Strategy<Value = Value> {
    any::<bool>().prop_flat_map(|is_resource_based| {
        vec(statement(is_resource_based), 1..4)
            .prop_map(|statements| json!({ "Version": "2012-10-17", "Statement": statements }))
    })
}

fn statement(is_resource_based: bool) -> impl Strategy<Value = Value> {
    let resources = (select(&["Resource", "Resource", "NotResource"][..]), some_of(&RESOURCES));
    let principals = (select(&["Principal", "Principal", "NotPrincipal"][..]), some_of(&PRINCIPALS));
    let effect = select(&["Allow", "Deny"][..]);
    (effect, resources, principals, vec(condition(), 0..3)).prop_map(
        move |(effect, resources, principals, conditions)| {
            let mut members = Map::new();
            members.insert("Effect".to_owned(), json!(effect));
            members.insert("Action".to_owned(), json!("ses:SendRawEmail"));
            members.insert(resources.0.to_owned(), resources.1);
            if is_resource_based {
                members.insert(principals.0.to_owned(), json!({ "AWS": principals.1 }));
            }
            let mut block: Map<String, Value> = Map::new();
            for (operator, key, values) in conditions {
                block.entry(operator).or_insert_with(|| json!({}))[key] = values;
            }
            members.insert("Condition".to_owned(), Value::Object(block));
            Value::Object(members)
        },
    )
}

fn condition() -> impl Strategy<Value = (String, String, Value)> {
    let texts =
        select(&["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringLikeIfExists"][..]);
    let numbers = select(
        &["NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"][..],
    );
    let absence = some_of(&["true", "false"]);
    prop_oneof![
        4 => (texts, some_of(&FROM_PATTERNS)).prop_map(|(operator, values)| (operator, "ses:FromAddress", values)),
        2 => (numbers, some_of(&["1", "5", "9"])).prop_map(|(operator, values)| (operator, "sesgate:RecipientCount", values)),
        1 => absence.prop_map(|values| ("Null", "ses:FromAddress", values)),
    ]
    .prop_map(|(operator, key, values)| (operator.to_owned(), key.to_owned(), values))
}

fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    subsequence(words, 1..=2).prop_map(|words| json!(words))
}

/// Each statement that is said to have no effect, and the documents without it.
fn without_idle_statements(documents: &[Value]) -> Vec<(Value, Vec<Value>)> {
    let without = |(at, index): (usize, usize)| {
        let mut fewer = documents.to_vec();
        let statements = fewer[at]["Statement"].as_array_mut().unwrap();
        let taken = statements.remove(index);
        if statements.is_empty() {
            fewer.remove(at);
        }
        (taken, fewer)
    };
    idle_statements(documents).into_iter().map(without).collect()
}

/// Which statements of which documents are said to have no effect.
fn idle_statements(documents: &[Value]) -> Vec<(usize, usize)> {
    let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
    let sources: Vec<Source<'_>> = texts.iter().map(|text| Source { name: "it", text }).collect();
    let mut idle = Vec::new();
    for (at, findings) in lint(&sources, &surroundings()).into_iter().enumerate() {
        for finding in findings.into_iter().filter(|finding| CODES.contains(&finding.code)) {
            let index = finding.path.trim_start_matches("Statement[").split(']').next().unwrap();
            idle.push((at, index.parse().unwrap()));
        }
    }
    idle
}

/// Every mail that these words can tell apart.
fn decide_all(documents: &[Value]) -> Vec<Verdict> {
    let parse = |document: &Value| Arc::new(Document::parse("it", &document.to_string()).unwrap().0);
    let policies = Policies::new(documents.iter().map(parse).collect());
    let mut verdicts = Vec::new();
    for user in USERS {
        let principal = Principal::parse(user).unwrap();
        for from in FROM {
            for count in COUNTS {
                let mut context = Context::new();
                context.set(Key::FromAddress, policy::Value::text(from));
                context.set(Key::RecipientCount, policy::Value::from(count));
                context.set(Key::UserName, policy::Value::text(user.rsplit('/').next().unwrap()));
                for (resource, attached) in [(DOMAIN, DOMAIN), (ADDRESS, ADDRESS), (ADDRESS, DOMAIN)] {
                    let request = Request {
                        principal: &principal,
                        action: "ses:SendRawEmail",
                        resource,
                        attached,
                        resource_account: "123456789012",
                        context: &context,
                    };
                    verdicts.push(policies.decide(&request).verdict);
                }
            }
        }
    }
    verdicts
}
