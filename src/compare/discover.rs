//! What policies themselves say of the account, the apps and the identities, where no configuration does.

use std::collections::BTreeSet;

use crate::compare::ground::{App, Ground, Latitude};
use crate::compare::survey::ACTION;
use crate::gate::{IdentityName, RECIPIENTS_MAX, Settings};
use crate::policy::{Context, Glob, Key, KeyName, Mark, Policies, Principal, Test};

/// What is known beforehand. What is empty is looked for in the policies.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub region: Option<String>,
    pub account_id: Option<String>,
    pub apps: Vec<String>,
    pub identities: Vec<IdentityName>,
    pub configuration_sets: Vec<String>,
}

/// Stands for all apps that no policy names.
const OTHER_APP: &str = "another-app";

const EXAMPLE_REGION: &str = "us-east-1";
const EXAMPLE_ACCOUNT: &str = "123456789012";
const EXAMPLE_DOMAIN: &str = "example.com";

/// SES takes no more than 40 MB.
const MESSAGE_OCTETS_MAX: u64 = 41_943_040;

impl Ground {
    /// The ground that policies stand on, with a word on each thing that had to be assumed.
    pub fn discover(sets: &[&Policies], hints: Hints) -> Self {
        let mut assumed = Vec::new();
        let nobody = Context::new();
        let terms: Vec<_> = sets.iter().flat_map(|set| set.resource_terms(&nobody)).collect();
        let literal = |globs: &mut dyn Iterator<Item = &Glob>| {
            globs.filter_map(Glob::as_literal).find(|text| !text.is_empty())
        };
        let region = hints.region.or_else(|| literal(&mut terms.iter().map(|term| &term.region)));
        let account_id = hints.account_id.or_else(|| literal(&mut terms.iter().map(|term| &term.account)));
        let region = region.unwrap_or_else(|| EXAMPLE_REGION.to_owned());
        let account_id = account_id.unwrap_or_else(|| EXAMPLE_ACCOUNT.to_owned());
        let settings = bare_settings(region, account_id);
        let apps = if hints.apps.is_empty() {
            let named = named_apps(sets);
            assumed.push(format!(
                "the apps are {}; name yours with --app or --config",
                listed(named.iter().map(String::as_str))
            ));
            named
        } else {
            hints.apps
        };
        let apps = apps.iter().filter_map(|name| App::new(name, &settings)).collect();
        let mut ground = Self {
            apps,
            arn_prefix: settings.arn_prefix(),
            region: settings.region,
            account_id: settings.account_id,
            identities: hints.identities,
            configuration_set: Latitude::Fixed(vec![None]),
            listener: Latitude::Free,
            source_vpc: Latitude::Free,
            source_vpce: Latitude::Free,
            recipients_max: RECIPIENTS_MAX as u64,
            message_octets_max: MESSAGE_OCTETS_MAX,
            assumed,
        };
        ground.find_names(sets, hints.configuration_sets);
        ground
    }

    /// Identities and configuration sets, which resources name.
    fn find_names(&mut self, sets: &[&Policies], mut configuration_sets: Vec<String>) {
        let contexts: Vec<_> = self.apps.iter().map(|app| self.context(app)).collect();
        let terms =
            sets.iter().flat_map(|set| contexts.iter().flat_map(|context| set.resource_terms(context)));
        let names: BTreeSet<String> = terms.filter_map(|term| term.name.as_literal()).collect();
        let is_known = !self.identities.is_empty();
        for name in &names {
            if let Some(set) = name.strip_prefix("configuration-set/") {
                configuration_sets.push(set.to_owned());
            }
            let identity = name.strip_prefix("identity/").and_then(|name| IdentityName::parse(name).ok());
            self.identities.extend(identity.filter(|_| !is_known));
        }
        if self.identities.is_empty() {
            self.identities = sender_domains(sets, &contexts);
        }
        if !is_known {
            let names = listed(self.identities.iter().map(IdentityName::as_str));
            self.assumed.push(format!("the identities are {names}; name yours with --identity or --config"));
        }
        configuration_sets.sort_unstable();
        configuration_sets.dedup();
        let sets = configuration_sets.into_iter().map(Some);
        self.configuration_set = Latitude::Fixed(std::iter::once(None).chain(sets).collect());
    }
}

