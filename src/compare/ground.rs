//! What is the same for all mails that are compared: the account, the apps, and what the relay would fill in.

use crate::gate::{Identities, IdentityName};
use crate::mail::Address;
use crate::policy::{Context, Key, Policies, Principal, Value};

/// The relay, as far as policies can see it.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Never empty.
    pub apps: Vec<App>,
    pub region: String,
    pub account_id: String,
    /// `arn:<partition>:ses:<region>:<account>:`
    pub arn_prefix: String,
    pub identities: Vec<IdentityName>,
    pub configuration_set: Latitude,
    pub listener: Latitude,
    pub source_vpc: Latitude,
    pub source_vpce: Latitude,
    /// Of one mail, in the envelope and, where they count, in its header.
    pub recipients_max: u64,
    pub message_octets_max: u64,
    /// What of all this nobody said, for people.
    pub assumed: Vec<String>,
}

/// Who sends, and what it is judged by.
#[derive(Debug, Clone)]
pub struct App {
    pub name: String,
    pub principal: Principal,
    /// `aws:PrincipalTag/…`
    pub tags: Vec<(String, String)>,
}

/// What a key may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Latitude {
    /// One of these; `None` is absent.
    Fixed(Vec<Option<String>>),
    /// Whatever a policy may name, or nothing.
    Free,
}

/// One set of policies, for every app in the order of the apps.
#[derive(Debug, Clone)]
pub struct Side<'p> {
    pub by_app: Vec<&'p Policies>,
}

impl<'p> Side<'p> {
    pub fn same_for_all(policies: &'p Policies, ground: &Ground) -> Self {
        Self { by_app: vec![policies; ground.apps.len()] }
    }
}

impl Ground {
    pub fn covering(&self) -> Identities {
        Identities::new(self.identities.clone(), &self.arn_prefix)
    }

    /// What settings say of a key, for the keys that they settle.
    pub(super) fn latitude(&self, key: Key) -> Option<&Latitude> {
        match key {
            Key::ConfigurationSet => Some(&self.configuration_set),
            Key::Listener => Some(&self.listener),
            Key::SourceVpc => Some(&self.source_vpc),
            Key::SourceVpce => Some(&self.source_vpce),
            _ => None,
        }
    }

    /// What every request of an app holds.
    pub(super) fn context(&self, app: &App) -> Context<'static> {
        let mut context = Context::new();
        let mut set = |key, text: &str| context.set(key, Value::text(text.to_owned()));
        set(Key::App, &app.name);
        set(Key::UserName, &app.name);
        set(Key::UserId, &app.name);
        set(Key::PrincipalArn, app.principal.as_str());
        set(Key::PrincipalAccount, &self.account_id);
        set(Key::PrincipalType, "User");
        set(Key::RequestedRegion, &self.region);
        set(Key::ApiVersion, "2");
        for key in [Key::ConfigurationSet, Key::Listener, Key::SourceVpc, Key::SourceVpce] {
            if let Some(Latitude::Fixed(values)) = self.latitude(key)
                && let [Some(only)] = values.as_slice()
            {
                set(key, only);
            }
        }
        for (name, value) in &app.tags {
            context.set_named(&format!("aws:PrincipalTag/{name}"), Value::text(value.clone()));
        }
        context
    }
}

/// The patterns of the addresses that an identity covers, so that no class of addresses has two identities.
pub(super) fn covered(name: &IdentityName) -> Vec<String> {
    match name {
        IdentityName::Domain(domain) => {
            vec![format!("*@{}", domain.as_str()), format!("*@*.{}", domain.as_str())]
        }
        IdentityName::Address(address) => {
            vec![address.as_str().to_owned(), format!("{}+*@{}", address.local(), address.domain())]
        }
    }
}

/// An address that the identity covers, for examples in which any would do.
pub(super) fn sample_address(name: &IdentityName) -> Option<Address> {
    match name {
        IdentityName::Domain(domain) => Address::parse(&format!("someone@{}", domain.as_str())).ok(),
        IdentityName::Address(address) => Some(address.clone()),
    }
}
