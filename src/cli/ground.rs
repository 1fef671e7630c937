//! Which relay `diff` and `who` speak of: that of a configuration, or one that flags and policies describe.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app;
use crate::cli::problems::{self, Shown};
use crate::compare::{App, Ground, Hints, Latitude, Side};
use crate::config::{self, Config, PolicyFile};
use crate::gate::{self, AppSettings, IdentityName, RECIPIENTS_MAX, RecipientsScope};
use crate::inspect;
use crate::policy::{Document, Policies};

/// What the policies' own ARNs do not say.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// The relay's configuration file: its account, identities, listeners and limits; else they are taken from
    /// the flags below and from the ARNs in the policies
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A verified address or domain (repeatable)
    #[arg(long, value_name = "NAME", value_parser = IdentityName::parse, conflicts_with = "config")]
    identity: Vec<IdentityName>,
    /// An app that sends (repeatable)
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    app: Vec<String>,
    /// A configuration set that mail may use (repeatable)
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    configuration_set: Vec<String>,
    #[arg(long, conflicts_with = "config")]
    region: Option<String>,
    #[arg(long, value_name = "DIGITS", conflicts_with = "config")]
    account_id: Option<String>,
    /// So many classes of mail are judged at most; what is left out is said
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    pub limit: usize,
}

impl Arguments {
    /// The configuration, if one is named.
    pub fn load(&self) -> Result<Option<Config>, Vec<Shown>> {
        let Some(path) = &self.config else { return Ok(None) };
        config::load_for_judging(Some(path), &std::env::vars_os().collect(), None)
            .map(Some)
            .map_err(|errors| problems::of_config(&errors))
    }

    pub fn ground(&self, config: Option<&Config>, sets: &[&Policies]) -> Ground {
        match config {
            Some(config) => of_config(config),
            None => Ground::discover(sets, self.hints()),
        }
    }

    fn hints(&self) -> Hints {
        Hints {
            region: self.region.clone(),
            account_id: self.account_id.clone(),
            apps: self.app.clone(),
            identities: self.identity.clone(),
            configuration_sets: self.configuration_set.clone(),
        }
    }
}

/// The policies of a file, a folder or a pattern.
pub fn policies(named: &str) -> Result<Policies, Vec<Shown>> {
    let files = config::policy_files(named).map_err(|error| vec![problems::of_error(named, &error)])?;
    compiled(&files)
}

/// What is wrong with any of them is told at once; what is merely doubtful is the business of `check`.
pub fn compiled(files: &[PolicyFile]) -> Result<Policies, Vec<Shown>> {
    app::read_policies(files).map(Policies::new).map_err(|problems| problems::of_policies(&problems))
}

/// What each app is judged by: the policies that no app names, and its own. One set if that is the same for all.
pub fn by_app(config: Option<&Config>, all: &Policies) -> Vec<Policies> {
    let apps = config.map(|config| config.apps.as_slice()).unwrap_or_default();
    let is_of = |app: &config::App, document: &Document| {
        let name = Path::new(document.name()).file_name();
        app.policies.iter().any(|path| path.file_name() == name)
    };
    if !apps.iter().any(|app| all.documents().iter().any(|document| is_of(app, document))) {
        return vec![all.clone()];
    }
    let set = |app: &config::App| {
        let is_its = |document: &&Arc<Document>| {
            is_of(app, document) || !apps.iter().any(|other| is_of(other, document))
        };
        Policies::new(all.documents().iter().filter(is_its).cloned().collect())
    };
    apps.iter().map(set).collect()
}

/// The sets of [`by_app`], for every app.
pub fn side<'p>(sets: &'p [Policies], ground: &Ground) -> Side<'p> {
    let own = |(place, _)| sets.get(place).or(sets.first());
    Side { by_app: ground.apps.iter().enumerate().filter_map(own).collect() }
}

fn of_config(config: &Config) -> Ground {
    let settings: gate::Settings = app::gate_settings(config);
    let app = |app: &AppSettings| {
        let tags = app.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
        App::new(&app.name, &settings).map(|known| App { tags, ..known })
    };
    let apps = settings.apps.iter().filter_map(app).collect();
    let mut assumed = Vec::new();
    if settings.apps.iter().any(|app| app.configuration_set.is_some()) {
        assumed.push("every app has the configuration set of [ses]".to_owned());
    }
    if settings.apps.iter().any(|app| !app.documents.is_empty()) {
        assumed.push(
            "a policy is an app's own if its file has the name of one of the app's `policies`".to_owned(),
        );
    }
    let may_bring_own = settings.may_pass("X-SES-CONFIGURATION-SET");
    let fixed = |value: &Option<String>| Latitude::Fixed(vec![value.clone()]);
    let header_recipients = match settings.recipients {
        RecipientsScope::EnvelopeAndHeader => inspect::Limits::default().addresses_max,
        RecipientsScope::Envelope => 0,
    };
    Ground {
        apps,
        arn_prefix: settings.arn_prefix(),
        configuration_set: if may_bring_own { Latitude::Free } else { fixed(&settings.configuration_set) },
        listener: Latitude::Fixed(
            config.listeners.iter().map(|listener| Some(listener.name.clone())).collect(),
        ),
        source_vpc: fixed(&settings.source_vpc),
        source_vpce: fixed(&settings.source_vpce),
        recipients_max: RECIPIENTS_MAX.saturating_add(header_recipients) as u64,
        message_octets_max: config.limits.message_octets_max as u64,
        region: settings.region,
        account_id: settings.account_id,
        identities: settings.identities,
        assumed,
    }
}
