//! A second evaluator, written from the documentation as plainly as can be. It shares no code with the engine,
//! compiles nothing, and is as slow as it likes; whatever the two disagree about is a mistake in one of them.

use std::collections::BTreeMap;

use serde_json::Value;

/// A request. Keys of the context are in lower case.
#[derive(Debug, Clone)]
pub struct Question {
    pub principal: String,
    pub action: String,
    pub resource: String,
    pub account: String,
    pub context: BTreeMap<String, Held>,
}

#[derive(Debug, Clone)]
pub enum Held {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Text(char),
    /// From a variable: never a wildcard, never a border.
    Value(char),
    Star,
    Mark,
}

pub fn decide(documents: &[Value], question: &Question) -> &'static str {
    let mut identity_allows = false;
    let mut resource_allows = false;
    let mut resource_grants = false;
    for document in documents {
        let expands = document["Version"] == "2012-10-17";
        let statements = list(&document["Statement"]);
        let is_resource_based =
            statements.iter().any(|one| has(one, "Principal") || has(one, "NotPrincipal"));
        for statement in &statements {
            let (names, grants) =
                if is_resource_based { principal(statement, &question.principal) } else { (true, true) };
            if !names
                || !action(statement, question)
                || !resource(statement, is_resource_based, expands, question)
            {
                continue;
            }
            let is_deny = statement["Effect"] == "Deny";
            if !conditions(statement, is_deny, expands, question) {
                continue;
            }
            if is_deny {
                return "explicit-deny";
            }
            identity_allows |= !is_resource_based;
            resource_allows |= is_resource_based;
            resource_grants |= is_resource_based && grants;
        }
    }
    let is_service = !question.principal.starts_with("arn:");
    let is_own = question.principal.contains(&format!(":{}:", question.account));
    let is_allowed = if is_service {
        resource_grants
    } else if is_own {
        identity_allows || resource_grants
    } else {
        identity_allows && resource_allows
    };
    if is_allowed { "allow" } else { "implicit-deny" }
}

/// Whether the statement is about the principal, and whether an Allow grants by itself.
fn principal(statement: &Value, asks: &str) -> (bool, bool) {
    let account: Option<&str> = asks.starts_with("arn:").then(|| asks.split(':').nth(4).unwrap());
    let role = asks.contains(":assumed-role/").then(|| asks.split('/').nth(1).unwrap());
    let covers = |element: &Value| -> (bool, bool) {
        if element == "*" {
            return (true, true);
        }
        let mut by_account = false;
        let mut direct = false;
        for (kind, names) in element.as_object().unwrap() {
            for name in strings(names) {
                match kind.as_str() {
                    "AWS" if name == "*" => (by_account, direct) = (true, true),
                    "AWS"
                        if account
                            .is_some_and(|id| name == id || name == format!("arn:aws:iam::{id}:root")) =>
                    {
                        by_account = true;
                    }
                    "AWS" if name.contains(":role/") && role.is_some() => {
                        let same_role = name.rsplit('/').next() == role;
                        direct |= same_role && name.split(':').nth(4) == account;
                    }
                    "AWS" | "Service" => direct |= name == asks,
                    _ => {}
                }
            }
        }
        (by_account, direct)
    };
    if has(statement, "Principal") {
        let (by_account, direct) = covers(&statement["Principal"]);
        (by_account || direct, direct)
    } else if has(statement, "NotPrincipal") {
        let (by_account, direct) = covers(&statement["NotPrincipal"]);
        // A user denied with his account: the account must be listed beside him.
        let is_spared = if statement["Effect"] == "Deny" && account.is_some() {
            by_account
        } else {
            by_account || direct
        };
        (!is_spared, true)
    } else {
        (false, false)
    }
}

fn action(statement: &Value, question: &Question) -> bool {
    let asked: Vec<char> = question.action.to_lowercase().chars().collect();
    let is_in = |names: &Value| strings(names).iter().any(|name| glob(&plain(&name.to_lowercase()), &asked));
    if has(statement, "Action") { is_in(&statement["Action"]) } else { !is_in(&statement["NotAction"]) }
}

