//! Everything that can be wrong with a configuration, in words: what was expected, what was found, what to do.
//!
//! Who finds a problem names its variant and its place; the words are here, those about files in `load` and
//! those about secrets in `secret`.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use super::app::AppError;
use super::document::{Document, Place};
use super::load::{CertificateError, FileError, PatternError};
use super::secret::SecretError;
use super::settings::PolicyFile;
use crate::admin::TokenError;
use crate::admission::{NetworkError, PasswordHashError};
use crate::credentials::LoginError;
use crate::mail::AddressError;
use crate::server::ServerCertificateError;

/// All that is wrong, in the order of the file. Never empty.
#[derive(Debug)]
pub struct ConfigErrors {
    document: Document,
    problems: Vec<Problem>,
    policies: Vec<PolicyFile>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub struct Problem {
    pub place: Place,
    /// `ses.port`, `listener[1].address`; none for what is about no key.
    pub key: Option<String>,
    pub error: ConfigError,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("not TOML: {message}")]
    Syntax { message: String },
    #[error("there is no such section")]
    UnknownSection { meant: Option<String> },
    #[error("there is no such key")]
    UnknownKey { meant: Option<String> },
    #[error("there is no such setting")]
    UnknownVariable { meant: Option<String> },
    #[error("the variable's value is not UTF-8")]
    VariableNotUtf8,
    #[error("the variable does not say which of the {count} listeners it means")]
    SeveralListeners { count: usize },
    #[error("missing; expected {expected}")]
    Missing { expected: String, variable: Option<String> },
    #[error("expected {expected}, found {found}")]
    Unexpected {
        expected: String,
        found: String,
        #[source]
        reason: Misfit,
        mend: Option<Mend>,
    },
    #[error("expected at least one, found an empty list")]
    Empty,
    #[error("{item} is already in `{first}`")]
    Duplicate { item: String, first: String },
    #[error("a login is missing")]
    NoLogin,
    #[error("`{has}` is of no use without `{lacks}`")]
    HalfALogin { has: &'static str, lacks: &'static str },
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error("there are two logins")]
    TwoLogins,
    #[error("is of no use with the transport `api`")]
    NotOfApi { help: &'static str },
    #[error("this sesgate was built without the feature `aws`, and speaks SMTP alone")]
    WithoutAws,
    #[error("by the API, SES takes 40 MB in base64, which is {octets_max} octets of a mail")]
    TooLongForApi { octets_max: usize },
    #[error("without TLS, mail and password would travel in clear to `{host}`")]
    InClear { host: String },
    #[error(transparent)]
    AdminToken(TokenError),
    #[error("`{key}` is of no use without {without}")]
    OfNoUse { key: &'static str, without: &'static str },
    #[error("`{key}` needs {other}")]
    Needs { key: &'static str, other: &'static str },
    #[error("the key has fewer than {octets_min} octets, so that it could be guessed")]
    ShortKey { octets_min: usize },
    #[error("this sesgate was built without the feature `otlp`, and sends no traces")]
    WithoutOtlp,
    #[error("certificate files: {certificates}, key files: {keys}; they go together one by one")]
    Unpaired { certificates: usize, keys: usize },
    #[error("an account of `{region}` does not exist there: it is another AWS partition")]
    OtherPartition { region: String },
    #[error("no identity covers `{address}`, so SES would refuse it")]
    Unverified { address: String },
    #[error(transparent)]
    App(#[from] AppError),
    #[error(transparent)]
    PasswordHash(#[from] PasswordHashError),
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("`{path}` cannot be used")]
    ServerCertificate {
        path: PathBuf,
        #[source]
        reason: ServerCertificateError,
    },
}

/// Why what was said does not have the form it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("not of this shape, or out of bounds")]
    Shape,
    #[error("a domain covers its subdomains as it is")]
    Wildcard,
    #[error("a temporary key needs a session token, which SMTP cannot carry")]
    TemporaryKey,
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// How to turn what was written into what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    Quote(String),
    Unquote(String),
    Unit(String),
    Bracket(String),
}

impl ConfigErrors {
    pub(super) fn new(document: Document, mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| a.place.order().cmp(&b.place.order()));
        Self { document, problems, policies: Vec::new() }
    }

    pub(super) fn with_policies(self, policies: Vec<PolicyFile>) -> Self {
        Self { policies, ..self }
    }

    /// The policies that could be read all the same, so that what is wrong with them is told as well.
    pub fn policies(&self) -> &[PolicyFile] {
        &self.policies
    }

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The text that every [`Place::Text`] is a place in, with secrets overwritten: fit to be shown.
    pub fn text(&self) -> &str {
        self.document.text()
    }
}

