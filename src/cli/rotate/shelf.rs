//! Where the login is published: the files, or the secret in Secrets Manager, that the configuration names.
//!
//! A login is first put beside the current one, and then takes its place. What is there tells how far a rotation came.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::config::{Half, Holder, LoginSource, Stored};
use crate::credentials::{Login, SecretVersion, SecretsManager, Stage};
use crate::secret::Secret;

#[derive(Debug)]
pub struct Shelf {
    source: LoginSource,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Each file with its halves: the index of each, and its key.
    Files(BTreeMap<PathBuf, Vec<(usize, Option<String>)>>),
    Stored {
        client: Box<SecretsManager>,
        name: String,
        keys: [String; 2],
    },
}

/// What is published, and what waits beside it.
#[derive(Debug)]
pub struct Published {
    pub current: Login,
    pub since: Option<SystemTime>,
    pub pending: Option<Login>,
}

impl Shelf {
    /// Why nothing can be published there is said in words.
    pub fn new(source: LoginSource, client: SecretsManager) -> Result<Self, String> {
        let halves = source.halves();
        let place = match halves.each_ref().map(|Half { holder, key }| (holder, key)) {
            [(Holder::SecretsManager(name), Some(first)), (Holder::SecretsManager(other), Some(second))]
                if name == other =>
            {
                Place::Stored {
                    client: Box::new(client),
                    name: name.clone(),
                    keys: [first.clone(), second.clone()],
                }
            }
            [(Holder::SecretsManager(_), _), _] | [_, (Holder::SecretsManager(_), _)] => {
                return Err("a login in Secrets Manager can be rotated when both halves are in one secret, each with \
                    its `key`: two secrets cannot change at once"
                    .to_owned());
            }
            [(Holder::File(name), first), (Holder::File(secret), second)] => {
                let mut files: BTreeMap<PathBuf, Vec<(usize, Option<String>)>> = BTreeMap::new();
                files.entry(source.path(name)).or_default().push((0, first.clone()));
                files.entry(source.path(secret)).or_default().push((1, second.clone()));
                Place::Files(files)
            }
            _ => {
                return Err(
                    "a login can be rotated when both halves are in files or in Secrets Manager: nobody can \
                    change a variable, or the configuration, for the relays that run"
                        .to_owned(),
                );
            }
        };
        Ok(Self { source, place })
    }

    pub async fn look(&self) -> Result<Published, String> {
        match &self.place {
            Place::Files(files) => {
                let current = self.source.load(&Stored::default()).map_err(|error| error.to_string())?;
                let is_pending = files.keys().any(|path| beside(path).exists());
                // After a rename of two, one half is in place already.
                let newest = |path: PathBuf| Some(beside(&path)).filter(|next| next.exists()).unwrap_or(path);
                let read = || self.source.with_files(newest).load(&Stored::default()).ok();
                let pending = is_pending.then(read).flatten().map(|offer| offer.login);
                Ok(Published { current: current.login, since: current.changed, pending })
            }
            Place::Stored { client, name, .. } => {
                let current = self.version(client, name, Stage::Current).await?;
                let (current, version) = current.ok_or_else(|| format!("`{name}` has no current version"))?;
                let pending = self.version(client, name, Stage::Pending).await?;
                let changed = client.changed(name).await.map_err(|error| error.to_string())?;
                let since = changed.max(version.created);
                Ok(Published { current, since, pending: pending.map(|(login, _)| login) })
            }
        }
    }

    /// Puts a login beside the current one, where nobody but this command looks.
    pub async fn keep(&self, halves: [Secret; 2]) -> Result<(), String> {
        match &self.place {
            Place::Files(files) => {
                for (path, parts) in files {
                    let failed =
                        |error: io::Error| format!("`{}` cannot be written: {error}", path.display());
                    let before = fs::read_to_string(path).map_err(failed)?;
                    let text = with_parts(&before, parts, &halves)
                        .ok_or_else(|| format!("`{}` is not a JSON object", path.display()))?;
                    write_like(path, &beside(path), &text).map_err(failed)?;
                }
                Ok(())
            }
            Place::Stored { client, name, keys } => {
                let current =
                    client.version(name, Stage::Current).await.map_err(|error| error.to_string())?;
                let before = current.map(|version| version.text.expose().to_owned()).unwrap_or_default();
                let parts: Vec<_> = (0..).zip(keys.iter().cloned().map(Some)).collect();
                let text = with_parts(&before, &parts, &halves)
                    .ok_or_else(|| format!("`{name}` in Secrets Manager is not a JSON object"))?;
                client.put_pending(name, &text).await.map_err(|error| error.to_string())
            }
        }
    }

    /// What is beside the current one takes its place.
    pub async fn publish(&self) -> Result<(), String> {
        match &self.place {
            Place::Files(files) => {
                for path in files.keys().filter(|path| beside(path).exists()) {
                    replace(path)
                        .map_err(|error| format!("`{}` cannot be replaced: {error}", path.display()))?;
                }
                Ok(())
            }
            Place::Stored { client, name, .. } => {
                let at = async |stage| client.version(name, stage).await.map_err(|error| error.to_string());
                let (Some(current), Some(pending)) = (at(Stage::Current).await?, at(Stage::Pending).await?)
                else {
                    return Err(format!("`{name}` in Secrets Manager has changed meanwhile"));
                };
                client.promote(name, &pending, &current).await.map_err(|error| error.to_string())
            }
        }
    }

    async fn version(
        &self,
        client: &SecretsManager,
        name: &str,
        stage: Stage,
    ) -> Result<Option<(Login, SecretVersion)>, String> {
        let version = client.version(name, stage).await.map_err(|error| error.to_string())?;
        let Some(version) = version else { return Ok(None) };
        let stored: Stored = [(name.to_owned(), version.text.clone())].into_iter().collect();
        match (self.source.load(&stored), stage) {
            (Ok(offer), _) => Ok(Some((offer.login, version))),
            (Err(error), Stage::Current) => Err(error.to_string()),
            // Somebody else's: it is overwritten.
            (Err(_), Stage::Pending | Stage::Previous) => Ok(None),
        }
    }
}

/// `ses.json.next`
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

/// The text with the halves in their places; what else is there stays. Nothing where that is no object.
fn with_parts(before: &str, parts: &[(usize, Option<String>)], halves: &[Secret; 2]) -> Option<Secret> {
    if let [(index, None)] = parts {
        return Some(Secret::new(format!("{}\n", halves.get(*index)?.expose())));
    }
    let mut object: Map<String, Value> = serde_json::from_str(before).ok()?;
    for (index, key) in parts {
        object.insert(key.clone()?, Value::from(halves.get(*index)?.expose()));
    }
    Some(Secret::new(Value::Object(object).to_string()))
}

/// A new file for those who may read the old one, and nobody else.
fn write_like(old: &Path, new: &Path, text: &Secret) -> io::Result<()> {
    let before = fs::metadata(old)?;
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
        chown(new, Some(before.uid()), Some(before.gid()))?;
    }
    // Owner and group as they were; others never.
    file.set_permissions(fs::Permissions::from_mode(0o600 | (before.mode() & 0o040)))?;
    file.write_all(text.expose().as_bytes())?;
    file.sync_all()
}

/// The new file in the place of the old one, at once, and dated now: relays are waited for from then on.
fn replace(path: &Path) -> io::Result<()> {
    let next = beside(path);
    File::options().write(true).open(&next)?.set_modified(SystemTime::now())?;
    fs::rename(&next, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