fn resource(statement: &Value, is_resource_based: bool, expands: bool, question: &Question) -> bool {
    let is_in = |names: &Value| {
        strings(names).iter().any(|name| {
            if name == "*" {
                return true;
            }
            let Some(tokens) = tokens(name, expands, true, question) else { return false };
            let mut segments = split(&tokens);
            if segments.len() < 6 && is_resource_based {
                return false;
            }
            segments.resize(6, vec![Token::Star]);
            arn(&segments, &question.resource)
        })
    };
    if has(statement, "Resource") { is_in(&statement["Resource"]) } else { !is_in(&statement["NotResource"]) }
}

fn conditions(statement: &Value, is_deny: bool, expands: bool, question: &Question) -> bool {
    let Some(block) = statement["Condition"].as_object() else { return true };
    block.iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, values)| {
            let held = question.context.get(&key.to_lowercase()).filter(|held| !values_of(held).is_empty());
            condition(operator, &strings(values), held, is_deny, expands, question)
        })
    })
}

fn condition(
    operator: &str,
    wanted: &[String],
    held: Option<&Held>,
    is_deny: bool,
    expands: bool,
    question: &Question,
) -> bool {
    let (set, name) = operator.split_once(':').unwrap_or(("", operator));
    let if_exists = name.ends_with("IfExists");
    let name = name.trim_end_matches("IfExists");
    if name == "Null" {
        return wanted.iter().any(|text| (text.to_lowercase() == "true") == held.is_none());
    }
    let is_negated = name.contains("Not");
    let base = name.replace("Not", "");
    let one = |value: &String| {
        wanted.iter().any(|policy| compares(&base, value, policy, expands, question)) != is_negated
    };
    match (set, held) {
        ("ForAllValues", None) => true,
        ("ForAnyValue", None) => false,
        ("", None) => if_exists || is_negated,
        ("ForAllValues", Some(held)) => values_of(held).iter().all(one),
        ("ForAnyValue", Some(held)) => values_of(held).iter().any(one),
        ("", Some(Held::One(value))) => one(value),
        // Nobody says what this means: an Allow does not match, a Deny does.
        ("", Some(Held::Many(_))) => is_deny,
        _ => panic!("no set operator {set}"),
    }
}

fn compares(base: &str, value: &str, policy: &str, expands: bool, question: &Question) -> bool {
    let characters: Vec<char> = value.chars().collect();
    let numbers = || Some((value.parse::<f64>().ok()?, policy.parse::<f64>().ok()?));
    // ISO 8601 in one form sorts as text.
    let relation = |order: Option<std::cmp::Ordering>, relation: &str| {
        order.is_some_and(|order| match relation {
            "Equals" => order.is_eq(),
            "LessThan" => order.is_lt(),
            "LessThanEquals" => order.is_le(),
            "GreaterThan" => order.is_gt(),
            "GreaterThanEquals" => order.is_ge(),
            _ => panic!("no relation {relation}"),
        })
    };
    match base {
        "StringEquals" => tokens(policy, expands, false, question).is_some_and(|one| glob(&one, &characters)),
        "StringEqualsIgnoreCase" => tokens(policy, expands, false, question).is_some_and(|one| {
            let text: String = one.iter().map(|token| letter(token).unwrap()).collect();
            text.to_lowercase() == value.to_lowercase()
        }),
        "StringLike" => tokens(policy, expands, true, question).is_some_and(|one| glob(&one, &characters)),
        "ArnEquals" | "ArnLike" => {
            tokens(policy, expands, true, question).is_some_and(|one| arn(&split(&one), value))
        }
        "Bool" => value.to_lowercase() == policy.to_lowercase(),
        "BinaryEquals" => value == policy,
        "IpAddress" => in_network(value, policy),
        _ if base.starts_with("Numeric") => relation(
            numbers().and_then(|(value, policy)| value.partial_cmp(&policy)),
            base.trim_start_matches("Numeric"),
        ),
        _ if base.starts_with("Date") => relation(Some(value.cmp(policy)), base.trim_start_matches("Date")),
        _ => panic!("no operator {base}"),
    }
}

