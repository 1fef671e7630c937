//! Which parts of the file may not be shown: secrets that were written where they must not be.
//!
//! A message about a line shows the line. So what looks like a secret is found by the name of its key, right or
//! mistyped, whatever else is wrong with the file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::form::Said;
use super::secret::{self, Confidence};
use super::section::Key;
use super::unknown::alike;

/// What a name that nobody knows gives away.
const SECRET_WORDS: [&str; 3] = ["pass", "secret", "key"];

/// The values of keys that look like secrets, in a file that is TOML.
pub fn in_tree(table: &DeTable<'_>, keys: &[Key]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for (name, value) in table {
        if is_secret(name.get_ref(), keys) {
            if secret::source(Said::Value(value.get_ref()), Confidence::Secret).is_err() {
                collect_leaves(value, &mut spans);
            }
        } else {
            for table in tables(value.get_ref()) {
                spans.extend(in_tree(table, keys));
            }
        }
    }
    spans
}

/// The same by lines, in a file that is not TOML: all that follows the name of a secret on its line.
pub fn in_lines(text: &str, keys: &[Key]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for (at, _) in text.match_indices('=') {
        let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else { continue };
        let is_part_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let before = before.trim_end_matches([' ', '\t', '"', '\'']);
        let name = before.rsplit(|c| !is_part_of_name(c)).next().unwrap_or_default();
        let value = after.lines().next().unwrap_or_default();
        if is_secret(name, keys) && !names_its_place(value) {
            spans.push(at.saturating_add(1)..at.saturating_add(value.len()));
        }
    }
    spans
}

fn is_secret(name: &str, keys: &[Key]) -> bool {
    if keys.iter().any(|key| key.name == name) {
        return keys.iter().any(|key| key.name == name && is_hidden(key));
    }
    let secrets = keys.iter().filter(|key| is_hidden(key)).map(|key| key.name);
    SECRET_WORDS.iter().any(|word| name.contains(word)) || alike(name, secrets).is_some()
}

fn is_hidden(key: &Key) -> bool {
    matches!(key.reference, Some(Confidence::Secret | Confidence::Login | Confidence::Hash))
}

/// Whether what follows a name begins like `= { env`, `= { file` or `= { secretsmanager`.
fn names_its_place(value: &str) -> bool {
    let beginning = value.chars().filter(|c| !c.is_whitespace()).take(16).collect::<String>();
    ["={env", "={file", "={secretsmanager"].iter().any(|place| beginning.starts_with(place))
}

fn tables<'a>(value: &'a DeValue<'a>) -> Vec<&'a DeTable<'a>> {
    match value {
        DeValue::Table(table) => vec![table],
        DeValue::Array(array) => array.iter().flat_map(|item| tables(item.get_ref())).collect(),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => Vec::new(),
    }
}

/// A table's own span is its header only.
fn collect_leaves(value: &Spanned<DeValue<'_>>, spans: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(_, value)| collect_leaves(value, spans)),
        DeValue::Array(array) => array.iter().for_each(|value| collect_leaves(value, spans)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => spans.push(value.span()),
    }
}
