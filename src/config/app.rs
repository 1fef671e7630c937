//! `[[app]]`: who may connect, and what shows who it is.
//!
//! There are no variables for these: several apps are their point. Without any, one app named `default` is known
//! everywhere, so that policies alone decide.

use std::collections::BTreeSet;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::check::{Noted, Purpose, Surroundings, fetch, note, policy_files, values};
use super::document::Document;
use super::footprint::Files;
use super::form::Number;
use super::raw::Reader;
use super::secret::{Confidence, SecretSource};
use super::section::{Notes, Placed, Presence, Section, refuse_repetitions};
use super::settings::{App, PolicyFile};
use super::shape;
use super::tables;
use crate::admission::{Login, Network, PasswordHash};
use crate::gate::Tag;
use crate::mail::{CertifiedName, Evidence};
use crate::server::Allowance;

const TAGS: &str = "a table such as `{ team = \"finance\" }`";
const LOGINS: &str = "a list of tables, each with `user_name` and `password_hash`";

/// What can be wrong with an app by itself, or with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    #[error("nothing would show that a client is this app")]
    NobodysApp,
    #[error("what is required must be two kinds of evidence")]
    RequiresOne,
    #[error("it is required, and the app has no `{missing}`")]
    RequiresMissing { missing: &'static str },
    #[error("tag keys that differ only in letter case are the same")]
    SameTag,
    #[error("every client has to log in, and nobody can")]
    NobodyCanLogIn,
    #[error("no listener asks for certificates, so nobody can show one")]
    NowhereToShow,
    #[error("no listener takes a password, so nobody can log in")]
    NowhereToLogIn,
}

/// What was said of one app.
#[derive(Debug)]
pub struct RawApp {
    name: Option<Placed<String>>,
    networks: Option<Vec<Placed<Network>>>,
    logins: Vec<RawAppLogin>,
    certificates: Option<Vec<Placed<CertifiedName>>>,
    require: Option<Vec<Placed<Evidence>>>,
    tags: Option<Vec<Placed<(String, String)>>>,
    policies: Option<Vec<Placed<String>>>,
    configuration_set: Option<Placed<String>>,
    recipients_per_day: Option<Placed<u32>>,
    connections_max: Option<Placed<usize>>,
    mails_per_minute: Option<Placed<u32>>,
}

#[derive(Debug)]
struct RawAppLogin {
    user_name: Option<Placed<String>>,
    password_hash: Option<Placed<Option<SecretSource>>>,
}

impl RawApp {
    pub fn has_logins(&self) -> bool {
        !self.logins.is_empty()
    }

    /// Of no use, these are: nobody could say them anywhere.
    pub fn refuse_logins(&self, notes: &mut Notes) {
        for user_name in self.logins.iter().filter_map(|login| login.user_name.as_ref()) {
            notes.blame(user_name, AppError::NowhereToLogIn);
        }
    }

    /// Neither are these: nobody would look at them.
    pub fn refuse_certificates(&self, notes: &mut Notes) {
        for name in self.certificates.iter().flatten() {
            notes.blame(name, AppError::NowhereToShow);
        }
    }

    /// Where its hashes are.
    pub fn secret_sources(&self) -> impl Iterator<Item = &SecretSource> {
        self.logins.iter().filter_map(|login| login.password_hash.as_ref()?.value.as_ref())
    }
}

type Table<'a> = Option<&'a Spanned<DeValue<'a>>>;

/// Every `[[app]]`. That each is another is seen to here.
pub fn read(reader: &mut Reader<'_>) -> Vec<RawApp> {
    let tables = reader.tables("app");
    let (document, notes) = (reader.document, &mut *reader.notes);
    know_keys(document, notes);
    let tables = tables.into_iter().enumerate();
    let apps: Vec<_> = tables.map(|(index, table)| read_app(index, Some(table), document, notes)).collect();
    refuse_repetitions(&all(&apps, |app| app.name.iter()), notes);
    refuse_repetitions(&all(&apps, |app| firsts(app.networks.as_deref())), notes);
    refuse_repetitions(&all(&apps, |app| firsts(app.certificates.as_deref())), notes);
    refuse_repetitions(&all(&apps, user_names), notes);
    apps
}

/// There may be no app to ask for them, and they are to be known all the same.
fn know_keys(document: &Document, notes: &mut Notes) {
    let mut keys_only = Notes::default();
    read_app(0, None, document, &mut keys_only);
    read_login(String::new(), None, document, &mut keys_only);
    keys_only.keys.into_iter().for_each(|key| notes.know(key));
}

