//! Small sets of policies made at random, about the keys by which mails are told apart.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

/// Operator, key, and values to choose from.
const CONDITIONS: [(&str, &str, &[&str]); 26] = [
    ("StringLike", "ses:FromAddress", &["*@x.com", "a*@*", "*b@x.com", "${aws:username}@*", "*"]),
    ("StringEquals", "ses:FromAddress", &["a@x.com", "b@y.com", "default@x.com"]),
    ("StringNotLike", "ses:FromAddress", &["*@x.com", "a@*", "?@x.com", "*@*.x.com"]),
    ("StringEqualsIgnoreCase", "ses:FromAddress", &["A@X.com", "b@x.com"]),
    ("StringNotEquals", "ses:FeedbackAddress", &["a@x.com", "bounce@y.com"]),
    ("StringLike", "ses:FeedbackAddress", &["bounce@*", "*@x.com"]),
    ("ForAnyValue:StringNotLike", "ses:Recipients", &["*@x.com", "*@y.com", "a@*"]),
    ("ForAnyValue:StringLike", "ses:Recipients", &["*@x.com", "b@y.com"]),
    ("ForAllValues:StringLike", "ses:Recipients", &["*@x.com", "*@*.org", "a@y.com"]),
    ("ForAllValues:StringNotEquals", "ses:Recipients", &["a@x.com", "b@y.com"]),
    ("StringLike", "ses:FromDisplayName", &["Ann*", "*Team", "Bob"]),
    ("StringNotLikeIfExists", "ses:FromDisplayName", &["Ann*", "Bob"]),
    ("Null", "ses:FromDisplayName", &["true", "false"]),
    ("IpAddress", "aws:SourceIp", &["10.0.0.0/8", "10.1.0.0/16", "10.0.5.7", "2001:db8::/32"]),
    ("NotIpAddress", "aws:VpcSourceIp", &["10.0.0.0/8", "0.0.0.0/0", "10.1.2.0/24"]),
    ("Bool", "aws:SecureTransport", &["true", "false"]),
    ("NumericLessThan", "sesgate:RecipientCount", &["2", "3.5"]),
    ("NumericGreaterThanEquals", "sesgate:RecipientCount", &["3", "4"]),
    ("NumericGreaterThan", "sesgate:MessageOctets", &["5000", "9000"]),
    ("DateLessThan", "aws:CurrentTime", &["2030-01-01T00:00:00Z", "2031-01-01T00:00Z"]),
    ("DateGreaterThanEquals", "aws:EpochTime", &["1893456000", "2030-06-01T00:00:00Z"]),
    ("StringLike", "sesgate:SenderAddress", &["*@x.com", "a@*"]),
    ("Null", "sesgate:SenderAddress", &["true"]),
    ("ForAnyValue:StringLike", "sesgate:ReplyToAddresses", &["*@x.com"]),
    ("ForAllValues:StringLike", "sesgate:ReplyToAddresses", &["*@x.com", "*@y.com"]),
    ("StringEquals", "aws:username", &["default", "other"]),
];

const RESOURCES: [&str; 5] = [
    "*",
    "arn:aws:ses:us-east-1:123456789012:identity/x.com",
    "arn:aws:ses:us-east-1:123456789012:identity/a@x.com",
    "arn:aws:ses:us-east-1:123456789012:identity/*",
    "arn:aws:ses:us-east-1:123456789012:identity/y.com",
];

/// Two sets that have most of their statements in common, as when somebody changes a policy.
pub fn two_sets() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    let parts = (vec(document(), 1..4), vec(document(), 0..2), any::<bool>(), any::<usize>());
    parts.prop_map(|(shared, own, is_open, removed)| {
        let allow = |condition: Value| {
            json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "ses:*", "Resource": "*", "Condition": condition}]})
        };
        // Without any Allow there is no gate to ask.
        let nobody = allow(json!({"StringEquals": {"aws:username": "nobody"}}));
        let open = is_open.then(|| allow(json!({})));
        let old: Vec<Value> = [nobody].into_iter().chain(open).chain(shared).collect();
        let mut new: Vec<Value> = old.iter().cloned().chain(own).collect();
        // Not the one that makes a gate.
        new.remove(1 + removed % (old.len() - 1));
        (old, new)
    })
}

fn document() -> impl Strategy<Value = Value> {
    let statement = (select(vec!["Allow", "Deny"]), select(RESOURCES.to_vec()), conditions());
    (vec(statement, 1..3), any::<bool>()).prop_map(|(statements, is_resource_based)| {
        let statement = |(effect, resource, condition): (&str, &str, Value)| {
            let mut statement =
                json!({"Effect": effect, "Action": "ses:SendRawEmail", "Resource": resource, "Condition": condition});
            if is_resource_based {
                statement["Principal"] = json!("*");
            }
            statement
        };
        let statements: Vec<Value> = statements.into_iter().map(statement).collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    })
}

fn conditions() -> impl Strategy<Value = Value> {
    let one = select(CONDITIONS.to_vec()).prop_flat_map(|(operator, key, values)| {
        let values = if operator.ends_with("Null") || operator.contains("Bool") {
            subsequence(values.to_vec(), 1).boxed()
        } else {
            subsequence(values.to_vec(), 1..=values.len().min(2)).boxed()
        };
        (Just(operator), Just(key), values)
    });
    vec(one, 0..3).prop_map(|conditions| {
        let mut operators = Map::new();
        for (operator, key, values) in conditions {
            let keys = operators.entry(operator).or_insert_with(|| json!({}));
            keys[key] = json!(values);
        }
        Value::Object(operators)
    })
}
