//! The logins of SES: what was said of them, and how they are read, at the start and whenever they may have changed.
//!
//! Which of them is used is not known here; that is for `credentials`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use super::check::{Noted, Purpose, Surroundings, fetch, note};
use super::document::Place;
use super::error::ConfigError;
use super::footprint::Files;
use super::form::Text;
use super::secret::{Confidence, Holder, SecretError, SecretSource, Stored};
use super::section::{Notes, Placed, Section};
use super::shape;
use crate::credentials::{Login, LoginError, Offer};
use crate::secret::Secret;

/// What was said of a login. A part that was said, but is of no use, holds nothing.
#[derive(Debug)]
pub struct RawLogin {
    names: &'static Names,
    /// Where to point when nothing was said, and at what.
    place: Place,
    path: String,
    user_name: Option<Placed<Option<SecretSource>>>,
    password: Option<Placed<Option<SecretSource>>>,
    access_key_id: Option<Placed<Option<SecretSource>>>,
    secret_access_key: Option<Placed<Option<SecretSource>>>,
}

/// What the four parts are called.
#[derive(Debug)]
pub struct Names {
    user_name: &'static str,
    password: &'static str,
    access_key_id: &'static str,
    secret_access_key: &'static str,
}

pub const PREFERRED: Names = Names {
    user_name: "user_name",
    password: "password",
    access_key_id: "access_key_id",
    secret_access_key: "secret_access_key",
};

pub const FALLBACK: Names = Names {
    user_name: "fallback_user_name",
    password: "fallback_password",
    access_key_id: "fallback_access_key_id",
    secret_access_key: "fallback_secret_access_key",
};

/// A login with where it comes from.
#[derive(Debug, Clone)]
pub struct SesLogin {
    pub source: LoginSource,
    /// What was there when the configuration was read; nothing where Secrets Manager is to be asked.
    pub loaded: Option<Offer>,
}

/// Where a login comes from. It can be read again.
#[derive(Debug, Clone)]
pub struct LoginSource {
    form: LoginForm,
    name: Part,
    secret: Part,
    folder: PathBuf,
}

/// What the two parts of a login are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginForm {
    /// User name and password, as SES has them.
    Smtp,
    /// Access key id and secret access key.
    AccessKey { region: String },
}

#[derive(Debug, Clone)]
struct Part {
    source: SecretSource,
    /// What can never change is not looked up again.
    fixed: Option<Secret>,
}

/// Why a login cannot be read. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum LoginSourceError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl SesLogin {
    /// A login that never changes.
    pub fn fixed(login: Login) -> Self {
        let part = |text: &str| {
            let secret = Secret::new(text.to_owned());
            Part { source: SecretSource::given(secret.clone()), fixed: Some(secret) }
        };
        let (name, secret) = (part(login.user_name()), part(login.password().expose()));
        let source = LoginSource { form: LoginForm::Smtp, name, secret, folder: PathBuf::new() };
        Self { source, loaded: Some(Offer::fixed(login)) }
    }
}

impl RawLogin {
    pub fn read(section: &mut Section<'_>, names: &'static Names) -> Self {
        Self {
            names,
            place: section.place(),
            path: section.path().to_owned(),
            user_name: section.secret(names.user_name, Confidence::Public),
            password: section.secret(names.password, Confidence::Login),
            access_key_id: section.secret(names.access_key_id, Confidence::Public),
            secret_access_key: section.secret(names.secret_access_key, Confidence::Login),
        }
    }

    pub fn secret_sources(&self) -> impl Iterator<Item = &SecretSource> {
        let parts = [&self.user_name, &self.password, &self.access_key_id, &self.secret_access_key];
        parts.into_iter().flatten().filter_map(|part| part.value.as_ref())
    }

