//! How one configuration differs from the one in force, and what of that has to wait for a restart.

use crate::config::{Config, Endpoint, Listener, Pool, Ses, SesLogin, Timeouts};

/// What is new, in the words of the configuration; policies by their files.
pub(super) fn between(before: &Config, after: &Config) -> Vec<String> {
    let sections = [
        ("server", before.server != after.server),
        ("listener", before.listeners != after.listeners),
        ("app", before.apps != after.apps),
        ("limits", before.limits != after.limits),
        ("message", before.message != after.message),
        ("ses", account(&before.ses) != account(&after.ses)),
        ("delivery", before.delivery != after.delivery),
        ("policy", options(before) != options(after)),
        ("log", before.log != after.log),
    ];
    let sections =
        sections.into_iter().chain([("policy.candidate", before.policy.candidate != after.policy.candidate)]);
    let sections = sections.filter(|(_, is_new)| *is_new).map(|(name, _)| name.to_owned());
    sections.chain(policies(before, after)).collect()
}

fn policies(before: &Config, after: &Config) -> Vec<String> {
    let (before, after) = (&before.policy.files, &after.policy.files);
    let gone = before.iter().filter(|file| !after.iter().any(|other| other.path == file.path));
    let gone = gone.map(|file| format!("{} (gone)", file.path.display()));
    let new = after.iter().filter(|file| !before.contains(file));
    new.map(|file| file.path.display().to_string()).chain(gone).collect()
}

/// Of `[policy]`, what is no file.
fn options(config: &Config) -> impl PartialEq {
    let policy = &config.policy;
    (policy.enforcement, policy.recipients, policy.source_vpc.clone(), policy.source_vpce.clone())
}

/// Of `[ses]`, what mail is judged by.
fn account(ses: &Ses) -> impl PartialEq {
    let Ses { account_id, identities, configuration_set, pass_headers, bounce_address, .. } = ses;
    (
        account_id.clone(),
        identities.clone(),
        configuration_set.clone(),
        pass_headers.clone(),
        bounce_address.clone(),
    )
}

/// The new configuration as far as it can be put in force, and the settings in which the running one stays.
pub(super) fn kept(running: &Config, mut new: Config) -> (Config, Vec<&'static str>) {
    let mut kept = Kept(Vec::new());
    kept.keep_listeners(&running.listeners, &mut new.listeners);
    kept.keep_way_to_ses(&running.ses, &mut new.ses);
    kept.keep_pool(&running.ses.pool, &mut new.ses.pool);
    kept.keep_timeouts(&running.ses.timeouts, &mut new.ses.timeouts);
    kept.keep("admin", &running.admin, &mut new.admin);
    kept.keep("log.format", &running.log.format, &mut new.log.format);
    kept.keep("audit", &running.audit, &mut new.audit);
    kept.keep("traces", &running.traces, &mut new.traces);
    kept.keep("log.addresses", &running.log.addresses, &mut new.log.addresses);
    (new, kept.0)
}

