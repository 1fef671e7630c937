//! What holds for all policies and requests: the engine agrees with the oracle, a Deny never allows, an Allow
//! never denies, order is nothing, and no pattern takes long.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq};
use proptest::sample::Index;
use serde_json::{Value, json};

use sesgate::policy::{self, Context, Document, Policies, Principal, Request, Verdict};

use super::generate::{ACTIONS, PRINCIPALS, RESOURCES, document, question};
use super::oracle::{self, Held, Question};

fn compile(documents: &[Value]) -> Policies {
    let parse = |document: &Value| {
        let text = document.to_string();
        let (document, _) = Document::parse("it", &text).unwrap_or_else(|found| panic!("{text}: {found:?}"));
        Arc::new(document)
    };
    Policies::new(documents.iter().map(parse).collect())
}

fn ask(policies: &Policies, question: &Question) -> Verdict {
    let mut context = Context::new();
    for (key, held) in &question.context {
        match held {
            Held::One(value) => context.set_named(key, policy::Value::text(value)),
            Held::Many(values) => context.set_all_named(key, values.iter().map(policy::Value::text)),
        }
    }
    let decision = policies.decide(&Request {
        principal: &Principal::parse(&question.principal).unwrap(),
        action: &question.action,
        resource: &question.resource,
        attached: &question.resource,
        resource_account: &question.account,
        context: &context,
    });
    assert_eq!(decision.statement.is_none(), decision.verdict == Verdict::ImplicitDeny);
    decision.verdict
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::ExplicitDeny => "explicit-deny",
        Verdict::ImplicitDeny => "implicit-deny",
    }
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_oracle(documents in vec(document(), 0..4), question in question()) {
        let decided = name(ask(&compile(&documents), &question));
        prop_assert_eq!(decided, oracle::decide(&documents, &question));
    }

    #[test]
    fn a_pattern_matches_what_the_oracle_says(pattern in "[ab?*é]{0,8}", text in "[abé]{0,8}") {
        let condition = json!({ "StringLike": { "example:Text": pattern } });
        let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition });
        let policies = compile(&[json!({ "Statement": statement })]);
        let question = Question {
            principal: PRINCIPALS[0].to_owned(),
            action: ACTIONS[0].to_owned(),
            resource: RESOURCES[0].to_owned(),
            account: "123456789012".to_owned(),
            context: [("example:text".to_owned(), Held::One(text.clone()))].into(),
        };
        let matches = ask(&policies, &question) == Verdict::Allow;
        let letters: Vec<char> = text.chars().collect();
        // A key without text is absent, and nothing matches it.
        prop_assert_eq!(matches, !text.is_empty() && oracle::glob(&oracle::plain(&pattern), &letters));
    }
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adding_a_deny_never_allows_and_an_allow_never_denies(
        documents in vec(document(), 0..4),
        added in document(),
        question in question(),
    ) {
        let before = ask(&compile(&documents), &question);
        for effect in ["Allow", "Deny"] {
            let mut added = added.clone();
            for statement in added["Statement"].as_array_mut().unwrap() {
                statement["Effect"] = json!(effect);
            }
            let mut more = documents.clone();
            more.push(added);
            let after = ask(&compile(&more), &question);
            match effect {
                "Allow" => prop_assert!(before != Verdict::Allow || after == Verdict::Allow),
                _ => prop_assert!(before == Verdict::Allow || after != Verdict::Allow),
            }
        }
    }

    #[test]
    fn the_order_of_documents_and_statements_is_nothing(
        documents in vec(document(), 1..4),
        question in question(),
        cut in 0_usize..4,
    ) {
        let mut turned = documents.clone();
        turned.rotate_left(cut % documents.len());
        for document in &mut turned {
            document["Statement"].as_array_mut().unwrap().reverse();
        }
        prop_assert_eq!(ask(&compile(&documents), &question), ask(&compile(&turned), &question));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}", document in document(), at in any::<Index>()) {
        let _ = Document::parse_leniently("it", &text);
        let mut broken = document.to_string();
        let place = at.index(broken.len());
        if broken.is_char_boundary(place) {
            broken.insert_str(place, &text);
        }
        let _ = Document::parse_leniently("it", &broken);
    }
}

/// By backtracking this would outlast the sun.
#[test]
fn a_pattern_of_many_stars_is_matched_in_linear_time() {
    let pattern = format!("{}b", "*a".repeat(500));
    let text = "a".repeat(200_000);
    let condition = json!({ "StringLike": { "example:Text": pattern } });
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition });
    let mut question = Question {
        principal: PRINCIPALS[0].to_owned(),
        action: ACTIONS[0].to_owned(),
        resource: RESOURCES[0].to_owned(),
        account: "123456789012".to_owned(),
        context: [("example:text".to_owned(), Held::One(text.clone()))].into(),
    };
    let policies = compile(&[json!({ "Statement": statement })]);
    assert_eq!(ask(&policies, &question), Verdict::ImplicitDeny);
    question.context = [("example:text".to_owned(), Held::One(format!("{text}b")))].into();
    assert_eq!(ask(&policies, &question), Verdict::Allow);
}