impl App {
    /// `None` if no principal can have the name.
    pub fn new(name: &str, settings: &Settings) -> Option<Self> {
        let (partition, account) = (settings.partition(), &settings.account_id);
        let principal = Principal::parse(&format!("arn:{partition}:iam::{account}:user/{name}")).ok()?;
        Some(Self { name: name.to_owned(), principal, tags: Vec::new() })
    }
}

fn bare_settings(region: String, account_id: String) -> Settings {
    Settings {
        region,
        other_regions: Vec::new(),
        account_id,
        identities: Vec::new(),
        configuration_set: None,
        pass_headers: Vec::new(),
        bounce_address: None,
        recipients: crate::gate::RecipientsScope::EnvelopeAndHeader,
        source_vpc: None,
        source_vpce: None,
        enforcement: crate::gate::Enforcement::Enforced,
        apps: Vec::new(),
    }
}

/// The apps that policies name, one for each pattern that may name several, and one that none names.
fn named_apps(sets: &[&Policies]) -> Vec<String> {
    let nobody = Context::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut add = |text: &str| {
        let name = text.replace(['*', '?'], "x");
        names.extend((!name.is_empty() && !name.contains(['/', ':', ' '])).then_some(name));
    };
    for name in sets.iter().flat_map(|set| set.principal_names()) {
        if let Some((_, user)) = name.split_once(":user/") {
            add(user);
        }
    }
    let tests = sets.iter().flat_map(|set| set.tests(ACTION));
    for test in tests {
        match test.key() {
            KeyName::Known(Key::App | Key::UserName | Key::UserId) => {
                for mark in test.marks(&nobody) {
                    if let Mark::Text(pattern) = mark {
                        add(&Glob { case: crate::policy::Case::Matters, ..pattern }.to_string());
                    }
                }
            }
            KeyName::Known(Key::PrincipalArn) => {
                let written = test.marks(&nobody).into_iter().filter_map(|mark| match mark {
                    Mark::Text(pattern) => Some(pattern.to_string()),
                    _ => None,
                });
                let arns = test.arn_names(&nobody).into_iter().map(|pattern| pattern.to_string());
                for name in written.chain(arns) {
                    if let Some((_, user)) = name.rsplit_once("user/") {
                        add(user);
                    }
                }
            }
            KeyName::Known(_) | KeyName::Other { .. } => {}
        }
    }
    names.remove(OTHER_APP);
    names.into_iter().chain([OTHER_APP.to_owned()]).collect()
}

/// The domains of the senders that conditions name.
fn sender_domains(sets: &[&Policies], contexts: &[Context<'static>]) -> Vec<IdentityName> {
    let is_sender = |test: &Test<'_>| {
        matches!(test.key(), KeyName::Known(Key::FromAddress | Key::FeedbackAddress | Key::SenderAddress))
    };
    let tests = sets.iter().flat_map(|set| set.tests(ACTION)).filter(is_sender);
    let marks = tests.flat_map(|test| contexts.iter().flat_map(move |context| test.marks(context)));
    let mut domains: BTreeSet<String> = BTreeSet::new();
    for mark in marks {
        if let Mark::Text(pattern) = mark
            && let Some((_, domain)) = pattern.to_string().rsplit_once('@')
        {
            domains.insert(domain.trim_start_matches(['*', '.']).to_owned());
        }
    }
    let mut names: Vec<IdentityName> =
        domains.iter().filter_map(|domain| IdentityName::parse(domain).ok()).collect();
    if names.is_empty() {
        names.extend(IdentityName::parse(EXAMPLE_DOMAIN));
    }
    names
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