impl Problem {
    /// One clause, with its causes.
    pub fn message(&self) -> String {
        let mut message = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            // "expected …, found …" has said as much already.
            if !matches!(error.downcast_ref(), Some(Misfit::Shape)) {
                message.push_str(": ");
                message.push_str(&error.to_string());
            }
            cause = error.source();
        }
        message
    }

    fn where_paths_begin(&self) -> &'static str {
        match self.place {
            Place::Text { .. } | Place::File(_) => "relative paths begin at this file's folder",
            Place::Variable(_) => {
                "relative paths begin at the configuration file's folder; without one, where the program is started"
            }
            Place::Environment => "relative paths begin where the program is started",
        }
    }

    /// What to do about it, where that is more than the message says.
    pub fn help(&self) -> Option<String> {
        match &self.error {
            ConfigError::UnknownSection { meant }
            | ConfigError::UnknownKey { meant }
            | ConfigError::UnknownVariable { meant } => {
                meant.as_ref().map(|meant| format!("did you mean `{meant}`?"))
            }
            ConfigError::SeveralListeners { .. } => Some("say it in the file".to_owned()),
            ConfigError::Missing { variable, .. } => {
                variable.as_ref().map(|variable| format!("set it in the file or as {variable}"))
            }
            ConfigError::App(error) => error.help().map(str::to_owned),
            ConfigError::PasswordHash(_) => Some("`sesgate hash-password` makes one".to_owned()),
            ConfigError::Unexpected { mend: Some(mend), .. } => Some(mend.to_string()),
            ConfigError::Unexpected { mend: None, reason, .. } => reason.help().map(str::to_owned),
            ConfigError::NoLogin => {
                Some("set `user_name` and `password`, or `access_key_id` and `secret_access_key`".to_owned())
            }
            ConfigError::TwoLogins => Some(
                "keep either `user_name` and `password`, or `access_key_id` and `secret_access_key`"
                    .to_owned(),
            ),
            ConfigError::NotOfApi { help } => Some((*help).to_owned()),
            ConfigError::WithoutAws => SecretError::WithoutAws.help().map(str::to_owned),
            ConfigError::AdminToken(error) => Some(error.help().to_owned()),
            ConfigError::InClear { .. } => {
                Some("`none` is for a loopback host; use `implicit` or `starttls`".to_owned())
            }
            ConfigError::Unverified { .. } => Some("add its domain to `ses.identities`".to_owned()),
            ConfigError::Pattern(PatternError::NoMatch { .. }) => Some(self.where_paths_begin().to_owned()),
            ConfigError::WithoutOtlp => {
                Some("build it with `cargo build --release --features otlp`".to_owned())
            }
            ConfigError::Secret(error) => error.help().map(str::to_owned),
            ConfigError::Syntax { .. }
            | ConfigError::VariableNotUtf8
            | ConfigError::Empty
            | ConfigError::TooLongForApi { .. }
            | ConfigError::Duplicate { .. }
            | ConfigError::HalfALogin { .. }
            | ConfigError::OfNoUse { .. }
            | ConfigError::Needs { .. }
            | ConfigError::ShortKey { .. }
            | ConfigError::Unpaired { .. }
            | ConfigError::OtherPartition { .. }
            | ConfigError::Login(_)
            | ConfigError::Pattern(PatternError::Malformed { .. } | PatternError::File(_))
            | ConfigError::File(_)
            | ConfigError::Certificate(_)
            | ConfigError::ServerCertificate { .. } => None,
        }
    }
}

impl Misfit {
    fn help(self) -> Option<&'static str> {
        match self {
            Self::Wildcard => Some("leave out the `*.`"),
            Self::TemporaryKey => Some("use the key of an IAM user, which begins with `AKIA`"),
            Self::Shape | Self::Address(_) | Self::Network(_) => None,
        }
    }
}

impl Mend {
    /// What it should say.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Quote(text) | Self::Unquote(text) | Self::Unit(text) | Self::Bracket(text) => text,
        }
    }
}

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quote(text) => write!(f, "put it in quotes: \"{text}\""),
            Self::Unquote(text) => write!(f, "leave out the quotes: {text}"),
            Self::Unit(text) => write!(f, "say the unit: \"{text}\""),
            Self::Bracket(text) => write!(f, "put it in brackets: [\"{text}\"]"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { path, line, column, .. } => write!(f, "{}:{line}:{column}", path.display()),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Environment => write!(f, "environment"),
        }
    }
}

/// `file:line:column: key: message (help)`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}", self.message())?;
        self.help().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// One problem a line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {}