    /// The API is asked by other means.
    pub fn refuse_for_api(&self, notes: &mut Notes) {
        let parts = [&self.user_name, &self.password, &self.access_key_id, &self.secret_access_key];
        for part in parts.into_iter().flatten() {
            let help =
                "leave it out: the API is asked as whoever the environment says, as by the role of a task";
            notes.blame(part, ConfigError::NotOfApi { help });
        }
    }

    /// Nothing at all may be said.
    pub fn check(
        self,
        region: Option<&str>,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<Option<SesLogin>, Noted> {
        if surroundings.purpose != Purpose::Sending {
            return Ok(None);
        }
        let names = self.names;
        let half =
            |key, has, lacks, notes: &mut Notes| note(key, ConfigError::HalfALogin { has, lacks }, notes);
        match (&self.user_name, &self.password, &self.access_key_id, &self.secret_access_key) {
            (None, None, None, None) => Ok(None),
            (Some(name), Some(secret), None, None) => {
                let parts = Parts { name, secret, form: &shape::USER_NAME };
                parts.check(LoginForm::Smtp, surroundings, notes).map(Some)
            }
            (None, None, Some(name), Some(secret)) => {
                let parts = Parts { name, secret, form: &shape::ACCESS_KEY_ID };
                let region = region.ok_or(Noted)?.to_owned();
                parts.check(LoginForm::AccessKey { region }, surroundings, notes).map(Some)
            }
            (Some(key), None, None, None) => Err(half(key, names.user_name, names.password, notes)),
            (None, Some(key), None, None) => Err(half(key, names.password, names.user_name, notes)),
            (None, None, Some(key), None) => {
                Err(half(key, names.access_key_id, names.secret_access_key, notes))
            }
            (None, None, None, Some(key)) => {
                Err(half(key, names.secret_access_key, names.access_key_id, notes))
            }
            (_, _, Some(key), _) | (_, _, None, Some(key)) => Err(note(key, ConfigError::TwoLogins, notes)),
        }
    }

    /// The same where there must be one.
    pub fn check_required(
        self,
        region: Option<&str>,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<Option<SesLogin>, Noted> {
        let (place, path) = (self.place.clone(), self.path.clone());
        let login = self.check(region, surroundings, notes)?;
        if login.is_none() && surroundings.purpose == Purpose::Sending {
            notes.add(&place, &path, ConfigError::NoLogin);
            return Err(Noted);
        }
        Ok(login)
    }
}

/// The two parts of a login that was said.
struct Parts<'a> {
    name: &'a Placed<Option<SecretSource>>,
    secret: &'a Placed<Option<SecretSource>>,
    form: &'static Text<String>,
}

impl Parts<'_> {
    fn check(
        &self,
        form: LoginForm,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<SesLogin, Noted> {
        let name = fetched(self.name, surroundings, notes);
        let name = name.and_then(|name| name.map(|name| self.formed(name, notes)).transpose());
        let secret = fetched(self.secret, surroundings, notes);
        let (name, secret) = (name?, secret?);
        let login = match (&name, &secret) {
            (Some(name), Some(secret)) => {
                Some(form.login(name, secret).map_err(|error| note(self.secret, error, notes))?)
            }
            _ => None,
        };
        let part = |placed: &Placed<Option<SecretSource>>, text: Option<Secret>| {
            let source = placed.value.clone().ok_or(Noted)?;
            let fixed = text.filter(|_| !source.may_change());
            Ok(Part { source, fixed })
        };
        let (name, secret) = (part(self.name, name)?, part(self.secret, secret)?);
        let source = LoginSource { form, name, secret, folder: surroundings.files.path("") };
        let loaded = login.map(|login| source.offer(login));
        Ok(SesLogin { source, loaded })
    }

    fn formed(&self, name: Secret, notes: &mut Notes) -> Result<Secret, Noted> {
        let source = self.name.value.as_ref().ok_or(Noted)?;
        match (self.form.parse)(name.expose()) {
            Ok(_) => Ok(name),
            Err(reason) => Err(note(self.name, source.unfit(&name, self.form, reason), notes)),
        }
    }
}

/// Nothing where Secrets Manager is to be asked, which waits until the relay runs.
fn fetched(
    part: &Placed<Option<SecretSource>>,
    surroundings: &Surroundings<'_>,
    notes: &mut Notes,
) -> Result<Option<Secret>, Noted> {
    let is_stored = part.value.as_ref().is_some_and(|source| source.stored().is_some());
    match (is_stored, cfg!(feature = "aws")) {
        (false, _) => fetch(part, surroundings, notes).map(Some),
        (true, true) => Ok(None),
        (true, false) => Err(note(part, SecretError::WithoutAws, notes)),
    }
}

impl LoginForm {
    fn login(&self, name: &Secret, secret: &Secret) -> Result<Login, LoginError> {
        let name = name.expose().to_owned();
        match self {
            Self::Smtp => Login::new(name, secret.clone()),
            Self::AccessKey { region } => Login::from_access_key(name, secret, region),
        }
    }
}

/// A half of a login, for whoever is going to replace it.
#[cfg(feature = "aws")]
#[derive(Debug, Clone)]
pub struct Half {
    pub holder: Holder,
    /// The member of a JSON object.
    pub key: Option<String>,
}

#[cfg(feature = "aws")]
impl LoginSource {
    pub fn form(&self) -> &LoginForm {
        &self.form
    }

