//! The apps, found by network and by user name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::admission::{Network, PasswordHash};
use crate::mail::{Evidence, KnownApp};

/// What shows that a client is this app.
#[derive(Debug, Clone)]
pub struct App {
    pub name: Arc<str>,
    pub networks: Vec<Network>,
    pub logins: Vec<Login>,
    pub requires: Requires,
}

/// How much of what an app has a client must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Requires {
    /// It is in one of its networks, or has one of its logins.
    #[default]
    Either,
    Both,
}

#[derive(Debug, Clone)]
pub struct Login {
    pub user_name: String,
    pub password_hash: PasswordHash,
}

/// The apps of one configuration, whose networks and user names differ.
#[derive(Debug)]
pub(super) struct Directory {
    apps: Vec<App>,
    /// The longest prefix first, each with the index of its app.
    networks: Vec<(Network, usize)>,
    /// The index of an app and of one of its logins.
    user_names: HashMap<String, (usize, usize)>,
}

impl Directory {
    pub(super) fn new(apps: Vec<App>) -> Self {
        let mut networks = Vec::new();
        let mut user_names = HashMap::new();
        for (index, app) in apps.iter().enumerate() {
            networks.extend(app.networks.iter().map(|network| (*network, index)));
            let logins = app.logins.iter().enumerate();
            user_names.extend(logins.map(|(login, named)| (named.user_name.clone(), (index, login))));
        }
        networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix()));
        Self { apps, networks, user_names }
    }

    pub(super) fn has_logins(&self) -> bool {
        !self.user_names.is_empty()
    }

    pub(super) fn logins(&self) -> impl Iterator<Item = &Login> {
        self.apps.iter().flat_map(|app| &app.logins)
    }

    pub(super) fn login(&self, user_name: &str) -> Option<&Login> {
        let (app, login) = self.user_names.get(user_name)?;
        self.apps.get(*app)?.logins.get(*login)
    }

    /// The app of the longest prefix, unless that one requires a login too. A wider network of another app does
    /// not take its place then: being less would give more.
    pub(super) fn known_by_network(&self, address: IpAddr) -> Option<KnownApp> {
        let app = self.in_network(address).filter(|app| app.requires == Requires::Either)?;
        Some(KnownApp { name: Arc::clone(&app.name), by: Evidence::Network })
    }

    /// The app whose login this is, if a client of this address may be it.
    pub(super) fn app_of(&self, login: &Login, address: IpAddr) -> Option<Arc<str>> {
        let (index, _) = self.user_names.get(&login.user_name)?;
        let app = self.apps.get(*index)?;
        let is_admitted = match app.requires {
            Requires::Either => true,
            Requires::Both => self.in_network(address).is_some_and(|there| there.name == app.name),
        };
        is_admitted.then(|| Arc::clone(&app.name))
    }

    fn in_network(&self, address: IpAddr) -> Option<&App> {
        let (_, index) = self.networks.iter().find(|(network, _)| network.contains(address))?;
        self.apps.get(*index)
    }
}
