//! The apps, found by network, by certificate and by user name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::admission::{Network, PasswordHash};
use crate::mail::{CertifiedName, Client, Evidence, KnownApp};

/// What shows that a client is this app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct App {
    pub name: Arc<str>,
    pub networks: Vec<Network>,
    pub certificates: Vec<CertifiedName>,
    pub logins: Vec<Login>,
    /// Each of these must be shown. Where nothing is said, any one that the app has is enough.
    pub requires: Vec<Evidence>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user_name: String,
    pub password_hash: PasswordHash,
}

/// The apps of one configuration, whose networks and user names differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    apps: Vec<App>,
    /// The longest prefix first, each with the index of its app.
    networks: Vec<(Network, usize)>,
    /// Each with the index of its app.
    certificates: HashMap<CertifiedName, usize>,
    /// The index of an app and of one of its logins.
    user_names: HashMap<String, (usize, usize)>,
}

impl Directory {
    pub(super) fn new(apps: Vec<App>) -> Self {
        let mut networks = Vec::new();
        let mut certificates = HashMap::new();
        let mut user_names = HashMap::new();
        for (index, app) in apps.iter().enumerate() {
            networks.extend(app.networks.iter().map(|network| (*network, index)));
            certificates.extend(app.certificates.iter().map(|name| (name.clone(), index)));
            let logins = app.logins.iter().enumerate();
            user_names.extend(logins.map(|(login, named)| (named.user_name.clone(), (index, login))));
        }
        networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix()));
        Self { apps, networks, certificates, user_names }
    }

    pub(super) fn has_logins(&self) -> bool {
        !self.user_names.is_empty()
    }

    pub(super) fn has_certificates(&self) -> bool {
        !self.certificates.is_empty()
    }

    pub(super) fn logins(&self) -> impl Iterator<Item = &Login> {
        self.apps.iter().flat_map(|app| &app.logins)
    }

    pub(super) fn login(&self, user_name: &str) -> Option<&Login> {
        let (app, login) = self.user_names.get(user_name)?;
        self.apps.get(*app)?.logins.get(*login)
    }

    /// The app that a client is before it has logged in: that of its certificate, else that of its network. If more
    /// is required of that app, nothing else that the client might be takes its place: being less would give more.
    pub(super) fn known_without_login(&self, client: &Client) -> Option<KnownApp> {
        let (app, by) = match (self.certified(client), self.in_network(client.address)) {
            (Some(app), _) => (app, Evidence::Certificate),
            (None, Some(app)) => (app, Evidence::Network),
            (None, None) => return None,
        };
        self.is_admitted(app, client, None).then(|| KnownApp { name: Arc::clone(&app.name), by })
    }

    /// The app whose login this is, if this client may be it.
    pub(super) fn app_of(&self, login: &Login, client: &Client) -> Option<Arc<str>> {
        let (index, _) = self.user_names.get(&login.user_name)?;
        let app = self.apps.get(*index)?;
        self.is_admitted(app, client, Some(login)).then(|| Arc::clone(&app.name))
    }

    /// Whether everything is shown that the app requires.
    fn is_admitted(&self, app: &App, client: &Client, login: Option<&Login>) -> bool {
        let is_it = |found: Option<&App>| found.is_some_and(|found| found.name == app.name);
        app.requires.iter().all(|required| match required {
            Evidence::Network => is_it(self.in_network(client.address)),
            Evidence::Certificate => is_it(self.certified(client)),
            // Whose it is was found out before the app.
            Evidence::Login => login.is_some(),
        })
    }

    /// A certificate with names of two apps is neither's.
    fn certified(&self, client: &Client) -> Option<&App> {
        let mut found = client.certified.iter().filter_map(|name| self.certificates.get(name));
        let first = found.next()?;
        found.all(|index| index == first).then(|| self.apps.get(*first))?
    }

    fn in_network(&self, address: IpAddr) -> Option<&App> {
        let (_, index) = self.networks.iter().find(|(network, _)| network.contains(address))?;
        self.apps.get(*index)
    }
}
