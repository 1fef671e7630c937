//! One section, read key by key: from its variable if that is set, else from the file, else the default.
//!
//! A reading never stops at what is wrong: it notes the problem and goes on, so that all come at once. Each key
//! that is asked for is noted too, so that there is no list of keys beside the reading itself.

use std::fmt::Display;

use toml::Spanned;
use toml::de::DeValue;

use super::document::{Document, Place};
use super::environment::{self, Environment};
use super::error::{ConfigError, Mend, Misfit, Problem};
use super::form::{Form, Said, shown};
use super::secret::{self, Confidence, SecretError, SecretSource};
use super::settings::PolicyFile;

/// A key that the configuration knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub section: &'static str,
    pub name: &'static str,
    /// The end of the sentence "expected …".
    pub expects: String,
    pub presence: Presence,
    /// Whether it may be named, by `{ env = … }`, `{ file = … }` or `{ secretsmanager = … }`, instead of said.
    pub reference: Option<Confidence>,
    pub reach: Reach,
}

/// Where a key can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In the file, or in its variable.
    Anywhere,
    /// In the file alone: there are several of its section, as a rule.
    File,
}

/// What a key is when nobody says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Required,
    Optional,
    /// As one would write it in a variable.
    Default(String),
    /// What it follows from, in words.
    Derived(&'static str),
}

/// What was noted while reading.
#[derive(Debug, Default)]
pub struct Notes {
    pub problems: Vec<Problem>,
    pub keys: Vec<Key>,
    /// What could be read of those that are named.
    pub policies: Vec<PolicyFile>,
}

/// A value, and where to point when it does not go with another.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    pub value: T,
    pub place: Place,
    /// `ses.identities[1]`
    pub key: String,
}

/// What a section is read from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub document: &'a Document,
    /// The table and where it begins.
    pub table: Option<&'a Spanned<DeValue<'a>>>,
    /// `None` where a variable could mean several sections.
    pub environment: Option<&'a Environment>,
}

#[derive(Debug)]
pub struct Section<'a> {
    pub(super) name: &'static str,
    /// `ses`, `listener[1]`
    path: String,
    pub(super) source: Source<'a>,
    reach: Reach,
    pub(super) notes: &'a mut Notes,
}

impl Notes {
    pub fn know(&mut self, key: Key) {
        // Each listener and app is asked for the same keys.
        if !self.keys.contains(&key) {
            self.keys.push(key);
        }
    }

    pub fn add(&mut self, place: &Place, key: &str, error: impl Into<ConfigError>) {
        self.problems.push(Problem { place: place.clone(), key: Some(key.to_owned()), error: error.into() });
    }

    pub fn blame<T>(&mut self, placed: &Placed<T>, error: impl Into<ConfigError>) {
        self.add(&placed.place, &placed.key, error);
    }
}

impl Key {
    /// The variable that sets it.
    pub fn variable(&self) -> Option<String> {
        variable(self.reach, self.section, self.name)
    }

    /// The variable that names a file with its value.
    pub fn file_variable(&self) -> Option<String> {
        let has_one = self.reference.is_some() && self.reach == Reach::Anywhere;
        has_one.then(|| environment::file_variable_name(self.section, self.name))
    }
}

impl<'a> Section<'a> {
    pub fn new(name: &'static str, path: String, source: Source<'a>, notes: &'a mut Notes) -> Self {
        Self { name, path, source, reach: Reach::Anywhere, notes }
    }

    /// A section without variables.
    pub fn in_file_only(
        name: &'static str,
        path: String,
        document: &'a Document,
        table: Option<&'a Spanned<DeValue<'a>>>,
        notes: &'a mut Notes,
    ) -> Self {
        let source = Source { document, table, environment: None };
        Self { name, path, source, reach: Reach::File, notes }
    }

    /// Where a problem of the section as a whole is.
    pub fn place(&self) -> Place {
        let document = self.source.document;
        self.source.table.map_or_else(|| document.whole(), |table| document.place(table.span()))
    }

    /// `ses`, `listener[1]`
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Notes what is wrong with what a key names.
    pub fn note(&mut self, place: &Place, name: &str, error: impl Into<ConfigError>) {
        self.notes.add(place, &self.key(name), error);
    }