fn read_app<'a>(index: usize, table: Table<'a>, document: &'a Document, notes: &mut Notes) -> RawApp {
    let path = format!("app[{index}]");
    let logins = table.and_then(|table| table.get_ref().get("logins"));
    let logins = tables::tables(logins, &format!("{path}.logins"), LOGINS, document, notes).into_iter();
    let login = |(index, table)| read_login(format!("{path}.logins[{index}]"), Some(table), document, notes);
    let logins = logins.enumerate().map(login).collect();

    let mut section = Section::in_file_only("app", path, document, table, notes);
    let name = section.required("name", &shape::APP_NAME);
    let networks = section.list("networks", &shape::NETWORK, &Presence::Optional);
    let certificates = section.list("certificates", &shape::CERTIFIED_NAME, &Presence::Optional);
    section.mention_tables("logins", LOGINS);
    let require = section.list("require", &shape::EVIDENCE, &Presence::Optional);
    let tags = section.pairs("tags", TAGS, (&shape::TAG_KEY, &shape::TAG_VALUE));
    let policies = section.list("policies", &shape::PATTERN, &Presence::Optional);
    let configuration_set = section.optional("configuration_set", &shape::CONFIGURATION_SET);
    // At least as many as one mail may have.
    let recipients_per_day = section.optional("recipients_per_day", &Number(50..=100_000_000));
    let connections_max = section.optional("connections_max", &Number(1..=100_000));
    let mails_per_minute = section.optional("mails_per_minute", &Number(1..=1_000_000));
    RawApp {
        name,
        networks,
        logins,
        certificates,
        require,
        tags,
        policies,
        configuration_set,
        recipients_per_day,
        connections_max,
        mails_per_minute,
    }
}

fn read_login<'a>(path: String, table: Table<'a>, document: &'a Document, notes: &mut Notes) -> RawAppLogin {
    let mut section = Section::in_file_only("app.logins", path, document, table, notes);
    RawAppLogin {
        user_name: section.required("user_name", &shape::LOGIN_NAME),
        password_hash: section.required_secret("password_hash", Confidence::Hash),
    }
}

/// The apps, and the policy files that they name.
pub fn check(
    raw: Vec<RawApp>,
    surroundings: &Surroundings<'_>,
    notes: &mut Notes,
) -> Result<(Vec<App>, Vec<PolicyFile>), Noted> {
    if raw.is_empty() {
        return Ok((vec![App::everyone()], Vec::new()));
    }
    let mut files = Vec::new();
    let apps: Vec<_> = raw.into_iter().map(|app| check_app(app, surroundings, &mut files, notes)).collect();
    Ok((apps.into_iter().collect::<Result<_, _>>()?, files))
}

fn check_app(
    raw: RawApp,
    surroundings: &Surroundings<'_>,
    files: &mut Vec<PolicyFile>,
    notes: &mut Notes,
) -> Result<App, Noted> {
    let requires = check_evidence(&raw, notes);
    let logins = match surroundings.purpose {
        Purpose::Sending | Purpose::Rehearsing => raw.logins,
        Purpose::Judging => Vec::new(),
    };
    let logins: Vec<_> = logins.into_iter().map(|login| check_login(login, surroundings, notes)).collect();
    let tags = check_tags(raw.tags, notes);
    let policies = check_policies(raw.policies, surroundings.files, files, notes);
    Ok(App {
        name: raw.name.ok_or(Noted)?.value,
        networks: values(raw.networks.ok_or(Noted)?),
        certificates: values(raw.certificates.ok_or(Noted)?),
        logins: logins.into_iter().collect::<Result<_, _>>()?,
        requires: requires?,
        tags: tags?,
        policies: policies?,
        configuration_set: raw.configuration_set.map(|name| name.value),
        recipients_per_day: raw.recipients_per_day.map(|count| count.value),
        allowance: Allowance {
            connections_max: raw.connections_max.map(|number| number.value),
            mails_per_minute: raw.mails_per_minute.map(|number| number.value),
        },
    })
}

