//! Secrets: named in the file, never written in it.
//!
//! `{ env = "NAME" }` and `{ file = "path" }` say where a secret is; a variable of the setting's own holds it
//! or names its file. Nothing here shows one.

use std::fmt;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use super::error::{ConfigError, Misfit};
use super::footprint::Files;
use super::form::{Form, Said, Text, shown};
use super::load::FileError;
use super::section::unexpected;
use super::shape::PATH;
use crate::secret::Secret;

/// Where a secret is.
#[derive(Debug)]
pub enum SecretSource {
    Given(Secret),
    Variable(String),
    File(PathBuf),
}

/// Whether a setting that may come from where secrets do is one. A user name is not; a password's hash may be
/// written in the file, but whoever sees it can try passwords on it, and somebody may write the password itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    Secret,
    Hash,
    Public,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("a secret may not be written in the file")]
    Plain,
    #[error("`{first}` and `{second}` are both set")]
    Twice { first: String, second: String },
    #[error("the variable `{name}` is not set")]
    NotSet { name: String },
    #[error("{holder} is empty")]
    Empty { holder: String },
    #[error("{holder} is not UTF-8")]
    NotUtf8 { holder: String },
    #[error("{holder} begins or ends with a space, or holds a control character")]
    Unclean { holder: String },
    #[error(transparent)]
    File(#[from] FileError),
}

impl Confidence {
    pub fn expects(self) -> &'static str {
        match self {
            Self::Secret => "`{ env = \"NAME\" }` or `{ file = \"path\" }`",
            Self::Hash => {
                "what `sesgate hash-password` prints, `{ env = \"NAME\" }` or `{ file = \"path\" }`"
            }
            Self::Public => "a text, `{ env = \"NAME\" }` or `{ file = \"path\" }`",
        }
    }
}

impl SecretError {
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Plain => Some("name where it is: `{ env = \"NAME\" }` or `{ file = \"path\" }`"),
            Self::Twice { .. } => Some("unset one of them"),
            Self::Unclean { .. } => Some("only the end of the line behind it is left out"),
            Self::NotSet { .. } | Self::Empty { .. } | Self::NotUtf8 { .. } | Self::File(_) => None,
        }
    }
}

/// Reads where a secret is. The error never repeats a text that might be one.
pub fn source(said: Said<'_>, confidence: Confidence) -> Result<SecretSource, ConfigError> {
    match (said, confidence) {
        (Said::Value(DeValue::Table(table)), _) => {
            reference(table).ok_or_else(|| unlike_a_reference(shown(&outline(table)), confidence))
        }
        (Said::Value(DeValue::String(_)), Confidence::Secret) => Err(SecretError::Plain.into()),
        (Said::Value(DeValue::String(text)), Confidence::Public | Confidence::Hash) => {
            Ok(SecretSource::Given(Secret::new(text.to_string())))
        }
        (Said::Text(text), _) => Ok(SecretSource::Given(Secret::new(text.to_owned()))),
        // A number may be a secret too.
        (Said::Value(value), _) => {
            Err(unlike_a_reference(format!("a value of type {}", value.type_str()), confidence))
        }
    }
}

/// Reads the path in a variable that names a secret's file.
pub fn file(said: Said<'_>) -> Result<SecretSource, ConfigError> {
    let path = PATH.read(said).map_err(|reason| unexpected(PATH.expects(), said, reason, None))?;
    Ok(SecretSource::File(PathBuf::from(path)))
}

impl SecretSource {
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name),
            Self::Given(_) | Self::File(_) => None,
        }
    }

    /// Fetches the secret. The end of the line that editors and `echo` leave behind it is no part of it.
    pub fn fetch(&self, files: &Files<'_>, environment: &Environment) -> Result<Secret, SecretError> {
        let holder = self.to_string();
        let text = match self {
            Self::Given(secret) => secret.expose().to_owned(),
            Self::Variable(name) => match environment.value(name) {
                None => return Err(SecretError::NotSet { name: name.clone() }),
                Some(Err(_)) => return Err(SecretError::NotUtf8 { holder }),
                Some(Ok(text)) => text.to_owned(),
            },
            Self::File(path) => {
                let octets = files.octets(&files.path(path))?;
                let Ok(text) = String::from_utf8(octets) else { return Err(SecretError::NotUtf8 { holder }) };
                let line = text.strip_suffix('\n').unwrap_or(&text);
                line.strip_suffix('\r').unwrap_or(line).to_owned()
            }
        };
        if text.is_empty() {
            Err(SecretError::Empty { holder })
        } else if text.trim() != text || text.chars().any(char::is_control) {
            Err(SecretError::Unclean { holder })
        } else {
            Ok(Secret::new(text))
        }
    }

    /// What is wrong with a public text that was fetched; quotes it only where it stands in plain sight.
    pub fn unfit<T>(&self, text: &Secret, form: &Text<T>, reason: Misfit) -> ConfigError {
        let found = match self {
            Self::Given(_) => shown(text.expose()),
            Self::Variable(_) | Self::File(_) => format!("something else in {self}"),
        };
        ConfigError::Unexpected { expected: form.expects.to_owned(), found, reason, mend: None }
    }
}

/// Who holds the secret.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => write!(f, "the text"),
            Self::Variable(name) => write!(f, "the variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

fn reference(table: &DeTable<'_>) -> Option<SecretSource> {
    let mut entries = table.iter();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else { return None };
    let text = value.get_ref().as_str().filter(|text| !text.is_empty())?;
    match key.get_ref().as_ref() {
        "env" => Some(SecretSource::Variable(text.to_owned())),
        "file" => Some(SecretSource::File(PathBuf::from(text))),
        _ => None,
    }
}

/// The keys of a table with the types of their values.
fn outline(table: &DeTable<'_>) -> String {
    let keys = table.iter().map(|(key, value)| format!("{} = {}", key.get_ref(), value.get_ref().type_str()));
    format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
}

fn unlike_a_reference(found: String, confidence: Confidence) -> ConfigError {
    let expected = confidence.expects().to_owned();
    ConfigError::Unexpected { expected, found, reason: Misfit::Shape, mend: None }
}
