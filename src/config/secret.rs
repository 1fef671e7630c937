//! Secrets: named in the file, never written in it.
//!
//! `{ env = "NAME" }` and `{ file = "path" }` say where a secret is; a variable of the setting's own holds it
//! or names its file. `{ secretsmanager = "name" }` is for the logins of SES, and somebody else asks there. With
//! `key`, a JSON object is there, and the secret is one of its members. Nothing here shows one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use super::error::{ConfigError, Misfit};
use super::footprint::Files;
use super::form::{Form, Said, Text, shown};
use super::load::FileError;
use super::section::unexpected;
use super::shape::PATH;
use crate::json::{self, Value};
use crate::secret::Secret;

/// Where a secret is.
#[derive(Debug, Clone)]
pub struct SecretSource {
    holder: Holder,
    /// The member of a JSON object that it is, where it is not all that the holder has.
    key: Option<String>,
}

/// What has secrets.
#[derive(Debug, Clone)]
pub enum Holder {
    Given(Secret),
    Variable(String),
    File(PathBuf),
    /// A name or an ARN in AWS Secrets Manager.
    SecretsManager(String),
}

/// What holders have that are not asked here, each under its name.
#[derive(Debug, Default)]
pub struct Stored(BTreeMap<String, Secret>);

impl FromIterator<(String, Secret)> for Stored {
    fn from_iter<I: IntoIterator<Item = (String, Secret)>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

/// Whether a setting that may come from where secrets do is one. A user name is not; a password's hash may be
/// written in the file, but whoever sees it can try passwords on it, and somebody may write the password itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    Secret,
    /// The secret half of a login of SES.
    Login,
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
    #[error("{holder} is not a JSON object, as `key` supposes")]
    NotJson { holder: String },
    #[error("{holder} is a JSON object without a text named `{key}`")]
    NoMember { holder: String, key: String },
    #[error("only the logins of Amazon SES can be in Secrets Manager")]
    OnlyLogins,
    #[error("this sesgate was built without the feature `aws`, and cannot ask Secrets Manager")]
    WithoutAws,
    #[error(transparent)]
    File(#[from] FileError),
}

impl Confidence {
    pub fn expects(self) -> &'static str {
        match self {
            Self::Login => "`{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ secretsmanager = \"name\" }`",
            Self::Secret => "`{ env = \"NAME\" }` or `{ file = \"path\" }`",
            Self::Hash => {
                "what `sesgate hash-password` prints, `{ env = \"NAME\" }` or `{ file = \"path\" }`"
            }
            Self::Public => {
                "a text, `{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ secretsmanager = \"name\" }`"
            }
        }
    }
}

impl SecretError {
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Plain => Some("name where it is: `{ env = \"NAME\" }` or `{ file = \"path\" }`"),
            Self::Twice { .. } => Some("unset one of them"),
            Self::WithoutAws => Some("build it with `cargo build --release --features aws`"),
            Self::Unclean { .. } => Some("only the end of the line behind it is left out"),
            Self::NotSet { .. }
            | Self::Empty { .. }
            | Self::NotUtf8 { .. }
            | Self::NotJson { .. }
            | Self::NoMember { .. }
            | Self::OnlyLogins
            | Self::File(_) => None,
        }
    }
}

/// Reads where a secret is. The error never repeats a text that might be one.
pub fn source(said: Said<'_>, confidence: Confidence) -> Result<SecretSource, ConfigError> {
    match (said, confidence) {
        (Said::Value(DeValue::Table(table)), _) => {
            reference(table).ok_or_else(|| unlike_a_reference(shown(&outline(table)), confidence))
        }
        (Said::Value(DeValue::String(_)), Confidence::Secret | Confidence::Login) => {
            Err(SecretError::Plain.into())
        }
        (Said::Value(DeValue::String(text)), Confidence::Public | Confidence::Hash) => {
            Ok(SecretSource::given(Secret::new(text.to_string())))
        }
        (Said::Text(text), _) => Ok(SecretSource::given(Secret::new(text.to_owned()))),
        // A number may be a secret too.
        (Said::Value(value), _) => {
            Err(unlike_a_reference(format!("a value of type {}", value.type_str()), confidence))
        }
    }
}

/// Reads the path in a variable that names a secret's file.
pub fn file(said: Said<'_>) -> Result<SecretSource, ConfigError> {
    let path = PATH.read(said).map_err(|reason| unexpected(PATH.expects(), said, reason, None))?;
    Ok(SecretSource { holder: Holder::File(PathBuf::from(path)), key: None })
}

impl SecretSource {
    pub fn given(secret: Secret) -> Self {
        Self { holder: Holder::Given(secret), key: None }
    }

