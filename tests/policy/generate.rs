//! Policies and requests made at random from a small vocabulary, so that they often have to do with each other.

use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::oracle::{Held, Question};

const ADDRESSES: [&str; 7] = ["a@x.com", "b@x.com", "A@X.com", "a@y.x.com", "*@x.com", "a@b@x.com", "ab"];
const ADDRESS_PATTERNS: [&str; 17] = [
    "a@x.com",
    "A@x.com",
    "*@x.com",
    "*",
    "a@*",
    "a@b@*",
    "*@b@x.com",
    "?@x.com",
    "*@*x.com",
    "**a*@*.*",
    "",
    "${aws:username}@x.com",
    "${aws:UserName, 'b'}@*",
    "${*}@x.com",
    "${aws:PrincipalTag/t}*",
    "$a?",
    "${example:List}*",
];
const ARNS: [&str; 4] = [
    "arn:aws:iam::123456789012:user/a",
    "arn:aws:iam::123456789012:role/app",
    "arn:aws:sns:us-east-1:999988887777:a:b",
    "no arn",
];
const ARN_PATTERNS: [&str; 6] = [
    "arn:aws:iam::123456789012:user/a",
    "arn:*:iam::*:*",
    "arn:aws:sns:*:*:a*b",
    "arn:aws:*:*:*:b",
    "arn:aws:iam::123456789012:user/${aws:username}",
    "arn:aws:iam::12345678901?:role/???",
];
pub const RESOURCES: [&str; 5] = [
    "arn:aws:ses:us-east-1:123456789012:identity/x.com",
    "arn:aws:ses:us-east-1:123456789012:identity/a@x.com",
    "arn:aws:ses:eu-west-1:999988887777:identity/x.com",
    "arn:aws:ses:us-east-1:123456789012:configuration-set/a",
    "x.com",
];
const RESOURCE_PATTERNS: [&str; 9] = [
    "*",
    "arn:aws:ses:us-east-1:123456789012:identity/x.com",
    "arn:aws:ses:*:123456789012:identity/*",
    "arn:aws:ses:us-east-1:123456789012:identity/*@x.com",
    "arn:aws:ses:eu-west-1:*:*",
    "arn:aws:ses:us-east-1:123456789012:identity/${aws:username}@x.com",
    "arn:aws:ses",
    "arn:aws:ses:us-east-1",
    "arn:aws:ses:us-????-1:123456789012:*/a",
];
pub const ACTIONS: [&str; 4] = ["ses:SendRawEmail", "ses:SendEmail", "SES:sendrawemail", "s3:GetObject"];
const ACTION_PATTERNS: [&str; 8] = [
    "ses:SendRawEmail",
    "ses:*",
    "*",
    "SES:send*email",
    "ses:Send???Email",
    "s3:*",
    "ses:SendEmail",
    "ses:?",
];
pub const PRINCIPALS: [&str; 6] = [
    "arn:aws:iam::123456789012:user/a",
    "arn:aws:iam::123456789012:user/b",
    "arn:aws:iam::999988887777:user/a",
    "arn:aws:sts::123456789012:assumed-role/app/s",
    "arn:aws:sts::999988887777:assumed-role/app/s",
    "ses.amazonaws.com",
];
const PRINCIPAL_PATTERNS: [&str; 9] = [
    "*",
    "123456789012",
    "arn:aws:iam::123456789012:root",
    "999988887777",
    "arn:aws:iam::123456789012:user/a",
    "arn:aws:iam::999988887777:user/a",
    "arn:aws:iam::123456789012:role/app",
    "arn:aws:iam::123456789012:role/path/app",
    "arn:aws:sts::123456789012:assumed-role/app/s",
];
const NETWORKS: [&str; 8] = [
    "10.0.0.0/8",
    "10.0.5.7/29",
    "10.0.5.9",
    "0.0.0.0/0",
    "203.0.113.128/25",
    "2001:db8::/33",
    "::/0",
    "2001:DB8:0::1",
];
const HOSTS: [&str; 6] =
    ["10.0.5.9", "10.0.5.1", "203.0.113.127", "203.0.113.255", "2001:db8::1", "2001:db8:8000::"];
const NUMBERS: [&str; 7] = ["0", "-5", "10", "10.5", "10.50", "9", "1000000"];
const DATES: [&str; 4] =
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2025-12-31T23:59:59Z", "1999-06-01T12:00:00Z"];
const TRUTHS: [&str; 4] = ["true", "false", "TRUE", "False"];
const BLOBS: [&str; 3] = ["QUJD", "eA==", "AP8="];

/// Operators of one type with the keys, request values and policy values that go with them.
struct Kind {
    operators: &'static [&'static str],
    keys: &'static [&'static str],
    held: &'static [&'static str],
    wanted: &'static [&'static str],
}

