//! What nobody asked for: sections, keys and variables that the configuration does not know, and what may have
//! been meant by them.
//!
//! A key that is silently ignored is a protection that is silently off.

use toml::de::DeTable;

use super::document::{Document, Place};
use super::environment::{Environment, PREFIX};
use super::error::{ConfigError, Problem};
use super::section::{Key, Notes};

/// How alike two words must be for one to be a slip of the other.
const LIKENESS_MIN: f64 = 0.85;

/// Notes every section and key that was not asked for.
pub fn in_document(document: &Document, tree: &DeTable<'_>, notes: &mut Notes) {
    for (name, value) in tree {
        let section = name.get_ref().as_ref();
        if !notes.keys.iter().any(|key| key.section == section) {
            let meant = section_meant(section, &notes.keys);
            notes.add(&document.place(name.span()), section, ConfigError::UnknownSection { meant });
            continue;
        }
        if let Some(table) = value.get_ref().as_table() {
            in_table(document, table, section, section, notes);
        }
        for (index, item) in value.get_ref().as_array().into_iter().flatten().enumerate() {
            if let Some(table) = item.get_ref().as_table() {
                in_table(document, table, section, &format!("{section}[{index}]"), notes);
            }
        }
    }
}

/// Notes every variable of ours that is neither a setting's nor named by a secret.
pub fn in_environment(environment: &Environment, named: &[String], notes: &mut Notes) {
    let known = notes.keys.iter().flat_map(variables).collect::<Vec<_>>();
    for name in environment.ours().filter(|name| !known.iter().chain(named).any(|known| known == name)) {
        // The prefix they all have is no likeness.
        let stems = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
        let meant = alike(name.trim_start_matches(PREFIX), stems).map(|stem| format!("{PREFIX}{stem}"));
        let place = Place::Variable(name.to_owned());
        notes.problems.push(Problem { place, key: None, error: ConfigError::UnknownVariable { meant } });
    }
}

/// The word that `word` is most like, if it is like one at all.
pub fn alike<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likenesses = words.map(|other| (strsim::jaro_winkler(word, other), other));
    let (likeness, best) = likenesses.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness >= LIKENESS_MIN).then_some(best)
}

fn in_table(document: &Document, table: &DeTable<'_>, section: &str, path: &str, notes: &mut Notes) {
    for (name, value) in table {
        let key = name.get_ref().as_ref();
        let inner = format!("{section}.{key}");
        if notes.keys.iter().any(|known| known.section == inner) {
            let tables = value.get_ref().as_array().into_iter().flatten().enumerate();
            for (index, item) in tables {
                if let Some(table) = item.get_ref().as_table() {
                    in_table(document, table, &inner, &format!("{path}.{key}[{index}]"), notes);
                }
            }
        } else if !notes.keys.iter().any(|known| known.section == section && known.name == key) {
            let meant = key_meant(section, key, &notes.keys);
            let place = document.place(name.span());
            notes.add(&place, &format!("{path}.{key}"), ConfigError::UnknownKey { meant });
        }
    }
}

/// A section like it, or the section of a key that stands outside of any.
fn section_meant(name: &str, keys: &[Key]) -> Option<String> {
    alike(name, keys.iter().map(|key| key.section)).map(str::to_owned).or_else(|| elsewhere(name, keys))
}

/// A key of the section like it, or the same key in another section.
fn key_meant(section: &str, name: &str, keys: &[Key]) -> Option<String> {
    let neighbours = keys.iter().filter(|key| key.section == section).map(|key| key.name);
    elsewhere(name, keys).or_else(|| alike(name, neighbours).map(str::to_owned))
}

fn elsewhere(name: &str, keys: &[Key]) -> Option<String> {
    keys.iter().find(|key| key.name == name).map(|key| format!("{}.{}", key.section, key.name))
}

fn variables(key: &Key) -> Vec<String> {
    key.variable().into_iter().chain(key.file_variable()).collect()
}