    #[cfg(feature = "aws")]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The same in other files.
    #[cfg(feature = "aws")]
    #[must_use]
    pub fn with_file(&self, other: impl Fn(&std::path::Path) -> PathBuf) -> Self {
        match &self.holder {
            Holder::File(path) => Self { holder: Holder::File(other(path)), key: self.key.clone() },
            Holder::Given(_) | Holder::Variable(_) | Holder::SecretsManager(_) => self.clone(),
        }
    }

    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    pub fn variable(&self) -> Option<&str> {
        match &self.holder {
            Holder::Variable(name) => Some(name),
            Holder::Given(_) | Holder::File(_) | Holder::SecretsManager(_) => None,
        }
    }

    /// The name in Secrets Manager.
    pub fn stored(&self) -> Option<&str> {
        match &self.holder {
            Holder::SecretsManager(name) => Some(name),
            Holder::Given(_) | Holder::Variable(_) | Holder::File(_) => None,
        }
    }

    /// Whether another secret can be there by and by.
    pub fn may_change(&self) -> bool {
        match &self.holder {
            Holder::File(_) | Holder::SecretsManager(_) => true,
            Holder::Given(_) | Holder::Variable(_) => false,
        }
    }

    /// The same as [`fetch`](Self::fetch) for what may change.
    pub fn fetch_again(&self, files: &Files<'_>, stored: &Stored) -> Result<Secret, SecretError> {
        match self.stored() {
            None => self.fetch(files, &Environment::default()),
            Some(name) => {
                let secret = stored.0.get(name).ok_or(SecretError::OnlyLogins)?;
                self.clean(secret.expose().to_owned())
            }
        }
    }

    /// When the secret was last changed, as far as its holder tells.
    pub fn changed(&self, files: &Files<'_>) -> Option<SystemTime> {
        match &self.holder {
            Holder::File(path) => files.path(path).metadata().and_then(|file| file.modified()).ok(),
            Holder::Given(_) | Holder::Variable(_) | Holder::SecretsManager(_) => None,
        }
    }

    /// Fetches the secret. The end of the line that editors and `echo` leave behind it is no part of it.
    pub fn fetch(&self, files: &Files<'_>, environment: &Environment) -> Result<Secret, SecretError> {
        let holder = self.holder.to_string();
        let text = match &self.holder {
            Holder::Given(secret) => secret.expose().to_owned(),
            Holder::Variable(name) => match environment.value(name) {
                None => return Err(SecretError::NotSet { name: name.clone() }),
                Some(Err(_)) => return Err(SecretError::NotUtf8 { holder }),
                Some(Ok(text)) => text.to_owned(),
            },
            Holder::File(path) => {
                let octets = files.octets(&files.path(path))?;
                let Ok(text) = String::from_utf8(octets) else { return Err(SecretError::NotUtf8 { holder }) };
                let line = text.strip_suffix('\n').unwrap_or(&text);
                line.strip_suffix('\r').unwrap_or(line).to_owned()
            }
            Holder::SecretsManager(_) => return Err(SecretError::OnlyLogins),
        };
        self.clean(text)
    }

    /// The secret in what its holder has.
    fn clean(&self, text: String) -> Result<Secret, SecretError> {
        let text = match &self.key {
            None => text,
            Some(key) => member(&Secret::new(text), key, &self.holder.to_string())?,
        };
        let holder = self.to_string();
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
        let found = match &self.holder {
            Holder::Given(_) => shown(text.expose()),
            Holder::Variable(_) | Holder::File(_) | Holder::SecretsManager(_) => {
                format!("something else in {self}")
            }
        };
        ConfigError::Unexpected { expected: form.expects.to_owned(), found, reason, mend: None }
    }
}

/// Where the secret is.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            None => write!(f, "{}", self.holder),
            Some(key) => write!(f, "`{key}` in {}", self.holder),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => write!(f, "the text"),
            Self::Variable(name) => write!(f, "the variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::SecretsManager(name) => write!(f, "`{name}` in Secrets Manager"),
        }
    }
}

fn reference(table: &DeTable<'_>) -> Option<SecretSource> {
    let (mut holder, mut key) = (None, None);
    for (name, value) in table {
        let text = value.get_ref().as_str().filter(|text| !text.is_empty())?.to_owned();
        let said = match name.get_ref().as_ref() {
            "key" => {
                key = Some(text);
                continue;
            }
            "env" => Holder::Variable(text),
            "file" => Holder::File(PathBuf::from(text)),
            "secretsmanager" => Holder::SecretsManager(text),
            _ => return None,
        };
        if holder.replace(said).is_some() {
            return None;
        }
    }
    Some(SecretSource { holder: holder?, key })
}

/// A text of a JSON object. What is wrong with the JSON is not quoted: it may be a secret.
fn member(text: &Secret, key: &str, holder: &str) -> Result<String, SecretError> {
    let Ok(json::Node { value: Value::Object(members), .. }) = json::parse(text.expose()) else {
        return Err(SecretError::NotJson { holder: holder.to_owned() });
    };
    let found = members.into_iter().find(|member| member.key == key).map(|member| member.node.value);
    match found {
        Some(Value::String(text)) => Ok(text.into_owned()),
        _ => Err(SecretError::NoMember { holder: holder.to_owned(), key: key.to_owned() }),
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
