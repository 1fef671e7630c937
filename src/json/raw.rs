//! One level of JSON at a time: an object's members and an array's elements as slices of the text.
//!
//! `serde_json` hands out each value as the octets it read (`RawValue`), so a slice's place in the text is its
//! span. Each level reads its part of the text anew, which costs a few passes for a policy and spares a parser
//! of our own.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{JsonError, Problem, Span};

/// Up to so many keys, comparing each with each is faster than hashing them.
const KEYS_COMPARED_MAX: usize = 16;

/// A member of an object whose value has not been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawMember<'a> {
    pub key: Cow<'a, str>,
    pub key_span: Span,
    pub text: &'a str,
}

/// The members of the object that is the whole text; no key occurs twice.
pub fn members(text: &str) -> Result<Vec<RawMember<'_>>, Vec<JsonError>> {
    object(text, text)
}

/// The elements of the array that is the whole text.
pub fn elements(text: &str) -> Result<Vec<&str>, JsonError> {
    array(text, text)
}

/// The one value that is the whole text, without the white space around it.
pub(super) fn value(text: &str) -> Result<&str, JsonError> {
    serde_json::from_str::<&RawValue>(text)
        .map(RawValue::get)
        .map_err(|error| syntax_error(text, text, &error))
}

pub(super) fn object<'a>(text: &str, part: &'a str) -> Result<Vec<RawMember<'a>>, Vec<JsonError>> {
    let mut deserializer = serde_json::Deserializer::from_str(part);
    let pairs = deserializer.deserialize_map(Pairs).and_then(|pairs| deserializer.end().map(|()| pairs));
    let pairs = pairs.map_err(|error| vec![syntax_error(text, part, &error)])?;
    let mut members = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let read = string(text, key.get()).map_err(|error| vec![error])?;
        members.push(RawMember { key: read, key_span: Span::of(text, key.get()), text: value.get() });
    }
    let duplicates = duplicates(&members);
    if duplicates.is_empty() { Ok(members) } else { Err(duplicates) }
}

pub(super) fn array<'a>(text: &str, part: &'a str) -> Result<Vec<&'a str>, JsonError> {
    let parts: Vec<&RawValue> =
        serde_json::from_str(part).map_err(|error| syntax_error(text, part, &error))?;
    Ok(parts.into_iter().map(RawValue::get).collect())
}

pub(super) fn string<'a>(text: &str, part: &'a str) -> Result<Cow<'a, str>, JsonError> {
    // Without an escape the text stands between its quotes as it is.
    match part.strip_prefix('"').and_then(|open| open.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(part).map(Cow::Owned).map_err(|_| JsonError {
            span: Span::of(text, part),
            problem: Problem::Syntax("an escape in this string is no character".to_owned()),
        }),
    }
}

fn duplicates(members: &[RawMember<'_>]) -> Vec<JsonError> {
    let error = |member: &RawMember<'_>| JsonError {
        span: member.key_span,
        problem: Problem::DuplicateKey(member.key.to_string()),
    };
    if members.len() <= KEYS_COMPARED_MAX {
        let earlier = |index| members.iter().take(index);
        let has_twin =
            |(index, member): &(usize, &RawMember<'_>)| earlier(*index).any(|one| one.key == member.key);
        return members.iter().enumerate().filter(has_twin).map(|(_, member)| error(member)).collect();
    }
    let mut seen = HashSet::new();
    members.iter().filter(|member| !seen.insert(member.key.as_ref())).map(error).collect()
}

/// `serde_json` tells line and column within `part`, and repeats them in its words.
fn syntax_error(text: &str, part: &str, error: &serde_json::Error) -> JsonError {
    let line_start: usize =
        part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let within = line_start.saturating_add(error.column().saturating_sub(1)).min(part.len());
    let start = Span::of(text, part).start.saturating_add(within);
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    let (before, after) = part.split_at_checked(within).unwrap_or_default();
    let problem = match after.chars().next() {
        // The commonest slip of all, which is not named otherwise.
        Some(end @ (']' | '}')) if before.trim_end().ends_with(',') => {
            format!("a comma too many before `{end}`")
        }
        _ if words == "expected ident" => "not a JSON value".to_owned(),
        _ => words.to_owned(),
    };
    JsonError {
        span: Span { start, end: start.saturating_add(1).min(text.len()) },
        problem: Problem::Syntax(problem),
    }
}

/// Reads an object as pairs of unread texts.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}
