//! Settings that are tables: texts under names of the operator's own, and lists of tables.
//!
//! What is in a list of tables is for sections of their own.

use toml::Spanned;
use toml::de::DeValue;

use super::document::Document;
use super::error::Misfit;
use super::form::{Said, Text};
use super::section::{Key, Notes, Placed, Presence, Reach, Section, unexpected};

impl Section<'_> {
    /// A table of texts, each under a name of its own; none if anything is wrong with it.
    pub fn pairs(
        &mut self,
        name: &'static str,
        expects: &'static str,
        (key_form, value_form): (&Text<String>, &Text<String>),
    ) -> Option<Vec<Placed<(String, String)>>> {
        self.know(name, expects.to_owned(), Presence::Optional, None);
        let Some(said) = self.in_file(name) else { return Some(Vec::new()) };
        let Said::Value(DeValue::Table(table)) = said.value else {
            self.notes.blame(&said, unexpected(expects.to_owned(), said.value, Misfit::Shape, None));
            return None;
        };
        let mut pairs = Vec::new();
        for (entry, value) in table {
            let place = self.source.document.place(entry.span());
            let key = format!("{}.{}", said.key, entry.get_ref());
            let entry = Placed { value: Said::Text(entry.get_ref()), place, key };
            let value = Placed { value: Said::Value(value.get_ref()), ..entry.clone() };
            let (entry, value) = (self.read(entry, key_form), self.read(value, value_form));
            pairs.push(entry.zip(value).map(|(entry, value)| Placed {
                value: (entry.value, value.value),
                place: entry.place,
                key: entry.key,
            }));
        }
        pairs.into_iter().collect()
    }

    /// A list of tables, which others read, and which no variable could hold.
    pub fn mention_tables(&mut self, name: &'static str, expects: &'static str) {
        let (section, expects, presence) = (self.name, expects.to_owned(), Presence::Optional);
        self.notes.know(Key { section, name, expects, presence, reference: None, reach: Reach::File });
    }
}

/// All of a list of tables, each under its own header or in braces.
pub fn tables<'a>(
    value: Option<&'a Spanned<DeValue<'a>>>,
    key: &str,
    expects: &str,
    document: &Document,
    notes: &mut Notes,
) -> Vec<&'a Spanned<DeValue<'a>>> {
    let Some(value) = value else { return Vec::new() };
    match value.get_ref().as_array() {
        Some(array) if array.iter().all(|item| item.get_ref().is_table()) => array.iter().collect(),
        Some(_) | None => {
            let error = unexpected(expects.to_owned(), Said::Value(value.get_ref()), Misfit::Shape, None);
            notes.add(&document.place(value.span()), key, error);
            Vec::new()
        }
    }
}