/// An app must have something to be known by, and what it requires.
fn check_evidence(raw: &RawApp, notes: &mut Notes) -> Result<Vec<Evidence>, Noted> {
    let (name, require) = (raw.name.as_ref().ok_or(Noted)?, raw.require.as_ref().ok_or(Noted)?);
    let networks = raw.networks.as_ref().ok_or(Noted)?;
    let certificates = raw.certificates.as_ref().ok_or(Noted)?;
    let has = |evidence: Evidence| match evidence {
        Evidence::Network => !networks.is_empty(),
        Evidence::Certificate => !certificates.is_empty(),
        Evidence::Login => !raw.logins.is_empty(),
    };
    if ![Evidence::Network, Evidence::Certificate, Evidence::Login].into_iter().any(has) {
        return Err(note(name, AppError::NobodysApp, notes));
    }
    match require.as_slice() {
        [only] => Err(note(only, AppError::RequiresOne, notes)),
        all => {
            let missing = all.iter().filter(|required| !has(required.value));
            let refuse =
                |required| note(required, AppError::RequiresMissing { missing: key(required.value) }, notes);
            let refused = missing.map(refuse).last();
            refused.map_or_else(|| Ok(all.iter().map(|required| required.value).collect()), Err)
        }
    }
}

/// The key under which an app has it.
fn key(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Network => "networks",
        Evidence::Certificate => "certificates",
        Evidence::Login => "logins",
    }
}

/// What stands in the place of a hash may be a password, so it is not quoted.
fn check_login(raw: RawAppLogin, surroundings: &Surroundings<'_>, notes: &mut Notes) -> Result<Login, Noted> {
    let source = raw.password_hash.ok_or(Noted)?;
    let text = fetch(&source, surroundings, notes)?;
    let password_hash = PasswordHash::parse(text.expose()).map_err(|error| note(&source, error, notes))?;
    Ok(Login { user_name: raw.user_name.ok_or(Noted)?.value, password_hash })
}

/// At IAM, keys that differ only in case are one key.
fn check_tags(raw: Option<Vec<Placed<(String, String)>>>, notes: &mut Notes) -> Result<Vec<Tag>, Noted> {
    let mut seen = BTreeSet::new();
    let mut tags = Vec::new();
    for tag in raw.ok_or(Noted)? {
        if !seen.insert(tag.value.0.to_lowercase()) {
            notes.blame(&tag, AppError::SameTag);
        }
        let (key, value) = tag.value;
        tags.push(Tag { key, value });
    }
    Ok(tags)
}

fn check_policies(
    patterns: Option<Vec<Placed<String>>>,
    around: &Files<'_>,
    files: &mut Vec<PolicyFile>,
    notes: &mut Notes,
) -> Result<Vec<PathBuf>, Noted> {
    let own = policy_files(patterns, around, notes)?;
    let paths = own.iter().map(|file| file.path.clone()).collect();
    files.extend(own);
    Ok(paths)
}

/// Each once: what is twice in one list is told of already.
fn firsts<T: PartialEq>(list: Option<&[Placed<T>]>) -> impl Iterator<Item = &Placed<T>> {
    let list = list.unwrap_or_default();
    let is_first = |index: usize, one: &T| !list.iter().take(index).any(|other| other.value == *one);
    let firsts = list.iter().enumerate().filter(move |(index, one)| is_first(*index, &one.value));
    firsts.map(|(_, item)| item)
}

fn user_names(app: &RawApp) -> impl Iterator<Item = &Placed<String>> {
    app.logins.iter().filter_map(|login| login.user_name.as_ref())
}

/// What the apps have of one thing, one after the other.
fn all<'a, T: Clone + 'a, I: Iterator<Item = &'a Placed<T>>>(
    apps: &'a [RawApp],
    of: impl Fn(&'a RawApp) -> I,
) -> Vec<Placed<T>> {
    apps.iter().flat_map(of).cloned().collect()
}

impl AppError {
    pub fn help(self) -> Option<&'static str> {
        match self {
            Self::NobodysApp => {
                Some("say `networks` that its clients are in, `certificates` or `logins` that they have")
            }
            Self::RequiresOne => Some("name several, or leave `require` out: then any one is enough"),
            Self::NobodyCanLogIn => Some("give an `[[app]]` some `logins`, or leave `require_login` out"),
            Self::NowhereToShow => {
                Some("give a `[[listener]]` a `client_ca_file` and say `client_certificate = \"optional\"`")
            }
            Self::NowhereToLogIn => {
                Some("give a `[[listener]]` a certificate and `tls`, or say `plaintext_login = true`")
            }
            Self::RequiresMissing { .. } | Self::SameTag => None,
        }
    }
}

impl App {
    /// The app that all clients are when no apps are said.
    fn everyone() -> Self {
        Self { name: "default".to_owned(), networks: Network::everywhere(), ..Self::default() }
    }
}
