//! What the gate asks of a set of policies besides a case at a time: attached documents, values of known type,
//! whether anything can be allowed at all, and which statement decided.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};

use sesgate::json::Position;
use sesgate::policy::{Context, Document, Key, Policies, Principal, Request, Value, Verdict};

const DOMAIN: &str = "arn:aws:ses:us-east-1:123456789012:identity/example.com";
const ADDRESS: &str = "arn:aws:ses:us-east-1:123456789012:identity/ceo@example.com";

fn policies(documents: &[Json]) -> Policies {
    let parse = |(index, document): (usize, &Json)| {
        let (document, _) = Document::parse(&format!("{index}.json"), &format!("{document:#}")).unwrap();
        Arc::new(document)
    };
    Policies::new(documents.iter().enumerate().map(parse).collect())
}

fn allow_all() -> Json {
    json!({ "Statement": { "Sid": "All", "Effect": "Allow", "Action": "ses:*", "Resource": "*" } })
}

fn on(identity: &str, effect: &str) -> Json {
    let action = "ses:SendRawEmail";
    json!({ "Statement": [{ "Effect": effect, "Principal": "*", "Action": action, "Resource": identity }] })
}

fn when(condition: &Json) -> Policies {
    let action = "ses:SendRawEmail";
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition });
    policies(&[json!({ "Version": "2012-10-17", "Statement": statement })])
}

fn ask(policies: &Policies, resource: &str, attached: &str, context: &Context<'_>) -> Verdict {
    let principal = Principal::parse("arn:aws:iam::123456789012:user/app").unwrap();
    let decision = policies.decide(&Request {
        principal: &principal,
        action: "ses:SendRawEmail",
        resource,
        attached,
        resource_account: "123456789012",
        context,
    });
    decision.verdict
}

#[test]
fn an_address_identity_is_covered_by_the_documents_it_is_attached_to() {
    let nothing = Context::new();
    let by_domain = policies(&[allow_all(), on(DOMAIN, "Deny")]);
    assert!(by_domain.has_resource_documents(DOMAIN));
    assert!(!by_domain.has_resource_documents(ADDRESS));
    assert_eq!(ask(&by_domain, ADDRESS, DOMAIN, &nothing), Verdict::ExplicitDeny);
    assert_eq!(ask(&by_domain, ADDRESS, ADDRESS, &nothing), Verdict::Allow);

    let by_pattern = policies(&[allow_all(), on("arn:aws:ses:*:*:identity/*@example.com", "Deny")]);
    assert!(!by_pattern.has_resource_documents(ADDRESS));
    assert_eq!(ask(&by_pattern, ADDRESS, DOMAIN, &nothing), Verdict::ExplicitDeny);

    // An identity-based document says which resource is meant, and means no other.
    let identity_based = json!({ "Statement": { "Effect": "Deny", "Action": "*", "Resource": DOMAIN } });
    let by_identity = policies(&[allow_all(), identity_based]);
    assert!(!by_identity.has_resource_documents(DOMAIN));
    assert_eq!(ask(&by_identity, ADDRESS, DOMAIN, &nothing), Verdict::Allow);
}

#[test]
fn a_set_that_can_never_allow_is_known_beforehand() {
    let account = json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": "123456789012" },
        "Action": "ses:*", "Resource": DOMAIN } });
    for (documents, may_allow) in [
        (vec![], false),
        (vec![on(DOMAIN, "Deny")], false),
        (vec![account], false),
        (vec![on(DOMAIN, "Allow")], true),
        (vec![allow_all(), on(DOMAIN, "Deny")], true),
        (
            vec![
                json!({ "Statement": { "Effect": "Allow", "NotAction": "ses:SendRawEmail", "Resource": "*" } }),
            ],
            false,
        ),
        (
            vec![json!({ "Statement": { "Effect": "Allow", "Action": "SES:sendraw*", "NotResource": "*" } })],
            true,
        ),
    ] {
        assert_eq!(policies(&documents).may_allow("ses:SendRawEmail"), may_allow, "{documents:?}");
    }
}