    /// User name or access key id, and password or secret access key.
    pub fn halves(&self) -> [Half; 2] {
        [&self.name, &self.secret].map(|part| Half {
            holder: part.source.holder().clone(),
            key: part.source.key().map(str::to_owned),
        })
    }

    /// Where a file is that the configuration names.
    pub fn path(&self, named: &std::path::Path) -> PathBuf {
        self.folder.join(named)
    }

    /// The same login in other files.
    #[must_use]
    pub fn with_files(&self, other: impl Fn(PathBuf) -> PathBuf) -> Self {
        let part = |part: &Part| Part {
            source: part.source.with_file(|path| other(self.path(path))),
            fixed: part.fixed.clone(),
        };
        Self { name: part(&self.name), secret: part(&self.secret), ..self.clone() }
    }
}

impl LoginSource {
    /// Reads the login as it is now, with what Secrets Manager had when it was asked.
    pub fn load(&self, stored: &Stored) -> Result<Offer, LoginSourceError> {
        let files = Files::of(&self.folder);
        let (name, secret) = (self.name.fetch(&files, stored)?, self.secret.fetch(&files, stored)?);
        Ok(self.offer(self.form.login(&name, &secret)?))
    }

    /// What to ask Secrets Manager for.
    pub fn stored(&self) -> BTreeSet<String> {
        let parts = [&self.name, &self.secret].into_iter();
        parts.filter_map(|part| part.source.stored()).map(str::to_owned).collect()
    }

    /// Whether it can be another one by and by.
    pub fn may_change(&self) -> bool {
        [&self.name, &self.secret].into_iter().any(|part| part.fixed.is_none())
    }

    fn offer(&self, login: Login) -> Offer {
        let parts = [&self.name, &self.secret].into_iter();
        let changed: Option<SystemTime> =
            parts.filter_map(|part| part.source.changed(&Files::of(&self.folder))).max();
        Offer { login, source: self.to_string().into(), changed }
    }
}

impl Part {
    fn fetch(&self, files: &Files<'_>, stored: &Stored) -> Result<Secret, SecretError> {
        match &self.fixed {
            Some(secret) => Ok(secret.clone()),
            None => self.source.fetch_again(files, stored),
        }
    }
}

/// Who has it: one holder, or two.
impl fmt::Display for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.source.holder(), self.secret.source.holder()) {
            (Holder::Given(_), secret) => write!(f, "{secret}"),
            (name, secret) if name.to_string() == secret.to_string() => write!(f, "{name}"),
            (name, secret) => write!(f, "{name} and {secret}"),
        }
    }
}
