//! Does what the plan says, step by step, and tells it. No secret is in what it tells.

use std::io::{Write as _, stdout};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::app;
use crate::cli::rotate::fleet::Fleet;
use crate::cli::rotate::plan::{self, Beginning, Facts, Next, Terms};
use crate::cli::rotate::shelf::{Published, Shelf};
use crate::cli::rotate::{Arguments, Strides};
use crate::config::{Config, LoginForm, SesLogin};
use crate::credentials::{AccessKeys, Login, SecretsManager, aws_environment, smtp_password};

/// Between two looks at what time or IAM has to bring.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

struct Work<'a> {
    config: &'a Config,
    form: LoginForm,
    iam: AccessKeys,
    user: String,
    shelf: Shelf,
    fleet: Fleet,
    prove_within: Duration,
}

pub async fn run(config: &Config, arguments: &Arguments) -> Result<(), String> {
    let login = config.ses.login.as_ref().ok_or("there is no login to rotate")?;
    let environment = aws_environment(&config.ses.region).await;
    let shelf = Shelf::new(login.source.clone(), SecretsManager::new(environment.clone()))?;
    let iam = AccessKeys::new(&environment);
    let current = shelf.look().await?.current;
    refuse_others(config, login, &current)?;
    let user = match &arguments.user {
        Some(user) => user.clone(),
        None => iam.user_of(current.user_name()).await.map_err(|error| error.to_string())?,
    };
    let (form, prove_within) = (login.source.form().clone(), arguments.prove_within);
    let token = config.admin.as_ref().and_then(|admin| admin.token().cloned());
    let fleet = Fleet::new(arguments.relay.clone(), token);
    let work = Work { config, form, iam, user, shelf, fleet, prove_within };
    work.go(arguments.terms(), arguments.strides()).await
}

/// Who logs in with the same key from elsewhere would be locked out when it is deactivated.
fn refuse_others(config: &Config, rotated: &SesLogin, current: &Login) -> Result<(), String> {
    let standbys = config.ses.standbys.iter().flat_map(|standby| [&standby.login, &standby.fallback]);
    let others = standbys.chain([&config.ses.fallback]);
    let is_other = |login: &&SesLogin| {
        let loaded = login.loaded.as_ref();
        loaded.is_some_and(|offer| offer.login.user_name() == current.user_name())
            && login.source.to_string() != rotated.source.to_string()
    };
    match others.flatten().find(is_other) {
        None => Ok(()),
        Some(login) => Err(format!(
            "another login has the same key by {}, which would not get the new one: give it a key of another IAM \
            user, or name the access key by the same files as `[ses]` does",
            login.source
        )),
    }
}