#[test]
fn values_of_known_type_mean_what_their_text_means() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_hours(426_588);
    let mapped: IpAddr = "::ffff:10.0.5.7".parse().unwrap();
    for (key, value, text, condition) in [
        (
            Key::SourceIp,
            Value::from(mapped),
            "10.0.5.7",
            json!({ "IpAddress": { "aws:SourceIp": "10.0.5.0/29" } }),
        ),
        (
            Key::CurrentTime,
            Value::time(time),
            "2018-08-31T12:00:00Z",
            json!({ "DateEquals": { "aws:CurrentTime": "2018-08-31T12:00Z" } }),
        ),
        (
            Key::EpochTime,
            Value::epoch(time),
            "1535716800",
            json!({ "DateEquals": { "aws:EpochTime": "2018-08-31T12:00Z" },
                "NumericEquals": { "aws:EpochTime": 1_535_716_800 } }),
        ),
        (
            Key::RecipientCount,
            Value::from(12_u64),
            "12",
            json!({ "NumericEquals": { "sesgate:RecipientCount": "12.0" } }),
        ),
        (Key::SecureTransport, Value::from(true), "true", json!({ "Bool": { "aws:SecureTransport": true } })),
    ] {
        assert_eq!(value.as_str(), text);
        for value in [value, Value::text(text)] {
            let mut context = Context::new();
            assert_eq!(ask(&when(&condition), DOMAIN, DOMAIN, &context), Verdict::ImplicitDeny);
            context.set(key, value);
            assert_eq!(ask(&when(&condition), DOMAIN, DOMAIN, &context), Verdict::Allow, "{condition}");
            let as_text = json!({ "StringEquals": { key.name(): text } });
            assert_eq!(ask(&when(&as_text), DOMAIN, DOMAIN, &context), Verdict::Allow);
        }
    }
}

#[test]
fn a_decision_names_the_first_statement_of_the_documents_that_decides() {
    let principal = Principal::parse("arn:aws:iam::123456789012:user/app").unwrap();
    let context = Context::new();
    let mut request = Request {
        principal: &principal,
        action: "ses:SendRawEmail",
        resource: DOMAIN,
        attached: DOMAIN,
        resource_account: "123456789012",
        context: &context,
    };
    let second = json!({ "Statement": [
        { "Sid": "Other", "Effect": "Deny", "Action": "s3:*", "Resource": "*" },
        { "Sid": "ByPattern", "Effect": "Deny", "Action": "ses:*", "Resource": "arn:aws:ses:*:*:*" },
        { "Sid": "ByName", "Effect": "Deny", "Action": "ses:*", "Resource": DOMAIN },
    ] });
    let set = policies(&[allow_all(), second, on(DOMAIN, "Deny")]);
    for action in ["ses:SendRawEmail", "ses:SendEmail"] {
        request.action = action;
        let statement = set.decide(&request).statement.unwrap();
        assert_eq!((statement.document, statement.document_index, statement.index), ("1.json", 1, 1));
        assert_eq!(statement.sid, Some("ByPattern"));
        assert_eq!(statement.position, Position { line: 9, column: 5 });
        assert_eq!(set.trace(&request).matched.first().unwrap().sid, Some("All"));
    }
}

#[test]
fn policies_tell_clients_apart_by_address_unless_they_name_the_address_by_itself() {
    let network = json!({ "IpAddress": { "aws:SourceIp": ["10.0.5.0/24"] } });
    let alone = json!({ "IpAddress": { "aws:VpcSourceIp": ["10.0.5.0/24", "10.0.5.7"] } });
    let as_text = json!({ "StringEquals": { "aws:SourceIp": "10.0.5.7" } });
    let as_variable = json!({ "StringLike": { "ses:FromAddress": "${aws:SourceIp}@example.com" } });
    let is_there = json!({ "Null": { "aws:SourceIp": "false" } });
    let sender = json!({ "StringEquals": { "ses:FromAddress": "10.0.5.7" } });
    let (action, address) = ("ses:SendRawEmail", "10.0.5.7".parse().unwrap());
    for (condition, expected) in [
        (&network, true),
        (&alone, false),
        (&as_text, true),
        (&as_variable, true),
        (&is_there, false),
        (&sender, false),
    ] {
        assert_eq!(when(condition).tell_apart_by_address(action, address), expected, "{condition}");
    }
    // What a statement about something else asks for is no matter.
    assert!(!when(&network).tell_apart_by_address("s3:GetObject", address));
}
