//! JSON text as a tree that knows where each part stands, with duplicate keys refused.
//!
//! The one home of reading with `serde_json`, which keeps the last of two equal keys in silence and forgets
//! positions: here `Deny, Allow` cannot load as Allow, and an error can point at its place. The grammar is
//! `serde_json`'s; this adds spans, a bound on depth and the refusal of duplicates. What a document means is
//! its reader's business.

mod position;
mod raw;

use std::borrow::Cow;

use thiserror::Error;

pub use position::{Position, Positions, Span};
pub use raw::{RawMember, elements, members};

/// How deep arrays and objects may nest. A policy needs seven.
pub const DEPTH_MAX: usize = 32;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    pub span: Span,
    pub value: Value<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    /// As it is written: nothing is lost to a binary fraction.
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    /// In the order of the text; no key occurs twice.
    Object(Vec<Member<'a>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    pub key: Cow<'a, str>,
    pub key_span: Span,
    pub node: Node<'a>,
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct JsonError {
    pub span: Span,
    pub problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    #[error("{0}")]
    Syntax(String),
    #[error("the key `{0}` occurs twice in one object")]
    DuplicateKey(String),
    #[error("nested more than {DEPTH_MAX} deep")]
    TooDeep,
}

/// The whole text as one value; all duplicate keys are told at once.
pub fn parse(text: &str) -> Result<Node<'_>, Vec<JsonError>> {
    let mut reader = Reader { text, errors: Vec::new() };
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    // An object or an array is checked as its parts are read.
    let is_nested = trimmed.starts_with(['{', '[']);
    let whole = if is_nested { trimmed } else { raw::value(text).map_err(|error| vec![error])? };
    let node = reader.node(whole, DEPTH_MAX);
    if reader.errors.is_empty() { Ok(node) } else { Err(reader.errors) }
}

impl Value<'_> {
    /// What to call it in a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    errors: Vec<JsonError>,
}

impl<'a> Reader<'a> {
    /// `raw` is a well-formed part of the text, so its first octet tells what it is.
    fn node(&mut self, raw: &'a str, depth_left: usize) -> Node<'a> {
        let span = Span::of(self.text, raw);
        let value = match raw.as_bytes().first() {
            Some(b'{' | b'[') if depth_left == 0 => {
                self.errors.push(JsonError { span, problem: Problem::TooDeep });
                Value::Null
            }
            Some(b'{') => self.object(raw, depth_left - 1),
            Some(b'[') => self.array(raw, depth_left - 1),
            Some(b'"') => self.string(raw),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') | None => Value::Null,
            Some(_) => Value::Number(raw),
        };
        Node { span, value }
    }

    fn object(&mut self, raw: &'a str, depth_left: usize) -> Value<'a> {
        let members = match raw::object(self.text, raw) {
            Ok(members) => members,
            Err(errors) => {
                self.errors.extend(errors);
                return Value::Null;
            }
        };
        let read = |member: RawMember<'a>| Member {
            key: member.key,
            key_span: member.key_span,
            node: self.node(member.text, depth_left),
        };
        Value::Object(members.into_iter().map(read).collect())
    }

    fn array(&mut self, raw: &'a str, depth_left: usize) -> Value<'a> {
        match raw::array(self.text, raw) {
            Ok(parts) => Value::Array(parts.into_iter().map(|part| self.node(part, depth_left)).collect()),
            Err(error) => {
                self.errors.push(error);
                Value::Null
            }
        }
    }

    fn string(&mut self, raw: &'a str) -> Value<'a> {
        match raw::string(self.text, raw) {
            Ok(text) => Value::String(text),
            Err(error) => {
                self.errors.push(error);
                Value::Null
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, Problem, Value, parse};

    fn problems(text: &str) -> Vec<(usize, usize, String)> {
        let errors = parse(text).expect_err("the text is wrong");
        let place = |offset| Position::of(text, offset);
        errors
            .iter()
            .map(|error| (place(error.span.start), error.problem.to_string()))
            .map(|(position, problem)| (position.line, position.column, problem))
            .collect()
    }

    #[test]
    fn every_part_knows_where_it_stands() {
        let text = "{\n  \"ü\\n\": [1.50, \"x\"]\n}";
        let node = parse(text).unwrap();
        let Value::Object(members) = node.value else { panic!("an object") };
        assert_eq!(members[0].key, "ü\n");
        assert_eq!(Position::of(text, members[0].key_span.start), Position { line: 2, column: 3 });
        let Value::Array(parts) = &members[0].node.value else { panic!("an array") };
        assert_eq!(parts[0].value, Value::Number("1.50"));
        assert_eq!(Position::of(text, parts[1].span.start), Position { line: 2, column: 17 });
    }

    #[test]
    fn duplicate_keys_are_refused_at_any_depth_even_when_one_is_escaped() {
        let found = problems("{\"a\": {\"b\": 1,\n \"\\u0062\": 2}, \"c\": [{\"d\": 1, \"d\": 2}]}");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0, found[0].1), (2, 2));
        assert!(found[1].2.contains("`d`"), "{found:?}");
    }

    #[test]
    fn many_keys_are_compared_without_a_quadratic_search() {
        let keys: Vec<String> = (0..50_000).map(|key| format!("\"{key}\":0")).collect();
        assert!(parse(&format!("{{{}}}", keys.join(","))).is_ok());
        assert_eq!(problems(&format!("{{{},\"7\":1}}", keys.join(","))).len(), 1);
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(parse(&deep).unwrap_err()[0].problem, Problem::TooDeep);
        let fits = format!("{}{}", "[".repeat(32), "]".repeat(32));
        assert!(parse(&fits).is_ok());
    }

    #[test]
    fn a_comma_too_many_is_called_so() {
        for (text, line, column, end) in [("[1,]", 1, 4, ']'), ("{\"a\": [1],\n }", 2, 2, '}')] {
            let found = problems(text);
            assert_eq!(found, [(line, column, format!("a comma too many before `{end}`"))], "{text}");
        }
        assert_eq!(problems("[1, ,]")[0].2, "expected value");
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for (text, line, column) in
            [("", 1, 1), ("{\"a\": }", 1, 7), ("{}\n x", 2, 2), ("[1,]", 1, 4), ("{\"a\":\"\\ud800\"}", 1, 6)]
        {
            let found = problems(text);
            assert_eq!((found[0].0, found[0].1), (line, column), "{text}: {found:?}");
        }
    }
}