/// Bit by bit, as written in a textbook.
fn in_network(address: &str, network: &str) -> bool {
    let bits = |text: &str| -> Vec<bool> {
        let octets = match text.parse::<std::net::IpAddr>().unwrap() {
            std::net::IpAddr::V4(address) => address.octets().to_vec(),
            std::net::IpAddr::V6(address) => address.octets().to_vec(),
        };
        octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
    };
    let (network, prefix) = network.split_once('/').unwrap_or((network, "999"));
    let (address, network) = (bits(address), bits(network));
    let prefix = prefix.parse::<usize>().unwrap().min(network.len());
    address.len() == network.len() && address[..prefix] == network[..prefix]
}

fn arn(patterns: &[Vec<Token>], name: &str) -> bool {
    let segments: Vec<Vec<char>> = name.splitn(6, ':').map(|segment| segment.chars().collect()).collect();
    segments.len() == 6
        && patterns.len() == 6
        && patterns.iter().zip(&segments).all(|(pattern, segment)| glob(pattern, segment))
}

fn split(tokens: &[Token]) -> Vec<Vec<Token>> {
    let mut segments = vec![Vec::new()];
    for token in tokens {
        if *token == Token::Text(':') && segments.len() < 6 {
            segments.push(Vec::new());
        } else {
            segments.last_mut().unwrap().push(token.clone());
        }
    }
    segments
}

/// By trying everything.
pub fn glob(pattern: &[Token], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((Token::Star, after)), None) => glob(after, text),
        (Some((Token::Star, after)), Some((_, rest))) => glob(after, text) || glob(pattern, rest),
        (Some((_, _)), None) => false,
        (Some((Token::Mark, after)), Some((_, rest))) => glob(after, rest),
        (Some((token, after)), Some((first, rest))) => letter(token) == Some(*first) && glob(after, rest),
    }
}

fn letter(token: &Token) -> Option<char> {
    match token {
        Token::Text(letter) | Token::Value(letter) => Some(*letter),
        Token::Star | Token::Mark => None,
    }
}

/// Wildcards and no variables.
pub fn plain(text: &str) -> Vec<Token> {
    let token = |letter| match letter {
        '*' => Token::Star,
        '?' => Token::Mark,
        other => Token::Text(other),
    };
    text.chars().map(token).collect()
}

/// None where a variable has no value.
fn tokens(text: &str, expands: bool, wild: bool, question: &Question) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let Some(variable) = rest.strip_prefix("${").filter(|_| expands) else {
            let one = first.to_string();
            tokens.extend(if wild { plain(&one) } else { vec![Token::Text(first)] });
            rest = rest.strip_prefix(first).unwrap();
            continue;
        };
        let (inner, after) = variable.split_once('}').unwrap();
        rest = after;
        if ["*", "?", "$"].contains(&inner) {
            tokens.extend(inner.chars().map(Token::Value));
            continue;
        }
        let (key, default) = match inner.split_once(", ") {
            Some((key, default)) => (key, Some(default.trim_matches('\'').to_owned())),
            None => (inner, None),
        };
        let value = match question.context.get(&key.to_lowercase()) {
            Some(Held::One(value)) if !value.is_empty() => Some(value.clone()),
            _ => default,
        };
        tokens.extend(value?.chars().map(Token::Value));
    }
    Some(tokens)
}

fn values_of(held: &Held) -> &[String] {
    match held {
        Held::One(value) => std::slice::from_ref(value),
        Held::Many(values) => values,
    }
}

fn has(statement: &Value, name: &str) -> bool {
    statement.get(name).is_some()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn strings(value: &Value) -> Vec<String> {
    list(value).iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect()
}