const KINDS: [Kind; 7] = [
    Kind {
        operators: &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        keys: &["ses:FromAddress", "ses:Recipients", "aws:PrincipalTag/t", "aws:username", "example:List"],
        held: &ADDRESSES,
        wanted: &ADDRESS_PATTERNS,
    },
    Kind {
        operators: &["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"],
        keys: &["aws:PrincipalArn", "example:Arns"],
        held: &ARNS,
        wanted: &ARN_PATTERNS,
    },
    Kind {
        operators: &["IpAddress", "NotIpAddress"],
        keys: &["aws:SourceIp", "example:Hops"],
        held: &HOSTS,
        wanted: &NETWORKS,
    },
    Kind {
        operators: &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        keys: &["sesgate:RecipientCount", "example:Sizes"],
        held: &NUMBERS,
        wanted: &NUMBERS,
    },
    Kind {
        operators: &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        keys: &["aws:CurrentTime", "example:Times"],
        held: &DATES,
        wanted: &DATES,
    },
    Kind {
        operators: &["Bool"],
        keys: &["aws:SecureTransport", "example:Flags"],
        held: &TRUTHS,
        wanted: &TRUTHS,
    },
    Kind { operators: &["BinaryEquals"], keys: &["example:Blob"], held: &BLOBS, wanted: &BLOBS },
];

fn one_or_more(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        select(words).prop_map(|word| json!(word)),
        vec(select(words), 1..4).prop_map(|words| json!(words)),
    ]
}

fn condition() -> impl Strategy<Value = (String, String, Value)> {
    let quantifiers = select(&["", "", "ForAllValues:", "ForAnyValue:"][..]);
    let kinds = (0..KINDS.len()).prop_flat_map(|kind| {
        let Kind { operators, keys, wanted, .. } = KINDS[kind];
        (select(operators), select(keys), one_or_more(wanted))
    });
    let compares =
        (quantifiers, any::<bool>(), kinds).prop_map(|(quantifier, if_exists, (operator, key, values))| {
            // A list that the engine knows to be one needs a set operator, or it does not load.
            let quantifier =
                if key == "ses:Recipients" && quantifier.is_empty() { "ForAllValues:" } else { quantifier };
            let if_exists = if if_exists && quantifier != "ForAnyValue:" { "IfExists" } else { "" };
            (format!("{quantifier}{operator}{if_exists}"), key.to_owned(), values)
        });
    let keys = select(&["ses:FromAddress", "ses:Recipients", "AWS:PRINCIPALTAG/T", "example:List"][..]);
    let null =
        (keys, one_or_more(&TRUTHS)).prop_map(|(key, values)| ("Null".to_owned(), key.to_owned(), values));
    prop_oneof![9 => compares, 1 => null]
}

fn not(name: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(name.to_owned()), 1 => Just(format!("Not{name}"))]
}

fn principal() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("*")),
        one_or_more(&PRINCIPAL_PATTERNS).prop_map(|names| json!({ "AWS": names })),
        one_or_more(&["ses.amazonaws.com", "sns.amazonaws.com"])
            .prop_map(|names| json!({ "Service": names })),
    ]
}

fn statement(is_resource_based: bool) -> impl Strategy<Value = Value> {
    let resources = if is_resource_based { &RESOURCE_PATTERNS[..6] } else { &RESOURCE_PATTERNS[..] };
    let what = (not("Action"), one_or_more(&ACTION_PATTERNS), not("Resource"), one_or_more(resources));
    let who = (not("Principal"), principal());
    let effect = select(&["Allow", "Allow", "Deny"][..]);
    (effect, what, who, vec(condition(), 0..3)).prop_map(move |(effect, what, who, conditions)| {
        let (action_name, actions, resource_name, resources) = what;
        let mut statement = Map::new();
        statement.insert("Effect".to_owned(), json!(effect));
        statement.insert(action_name, actions);
        statement.insert(resource_name, resources);
        if is_resource_based {
            statement.insert(who.0, who.1);
        }
        let mut block = Map::new();
        for (operator, key, values) in conditions {
            let keys = block.entry(operator).or_insert_with(|| json!({}));
            keys.as_object_mut().unwrap().insert(key, values);
        }
        if !block.is_empty() {
            statement.insert("Condition".to_owned(), Value::Object(block));
        }
        Value::Object(statement)
    })
}

pub fn document() -> impl Strategy<Value = Value> {
    any::<bool>().prop_flat_map(|is_resource_based| {
        vec(statement(is_resource_based), 1..4)
            .prop_map(|statements| json!({ "Version": "2012-10-17", "Statement": statements }))
    })
}

pub fn question() -> impl Strategy<Value = Question> {
    let held = (0..KINDS.len()).prop_flat_map(|kind| {
        let Kind { keys, held, .. } = KINDS[kind];
        (select(keys), vec(select(held), 0..4))
    });
    let context = btree_map(0_usize..12, held, 0..10).prop_map(|held| {
        let fact = |(key, values): (&str, Vec<&str>)| {
            let is_list = key == "ses:Recipients" || (key.starts_with("example:") && key.ends_with('s'));
            let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
            let held = match values.first() {
                Some(first) if !is_list && key != "example:List" => Held::One(first.clone()),
                _ => Held::Many(values),
            };
            (key.to_lowercase(), held)
        };
        held.into_values().map(fact).collect()
    });
    let accounts = select(&["123456789012", "999988887777"][..]);
    (select(&PRINCIPALS), select(&ACTIONS), select(&RESOURCES), accounts, context).prop_map(
        |(principal, action, resource, account, context)| Question {
            principal: principal.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            account: account.to_owned(),
            context,
        },
    )
}