    pub fn required<F: Form>(&mut self, name: &'static str, form: &F) -> Option<Placed<F::Value>> {
        self.know(name, form.expects(), Presence::Required, None);
        let said = self.said(name).or_else(|| self.miss(name, form.expects()))?;
        self.read(said, form)
    }

    pub fn optional<F: Form>(&mut self, name: &'static str, form: &F) -> Option<Placed<F::Value>> {
        self.know(name, form.expects(), Presence::Optional, None);
        let said = self.said(name)?;
        self.read(said, form)
    }

    /// A key whose default is for others to work out.
    pub fn derived<F: Form>(
        &mut self,
        name: &'static str,
        form: &F,
        default: &'static str,
    ) -> Option<Placed<F::Value>> {
        self.know(name, form.expects(), Presence::Derived(default), None);
        let said = self.said(name)?;
        self.read(said, form)
    }

    pub fn or<F: Form>(&mut self, name: &'static str, form: &F, default: F::Value) -> F::Value {
        self.placed_or(name, form, default).value
    }

    pub fn placed_or<F: Form>(
        &mut self,
        name: &'static str,
        form: &F,
        default: F::Value,
    ) -> Placed<F::Value> {
        self.know(name, form.expects(), Presence::Default(form.show(&default)), None);
        let placed = self.said(name).and_then(|said| self.read(said, form));
        placed.unwrap_or_else(|| Placed { value: default, place: self.place(), key: self.key(name) })
    }

    /// A list without repetitions; none if anything is wrong with it. Only an optional one may be empty.
    pub fn list<F: Form<Value: Display + PartialEq>>(
        &mut self,
        name: &'static str,
        form: &F,
        presence: &Presence,
    ) -> Option<Vec<Placed<F::Value>>> {
        let expects = format!("a list, each {}", form.expects());
        self.know(name, expects.clone(), presence.clone(), None);
        let said = match (self.said(name), presence) {
            (Some(said), _) => said,
            (None, Presence::Default(text)) => {
                Placed { value: Said::Text(text), place: self.place(), key: self.key(name) }
            }
            (None, Presence::Required) => return self.miss(name, expects),
            (None, Presence::Optional | Presence::Derived(_)) => return Some(Vec::new()),
        };
        let Some(said_items) = self.items(&said) else {
            let mend = said.value.text().map(|text| Mend::Bracket(text.to_owned()));
            self.notes.blame(&said, unexpected(expects, said.value, Misfit::Shape, mend));
            return None;
        };
        if said_items.is_empty() && *presence != Presence::Optional {
            self.notes.blame(&said, ConfigError::Empty);
            return None;
        }
        let count = said_items.len();
        let items = said_items.into_iter().filter_map(|item| self.read(item, form)).collect::<Vec<_>>();
        refuse_repetitions(&items, self.notes);
        (items.len() == count).then_some(items)
    }

    /// A secret, or a public text that may come from where secrets do. What was said but is of no use is
    /// `Some` with nothing in it, so that nobody calls it missing as well.
    pub fn secret(
        &mut self,
        name: &'static str,
        confidence: Confidence,
    ) -> Option<Placed<Option<SecretSource>>> {
        self.know(name, confidence.expects().to_owned(), Presence::Optional, Some(confidence));
        self.secret_said(name, confidence)
    }

    fn secret_said(
        &mut self,
        name: &'static str,
        confidence: Confidence,
    ) -> Option<Placed<Option<SecretSource>>> {
        let own = environment::variable_name(self.name, name);
        let file = environment::file_variable_name(self.name, name);
        let (text, path) = (self.variable(&own, name), self.variable(&file, name));
        let (said, source) = match (text, path) {
            (Some(_), Some(path)) => (path, Err(SecretError::Twice { first: own, second: file }.into())),
            (None, Some(path)) => {
                let source = secret::file(path.value);
                (path, source)
            }
            (Some(said), None) => {
                let source = secret::source(said.value, confidence);
                (said, source)
            }
            (None, None) => {
                let said = self.in_file(name)?;
                let source = secret::source(said.value, confidence);
                (said, source)
            }
        };
        let (place, key) = (said.place.clone(), said.key.clone());
        Some(Placed { value: self.keep(said, source).map(|source| source.value), place, key })
    }

