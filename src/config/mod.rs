//! The configuration: a TOML file and the environment, read in two steps.
//!
//! `raw` reads what was said, each setting by itself; `check` settles what depends on other settings and on
//! files. Whatever is wrong comes back at once, each problem with its place and what to do. What the settings do
//! is not known here: `app` hands each part its own. `cases` reads, by the same means, the files of policy tests.

mod admin;
mod app;
mod audit;
mod cases;
mod check;
mod document;
mod endpoint;
mod environment;
mod error;
mod footprint;
mod form;
mod listener;
mod load;
mod log;
mod login;
mod mask;
mod raw;
mod secret;
mod section;
mod settings;
mod shape;
mod tables;
mod traces;
mod unknown;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use self::check::{Purpose, Surroundings};
use self::document::Document;
use self::footprint::Files;
use self::form::{Form as _, Lasting, Said};
use self::raw::{Raw, Reader};
use self::section::Notes;

pub use self::cases::{AccountSketch, Case, Cases, Expected, MailSketch, Ruling, load_cases};
pub use self::document::Place;
pub use self::environment::Environment;
pub use self::error::{ConfigError, ConfigErrors, Mend, Misfit, Problem};
pub use self::footprint::Footprint;
pub use self::load::{CertificateError, FileError, PatternError};
#[cfg(feature = "aws")]
pub use self::login::Half;
pub use self::login::{LoginForm, LoginSource, LoginSourceError, SesLogin};
#[cfg(feature = "aws")]
pub use self::secret::Holder;
pub use self::secret::{Confidence, SecretError, Stored};
pub use self::section::{Key, Presence, Reach};
pub use self::settings::{
    App, Candidate, CertificateFiles, ClientAuthoritiesFile, Config, Delivery, Endpoint, Limits, Listener,
    ListenerTls, Message, Policy, PolicyFile, Pool, Server, Ses, Timeouts, Traces,
};

/// What came of reading a configuration.
#[derive(Debug)]
pub struct Reading {
    pub config: Result<Config, ConfigErrors>,
    pub footprint: Footprint,
}

/// Reads the configuration from the file at `path`, if there is one, and from the environment, which goes before
/// the file.
pub fn load(path: Option<&Path>, environment: &Environment) -> Result<Config, ConfigErrors> {
    read(path, environment, None).config
}

/// The same, and what was read for it; with policies that are at hand, whatever `policy.files` says.
pub fn read(path: Option<&Path>, environment: &Environment, policies: Option<Vec<PolicyFile>>) -> Reading {
    read_for(Purpose::Sending, path, environment, policies)
}

/// The same without what only sending needs: the login of SES, certificates and keys are left where they
/// are, so that policies can be tried where no secret is at hand.
pub fn load_for_judging(
    path: Option<&Path>,
    environment: &Environment,
    policies: Option<Vec<PolicyFile>>,
) -> Result<Config, ConfigErrors> {
    read_for(Purpose::Judging, path, environment, policies).config
}

/// The same for sending to a stand-in for SES: the login of SES is left where it is.
pub fn read_for_rehearsal(
    path: Option<&Path>,
    environment: &Environment,
    policies: Option<Vec<PolicyFile>>,
) -> Reading {
    read_for(Purpose::Rehearsing, path, environment, policies)
}

/// The policies that a command names by a file, a folder or a pattern.
pub fn policy_files(named: &str) -> Result<Vec<PolicyFile>, PatternError> {
    let pattern = if Path::new(named).is_dir() {
        format!("{}/*.json", glob::Pattern::escape(named.trim_end_matches('/')))
    } else {
        named.to_owned()
    };
    let read = |path: PathBuf| load::text(&path).map(|text| PolicyFile { path, text });
    let files: Result<Vec<PolicyFile>, FileError> =
        load::policies(Path::new(""), &pattern)?.into_iter().map(read).collect();
    Ok(files?)
}

/// Reads the name of a region as `ses.region` is read: only its shape can be wrong.
pub fn region(text: &str) -> Result<String, String> {
    (shape::REGION.parse)(text).map_err(|_| format!("expected {}", shape::REGION.expects))
}

/// Reads a duration as settings are read, and a number of days besides: `90d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u16>().ok());
    let form = Lasting(Duration::ZERO..=Duration::from_hours(24 * 365));
    match days {
        Some(days) => Ok(Duration::from_hours(24 * u64::from(days))),
        None => {
            form.read(Said::Text(text)).map_err(|_| "expected a duration such as `15m` or `90d`".to_owned())
        }
    }
}

/// Every key that there is, in the order of the sections.
pub fn keys() -> Vec<Key> {
    let mut notes = Notes::default();
    said(&Document::none(), &DeTable::new(), &Environment::default(), &mut notes);
    notes.keys
}

fn read_for(
    purpose: Purpose,
    path: Option<&Path>,
    environment: &Environment,
    policies: Option<Vec<PolicyFile>>,
) -> Reading {
    let files = Files::of(path.and_then(Path::parent).unwrap_or(Path::new("")));
    let document = match path {
        None => Ok(Document::none()),
        Some(path) => match files.text(path) {
            Ok(text) => Ok(Document::new(path.to_owned(), text)),
            Err(error) => {
                let problem = Problem { place: Place::File(path.to_owned()), key: None, error: error.into() };
                Err(ConfigErrors::new(Document::none(), vec![problem]))
            }
        },
    };
    let surroundings = Surroundings { files: &files, environment, policies, purpose };
    let config = document.and_then(|document| understand(document, surroundings));
    Reading { config, footprint: files.footprint() }
}

fn understand(document: Document, surroundings: Surroundings<'_>) -> Result<Config, ConfigErrors> {
    let environment = surroundings.environment;
    let (tree, errors) = DeTable::parse_recoverable(document.text());
    if !errors.is_empty() {
        // What is left of a broken file is not worth judging.
        let problems = errors.iter().map(|error| syntax_problem(&document, error)).collect();
        let secrets = mask::in_lines(document.text(), &keys());
        return Err(failure(document, &secrets, problems));
    }
    let mut notes = Notes::default();
    let raw = said(&document, tree.get_ref(), environment, &mut notes);
    unknown::in_document(&document, tree.get_ref(), &mut notes);
    unknown::in_environment(environment, &raw.named_variables(), &mut notes);
    let config = check::check(raw, surroundings, &mut notes);
    match config {
        Some(config) if notes.problems.is_empty() => Ok(config),
        _ => {
            let secrets = mask::in_tree(tree.get_ref(), &notes.keys);
            let mut policies = notes.policies;
            // What an app names is mostly among all policies.
            policies.sort_by(|one, other| one.path.cmp(&other.path));
            policies.dedup_by(|one, other| one.path == other.path);
            Err(failure(document, &secrets, notes.problems).with_policies(policies))
        }
    }
}

fn said(document: &Document, tree: &DeTable<'_>, environment: &Environment, notes: &mut Notes) -> Raw {
    Reader { document, tree, environment, notes }.read()
}

fn syntax_problem(document: &Document, error: &toml::de::Error) -> Problem {
    let place = error.span().map_or_else(|| document.whole(), |span| document.place(span));
    Problem { place, key: None, error: ConfigError::Syntax { message: error.message().to_owned() } }
}

fn failure(mut document: Document, secrets: &[Range<usize>], problems: Vec<Problem>) -> ConfigErrors {
    for span in secrets {
        document.mask(span);
    }
    ConfigErrors::new(document, problems)
}
