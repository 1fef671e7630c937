//! The account and the apps that audit records were made under, as far as the records tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::app::{AccountError, assumed_config};
use crate::config::{self, AccountSketch, Config, PolicyFile};
use crate::policy::Document;
use crate::telemetry::Record;

/// What records name. Tags of apps and ids of VPCs are not in them.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Each with the configuration set of its mails that bring none.
    apps: BTreeMap<String, Option<String>>,
    regions: BTreeSet<String>,
    account_ids: BTreeSet<String>,
    identities: BTreeSet<String>,
    /// What stood in for `MAIL FROM:<>`.
    bounce_address: Option<String>,
    /// A mail brought a configuration set, and it did not count.
    ignores_own_sets: bool,
}

impl Recorded {
    pub fn add(&mut self, record: &Record<'_>) {
        if !self.apps.contains_key(record.app.as_ref()) {
            self.apps.insert(record.app.clone().into_owned(), None);
        }
        let mut used = None;
        for judged in &record.resources {
            // `arn:<partition>:ses:<region>:<account>:identity/<name>`
            let mut parts = judged.resource.splitn(6, ':').skip(3);
            let (Some(region), Some(account), Some(resource)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            remember(&mut self.regions, region);
            remember(&mut self.account_ids, account);
            if let Some(identity) = resource.strip_prefix("identity/") {
                remember(&mut self.identities, identity);
            }
            used = resource.strip_prefix("configuration-set/").or(used);
        }
        // What was not judged may have been refused before its set was looked up.
        if !record.resources.is_empty() && used != record.configuration_set.as_deref() {
            self.ignores_own_sets |= record.configuration_set.is_some();
            if let Some(app) = self.apps.get_mut(record.app.as_ref()) {
                *app = used.map(str::to_owned);
            }
        }
        if record.mail_from.is_empty() && self.bounce_address.is_none() {
            self.bounce_address = record.ses_mail_from.as_deref().map(str::to_owned);
        }
    }

    /// A configuration to judge such mails by these policies.
    pub fn config(self, files: Vec<PolicyFile>, documents: &[Arc<Document>]) -> Result<Config, AccountError> {
        let only = |what, names: BTreeSet<String>| {
            let mut names = names.into_iter();
            match (names.next(), names.next()) {
                (Some(first), Some(second)) => Err(AccountError::Several { what, first, second }),
                (first, _) => Ok(first),
            }
        };
        let account = AccountSketch {
            region: only("region", self.regions)?,
            account_id: only("account", self.account_ids)?,
            identities: self.identities.into_iter().collect(),
            configuration_set: None,
            bounce_address: self.bounce_address,
        };
        let config = assumed_config(files, documents, &account, &[], "")?;
        let app =
            |(name, configuration_set)| config::App { name, configuration_set, ..config::App::default() };
        let apps = self.apps.into_iter().map(app).collect();
        let pass_headers = if self.ignores_own_sets { Vec::new() } else { config.ses.pass_headers.clone() };
        Ok(Config { apps, ses: config::Ses { pass_headers, ..config.ses }, ..config })
    }
}

fn remember(names: &mut BTreeSet<String>, name: &str) {
    if !names.contains(name) {
        names.insert(name.to_owned());
    }
}