    /// The same where one must be said.
    pub fn required_secret(
        &mut self,
        name: &'static str,
        confidence: Confidence,
    ) -> Option<Placed<Option<SecretSource>>> {
        self.know(name, confidence.expects().to_owned(), Presence::Required, Some(confidence));
        self.secret_said(name, confidence).or_else(|| self.miss(name, confidence.expects().to_owned()))
    }

    pub(super) fn know(
        &mut self,
        name: &'static str,
        expects: String,
        presence: Presence,
        reference: Option<Confidence>,
    ) {
        let reach = self.reach;
        self.notes.know(Key { section: self.name, name, expects, presence, reference, reach });
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    fn said(&mut self, name: &'static str) -> Option<Placed<Said<'a>>> {
        self.variable(&environment::variable_name(self.name, name), name).or_else(|| self.in_file(name))
    }

    pub(super) fn in_file(&self, name: &'static str) -> Option<Placed<Said<'a>>> {
        let value = self.source.table?.get_ref().get(name)?;
        let place = self.source.document.place(value.span());
        Some(Placed { value: Said::Value(value.get_ref()), place, key: self.key(name) })
    }

    fn variable(&mut self, variable: &str, name: &str) -> Option<Placed<Said<'a>>> {
        let place = Place::Variable(variable.to_owned());
        let key = self.key(name);
        let Ok(text) = self.source.environment?.value(variable)? else {
            self.notes.add(&place, &key, ConfigError::VariableNotUtf8);
            return None;
        };
        Some(Placed { value: Said::Text(text), place, key })
    }

    fn miss<T>(&mut self, name: &str, expected: String) -> Option<T> {
        let variable = variable(self.reach, self.name, name);
        let (place, key) = (self.place(), self.key(name));
        self.notes.add(&place, &key, ConfigError::Missing { expected, variable });
        None
    }

    pub(super) fn read<F: Form>(&mut self, said: Placed<Said<'_>>, form: &F) -> Option<Placed<F::Value>> {
        let value = form.read(said.value);
        let value =
            value.map_err(|reason| unexpected(form.expects(), said.value, reason, form.mend(said.value)));
        self.keep(said, value)
    }

    fn keep<T>(&mut self, said: Placed<Said<'_>>, value: Result<T, ConfigError>) -> Option<Placed<T>> {
        match value {
            Ok(value) => Some(Placed { value, place: said.place, key: said.key }),
            Err(error) => {
                self.notes.blame(&said, error);
                None
            }
        }
    }

    /// The parts of an array, or of a variable's text between commas.
    fn items<'b>(&self, said: &Placed<Said<'b>>) -> Option<Vec<Placed<Said<'b>>>> {
        let placed = |index, value, place| Placed { value, place, key: format!("{}[{index}]", said.key) };
        match said.value {
            Said::Text(text) if text.trim().is_empty() => Some(Vec::new()),
            Said::Text(text) => {
                let parts = text.split(',').map(str::trim).enumerate();
                Some(parts.map(|(index, part)| placed(index, Said::Text(part), said.place.clone())).collect())
            }
            Said::Value(value) => {
                let items = value.as_array()?.iter().enumerate();
                let place = |item: &Spanned<_>| self.source.document.place(item.span());
                Some(
                    items
                        .map(|(index, item)| placed(index, Said::Value(item.get_ref()), place(item)))
                        .collect(),
                )
            }
        }
    }
}

fn variable(reach: Reach, section: &str, name: &str) -> Option<String> {
    match reach {
        Reach::Anywhere => Some(environment::variable_name(section, name)),
        Reach::File => None,
    }
}

pub fn unexpected(expected: String, said: Said<'_>, reason: Misfit, mend: Option<Mend>) -> ConfigError {
    ConfigError::Unexpected { expected, found: said.shown(), reason, mend }
}

/// Points at each item that was there before.
pub fn refuse_repetitions<T: Display + PartialEq>(items: &[Placed<T>], notes: &mut Notes) {
    for (index, item) in items.iter().enumerate() {
        if let Some(first) = items.iter().take(index).find(|other| other.value == item.value) {
            let (item_text, first) = (shown(&item.value.to_string()), first.key.clone());
            notes.blame(item, ConfigError::Duplicate { item: item_text, first });
        }
    }
}
