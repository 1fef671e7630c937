//! Keeps the logins of SES as new as AWS Secrets Manager has them.
//!
//! The version before the current one is a last resort: a relay that starts in the middle of a rotation has no other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::app::credentials::Logins;
use crate::config::{self, LoginSource, Stored};
use crate::credentials::{Keyring, Rank, SecretVersion, SecretsManager, Stage, aws_environment};
use crate::relay::Relay;
use crate::server::Drain;

/// How soon it asks again when it has heard nothing yet.
const RETRY: Duration = Duration::from_secs(5);

/// The logins of one endpoint that Secrets Manager has.
#[derive(Debug)]
pub(super) struct PolledLogins {
    keyring: Arc<Keyring>,
    interval: Duration,
    /// Where secrets are, if neither their names nor the environment say it.
    region: String,
    polled: Vec<Polled>,
}

#[derive(Debug)]
struct Polled {
    rank: Rank,
    source: LoginSource,
    /// The versions that were current the last time; none, when nothing was heard yet.
    versions: Vec<String>,
    /// What was wrong the last time, so that it is told once.
    failure: Option<String>,
}

impl PolledLogins {
    /// `None` where no login is in Secrets Manager.
    pub(super) fn new(ses: &config::Ses, logins: Logins<'_>, keyring: Arc<Keyring>) -> Option<Self> {
        let sources = logins.by_rank().map(|(rank, login)| (rank, login.source.clone()));
        let stored = sources.filter(|(_, source)| !source.stored().is_empty());
        let polled = |(rank, source)| Polled { rank, source, versions: Vec::new(), failure: None };
        let polled: Vec<Polled> = stored.map(polled).collect();
        let (interval, region) = (ses.secrets_interval, ses.region.clone());
        (!polled.is_empty()).then_some(Self { keyring, interval, region, polled })
    }

    /// Asks again and again until the drain begins. What cannot be had replaces nothing.
    pub(super) async fn run(mut self, relay: Arc<Relay>, drain: Drain) {
        let asking = async {
            let client = SecretsManager::new(aws_environment(&self.region).await);
            loop {
                for polled in &mut self.polled {
                    let is_first = polled.versions.is_empty();
                    polled.ask(&client, &self.keyring).await;
                    if is_first && !polled.versions.is_empty() {
                        // Mail may have waited for it. What comes of it, the keyring tells.
                        let _ = relay.upstream.probe().await;
                    }
                }
                let is_heard = self.polled.iter().all(|polled| !polled.versions.is_empty());
                sleep(if is_heard { self.interval } else { RETRY.min(self.interval) }).await;
            }
        };
        tokio::select! {
            () = drain.begun() => {}
            () = asking => {}
        }
    }
}

impl Polled {
    async fn ask(&mut self, client: &SecretsManager, keyring: &Keyring) {
        match self.hear(client, keyring).await {
            Ok(()) => self.failure = None,
            Err(failure) => {
                if self.failure.as_ref() != Some(&failure) {
                    tracing::error!(failure, "a login of Amazon SES cannot be had; what there was stays");
                    self.failure = Some(failure);
                }
            }
        }
    }

    async fn hear(&mut self, client: &SecretsManager, keyring: &Keyring) -> Result<(), String> {
        let current = self.versions(client, Stage::Current).await?;
        let ids: Vec<String> = current.iter().map(|(_, version)| version.id.clone()).collect();
        if ids == self.versions {
            return Ok(());
        }
        self.offer(keyring, self.rank, current).map_err(|error| error.to_string())?;
        let previous = self.versions(client, Stage::Previous).await?;
        // It may be anything: nobody promised that it ever was a login.
        if let Err(error) = self.offer(keyring, Rank::Previous, previous) {
            tracing::debug!(%error, "the version before is no login");
        }
        self.versions = ids;
        Ok(())
    }

    fn offer(
        &self,
        keyring: &Keyring,
        rank: Rank,
        versions: Vec<(String, SecretVersion)>,
    ) -> Result<(), config::LoginSourceError> {
        let changed = versions.iter().filter_map(|(_, version)| version.created).max();
        let stored: Stored = versions.into_iter().map(|(name, version)| (name, version.text)).collect();
        let mut offer = self.source.load(&stored)?;
        offer.changed = changed.or(offer.changed);
        keyring.offer(rank, offer, Instant::now().into_std(), SystemTime::now());
        Ok(())
    }

    /// Every secret that the login is made of; those without a version at this stage are left out.
    async fn versions(
        &self,
        client: &SecretsManager,
        stage: Stage,
    ) -> Result<Vec<(String, SecretVersion)>, String> {
        let mut versions = Vec::new();
        for name in self.source.stored() {
            let version = client.version(&name, stage).await.map_err(|error| error.to_string())?;
            versions.extend(version.map(|version| (name, version)));
        }
        Ok(versions)
    }
}