impl Work<'_> {
    async fn go(&self, mut terms: Terms, strides: Strides) -> Result<(), String> {
        let mut told = None;
        loop {
            let (facts, published) = self.look().await?;
            let next = plan::next(&facts, &terms, SystemTime::now());
            if strides == Strides::None {
                facts.relays.iter().for_each(|asked| tell(&asked.to_string()));
                tell(&format!("would {}", self.intention(&next)));
                return Ok(());
            }
            match &next {
                Next::Stuck(stuck) => return Err(stuck.to_string()),
                Next::Done | Next::Young | Next::DeleteLater { .. } => {
                    tell(&self.intention(&next));
                    return Ok(());
                }
                Next::Wait { behind, .. } => {
                    if told.replace(behind.clone()).as_ref() != Some(behind) {
                        tell(&self.intention(&next));
                    }
                    if strides == Strides::One {
                        return Ok(());
                    }
                    sleep(LOOK_AGAIN.min(terms.wait)).await;
                    continue;
                }
                Next::Create => {
                    terms.beginning = Beginning::Over;
                    self.create().await?;
                }
                Next::Publish(id) => self.publish(id, published.pending).await?,
                Next::Deactivate(id) => {
                    self.iam.deactivate(&self.user, id).await.map_err(|error| error.to_string())?;
                    tell(&format!(
                        "deactivated the old key {id}; `aws iam update-access-key --user-name {} --access-key-id {id} \
                        --status Active` takes that back",
                        self.user
                    ));
                }
                Next::Delete(id) => {
                    self.iam.delete(&self.user, id).await.map_err(|error| error.to_string())?;
                    tell(&format!("deleted the key {id}"));
                    // One rotation a run, unless it was in the way of one.
                    if Some(id) == facts.keys.iter().min_by_key(|key| key.created).map(|key| &key.id) {
                        terms.beginning = Beginning::Over;
                    }
                }
            }
            if strides == Strides::One {
                return Ok(());
            }
        }
    }

    async fn look(&self) -> Result<(Facts, Published), String> {
        let published = self.shelf.look().await?;
        let current = published.current.user_name();
        let keys = self.iam.of(&self.user).await.map_err(|error| error.to_string())?;
        let other = keys.iter().map(|key| key.id.as_str()).find(|id| *id != current);
        let facts = Facts {
            relays: self.fleet.ask(current, other).await,
            current: current.to_owned(),
            keys,
            published: published.since,
            pending: published.pending.as_ref().map(|login| login.user_name().to_owned()),
        };
        Ok((facts, published))
    }

    /// The secret is told once, so it is kept at once.
    async fn create(&self) -> Result<(), String> {
        let (id, secret) = self.iam.create(&self.user).await.map_err(|error| error.to_string())?;
        tell(&format!("created the key {id} of the IAM user {}", self.user));
        let half = match self.form {
            LoginForm::Smtp => smtp_password(&secret, &self.config.ses.region),
            LoginForm::AccessKey { .. } => secret,
        };
        self.shelf.keep([crate::secret::Secret::new(id), half]).await
    }

    async fn publish(&self, id: &str, pending: Option<Login>) -> Result<(), String> {
        let pending = pending.ok_or("what was to be published is gone")?;
        tell(&format!("proving {id} at {}; a new key takes some minutes", self.config.ses.host));
        let until = Instant::now() + self.prove_within;
        while let Err(reason) = app::prove_login(self.config, &pending).await {
            if Instant::now() + LOOK_AGAIN > until {
                let minutes = self.prove_within.as_secs() / 60;
                return Err(format!(
                    "{id} is not good after {minutes} minutes: {reason}; nothing was published, and the old key \
                    stays: run again to go on"
                ));
            }
            sleep(LOOK_AGAIN).await;
        }
        self.shelf.publish().await?;
        tell(&format!("Amazon SES takes {id}; published it"));
        Ok(())
    }

    fn intention(&self, next: &Next) -> String {
        match next {
            Next::Create => format!(
                "create a second key of the IAM user {}, prove it at {}, publish it, wait until the relays use it, \
                deactivate the old one, and delete that later",
                self.user, self.config.ses.host
            ),
            Next::Publish(id) => format!("prove {id} at {} and publish it", self.config.ses.host),
            Next::Wait { old, until, behind: None } => {
                format!(
                    "wait until {} for the relays to use the new key; then deactivate {old}",
                    shown(*until)
                )
            }
            Next::Wait { old, until, behind: Some(behind) } => {
                format!(
                    "wait, until {} at most, for relays to let go of {old}, and then deactivate it: {behind}",
                    shown(*until)
                )
            }
            Next::Deactivate(id) => format!("deactivate the old key {id}"),
            Next::Delete(id) => format!("delete the key {id}"),
            Next::DeleteLater { old, at } => {
                format!(
                    "keep the old key {old}, which is inactive; run again after {} to delete it",
                    shown(*at)
                )
            }
            Next::Young => "do nothing: the key is young enough".to_owned(),
            Next::Done => format!("do nothing more: the rotation of {} is complete", self.user),
            Next::Stuck(stuck) => format!("stop: {stuck}"),
        }
    }
}

fn tell(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

fn shown(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "then".to_owned(), |time| format!("{time:.0}"))
}
