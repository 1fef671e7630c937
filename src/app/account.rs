//! The account that policies are about, when no configuration says it: the one that their resources name.

use std::sync::Arc;

use crate::config::{self, AccountSketch, Config, ConfigErrors, Environment, PolicyFile};
use crate::gate::IdentityName;
use crate::mail::Address;
use crate::policy::Document;

/// Where nobody says: nothing is sent there.
const REGION: &str = "us-east-1";
const ACCOUNT_ID: &str = "123456789012";
const IDENTITY: &str = "example.com";

#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("the policies name more than one {what}, `{first}` and `{second}`")]
    Several { what: &'static str, first: String, second: String },
    #[error("the account is not well described")]
    Config(#[from] ConfigErrors),
}

/// A configuration to judge by: what is said of the account, else what the policies name. Where they name no
/// identity, the domains of those who send are taken to be verified.
pub fn assumed_config(
    files: Vec<PolicyFile>,
    documents: &[Arc<Document>],
    account: &AccountSketch,
    senders: &[&Address],
    app: &str,
) -> Result<Config, AccountError> {
    let named = Named::by(documents);
    let mut identities = account.identities.clone();
    if identities.is_empty() {
        identities = named.identities.iter().map(|name| (*name).to_owned()).collect();
    }
    if identities.is_empty() {
        identities = senders.iter().map(|sender| sender.domain().to_string()).collect();
        identities.dedup();
    }
    if identities.is_empty() {
        // Nobody sends: the mail is refused before anyone asks who it is.
        identities.push(IDENTITY.to_owned());
    }
    let region = only("region", account.region.as_deref(), &named.regions)?.unwrap_or(REGION);
    let account_id = only("account", account.account_id.as_deref(), &named.accounts)?.unwrap_or(ACCOUNT_ID);
    let settings = [
        ("SESGATE_SES_REGION", Some(region.to_owned())),
        ("SESGATE_SES_ACCOUNT_ID", Some(account_id.to_owned())),
        ("SESGATE_SES_IDENTITIES", Some(identities.join(","))),
        ("SESGATE_SES_CONFIGURATION_SET", account.configuration_set.clone()),
        ("SESGATE_SES_BOUNCE_ADDRESS", account.bounce_address.clone()),
        // What a mail is said to bring, it may bring.
        ("SESGATE_SES_PASS_HEADERS", Some("X-SES-CONFIGURATION-SET".to_owned())),
    ];
    let settings = settings.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into())));
    let environment: Environment = settings.collect();
    let config = config::load_for_judging(None, &environment, Some(files))?;
    let app = config::App { name: app.to_owned(), ..config::App::default() };
    Ok(Config { apps: vec![app], ..config })
}

/// What the resources of policies name, each once.
#[derive(Debug, Default)]
struct Named<'d> {
    regions: Vec<&'d str>,
    accounts: Vec<&'d str>,
    identities: Vec<&'d str>,
}

impl<'d> Named<'d> {
    fn by(documents: &'d [Arc<Document>]) -> Self {
        let mut named = Self::default();
        let resources = documents.iter().flat_map(|document| document.resource_names());
        for [_, _, service, region, account, resource] in resources {
            if service != Some("ses") {
                continue;
            }
            let identity = resource.and_then(|resource| resource.strip_prefix("identity/"));
            let identity = identity.filter(|name| name.contains('.') && IdentityName::parse(name).is_ok());
            add(&mut named.regions, region);
            add(&mut named.accounts, account);
            add(&mut named.identities, identity);
        }
        named
    }
}

fn add<'d>(list: &mut Vec<&'d str>, item: Option<&'d str>) {
    list.extend(item.filter(|item| !item.is_empty() && !list.contains(item)));
}

fn only<'a>(
    what: &'static str,
    said: Option<&'a str>,
    named: &[&'a str],
) -> Result<Option<&'a str>, AccountError> {
    match (said, named) {
        (Some(said), _) => Ok(Some(said)),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only)),
        (None, [first, second, ..]) => {
            Err(AccountError::Several { what, first: (*first).to_owned(), second: (*second).to_owned() })
        }
    }
}