/// The settings that were kept.
struct Kept(Vec<&'static str>);

impl Kept {
    fn keep<T: PartialEq + Clone>(&mut self, setting: &'static str, running: &T, new: &mut T) {
        if running != new {
            new.clone_from(running);
            self.0.push(setting);
        }
    }

    /// The sockets stay as they are. What is asked of those who connect may change.
    fn keep_listeners(&mut self, running: &[Listener], new: &mut Vec<Listener>) {
        let named = |name: &str| new.iter().find(|listener| listener.name == name);
        let is_same_set =
            new.len() == running.len() && running.iter().all(|known| named(&known.name).is_some());
        let is_moved = running
            .iter()
            .any(|known| named(&known.name).is_some_and(|listener| listener.address != known.address));
        let listener = |known: &Listener| {
            let new = named(&known.name).unwrap_or(known);
            Listener { address: known.address, ..new.clone() }
        };
        *new = running.iter().map(listener).collect();
        self.0.extend((!is_same_set).then_some("listener"));
        self.0.extend(is_moved.then_some("listener.address"));
    }

    /// The region names the endpoint and the resources alike, so that one cannot go without the other.
    fn keep_way_to_ses(&mut self, running: &Ses, new: &mut Ses) {
        self.keep("ses.transport", &running.transport, &mut new.transport);
        self.keep("ses.region", &running.region, &mut new.region);
        self.keep("ses.host", &running.host, &mut new.host);
        self.keep("ses.server_name", &running.server_name, &mut new.server_name);
        self.keep("ses.port", &running.port, &mut new.port);
        self.keep("ses.tls", &running.tls, &mut new.tls);
        self.keep("ses.ca_file", &running.roots, &mut new.roots);
        self.keep("ses.ehlo_name", &running.ehlo_name, &mut new.ehlo_name);
        self.keep_stored("ses.user_name", running.login.as_ref(), &mut new.login);
        self.keep_stored("ses.fallback_user_name", running.fallback.as_ref(), &mut new.fallback);
        self.keep("ses.secrets_interval", &running.secrets_interval, &mut new.secrets_interval);
        self.keep("ses.max_send_rate", &running.max_send_rate, &mut new.max_send_rate);
        self.keep_standbys(&running.standbys, &mut new.standbys);
    }

    /// Where they are stays as it is. Their logins may come from elsewhere.
    fn keep_standbys(&mut self, running: &[Endpoint], new: &mut Vec<Endpoint>) {
        let stored =
            |login: &Option<SesLogin>| login.as_ref().map(|login| login.source.stored()).unwrap_or_default();
        let is_same = |one: &Endpoint, other: &Endpoint| {
            (&one.region, one.name(), &one.server_name) == (&other.region, other.name(), &other.server_name)
                && one.transport == other.transport
                && (one.tls, &one.roots, one.max_send_rate) == (other.tls, &other.roots, other.max_send_rate)
                && stored(&one.login) == stored(&other.login)
                && stored(&one.fallback) == stored(&other.fallback)
        };
        let mut pairs = running.iter().zip(&*new);
        if running.len() != new.len() || !pairs.all(|(one, other)| is_same(one, other)) {
            *new = running.to_vec();
            self.0.push("ses.standby");
        }
    }

    /// Whom to ask for a login is settled at the start.
    fn keep_stored(&mut self, setting: &'static str, running: Option<&SesLogin>, new: &mut Option<SesLogin>) {
        let stored = |login: Option<&SesLogin>| login.map(|login| login.source.stored()).unwrap_or_default();
        if stored(running) != stored(new.as_ref()) {
            *new = running.cloned();
            self.0.push(setting);
        }
    }

    fn keep_pool(&mut self, running: &Pool, new: &mut Pool) {
        self.keep("ses.connections_max", &running.connections_max, &mut new.connections_max);
        self.keep("ses.connections_min", &running.connections_min, &mut new.connections_min);
        self.keep("ses.connection_mails_max", &running.connection_mails_max, &mut new.connection_mails_max);
        self.keep("ses.connection_age_max", &running.connection_age_max, &mut new.connection_age_max);
        self.keep("ses.connection_idle_max", &running.connection_idle_max, &mut new.connection_idle_max);
    }

    fn keep_timeouts(&mut self, running: &Timeouts, new: &mut Timeouts) {
        self.keep("ses.connect_timeout", &running.connect_timeout, &mut new.connect_timeout);
        self.keep("ses.tls_timeout", &running.tls_timeout, &mut new.tls_timeout);
        self.keep("ses.command_timeout", &running.command_timeout, &mut new.command_timeout);
        self.keep("ses.write_timeout", &running.write_timeout, &mut new.write_timeout);
        self.keep("ses.verdict_timeout", &running.verdict_timeout, &mut new.verdict_timeout);
    }
}
