//! From what was said to what is needed: settings that must go together, and the files that they name.
//!
//! Notes every problem and goes on; the result counts only if there is none.

use std::collections::BTreeSet;

use super::app;
use super::environment::Environment;
use super::error::ConfigError;
use super::footprint::Files;
use super::form::shown;
use super::listener::RawListener;
use super::load;
use super::raw::{Raw, RawLimits, RawPolicy, RawSes};
use super::secret::SecretSource;
use super::section::{Notes, Placed};
use super::settings::{Candidate, Config, Endpoint, Limits, Policy, PolicyFile, Ses};
use crate::secret::Secret;
use crate::upstream::{Roots, Transport};

/// SES's 40 MB are counted in base64, in which the API gets a message (SES developer guide, "Service quotas").
const API_MESSAGE_OCTETS_MAX: usize = 31_457_280;

/// What settings may name.
#[derive(Debug)]
pub struct Surroundings<'a> {
    pub files: &'a Files<'a>,
    pub environment: &'a Environment,
    /// Policies that are at hand, instead of those that `policy.files` matches.
    pub policies: Option<Vec<PolicyFile>>,
    pub purpose: Purpose,
}

/// What the configuration is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Sending,
    /// Sending to a stand-in for SES, whose login and authority are none of the configuration's.
    Rehearsing,
    /// Neither the logins of SES, nor those of apps, nor any certificate or key is looked at.
    Judging,
}

/// That a problem is in the notes already.
#[derive(Debug)]
pub(super) struct Noted;

/// INVARIANT: without a result, there is a problem in the notes.
pub fn check(raw: Raw, surroundings: Surroundings<'_>, notes: &mut Notes) -> Option<Config> {
    raw.listeners.iter().for_each(|listener| listener.check_login(&raw.apps, notes));
    if !raw.listeners.iter().any(RawListener::takes_logins) {
        raw.apps.iter().for_each(|app| app.refuse_logins(notes));
    }
    if !raw.listeners.iter().any(RawListener::asks_for_certificates) {
        raw.apps.iter().for_each(|app| app.refuse_certificates(notes));
    }
    let listeners = raw.listeners.into_iter().map(|listener| listener.check(&surroundings, notes));
    let listeners = listeners.collect::<Vec<_>>();
    let ses = check_ses(raw.ses, &surroundings, notes);
    let apps = app::check(raw.apps, &surroundings, notes);
    let log = raw.log.check(&surroundings, notes);
    let audit = raw.audit.check(&surroundings, notes);
    let traces = raw.traces.check(&surroundings, notes);
    let admin = raw.admin.check(&surroundings, notes);
    let policy = check_policy(raw.policy, surroundings, notes);
    let (apps, own_files) = apps.ok()?;
    let policy = policy.ok()?.with(own_files);
    let ses = ses.ok()?;
    let limits = check_limits(raw.limits, &ses, notes);
    Some(Config {
        server: raw.server,
        listeners: listeners.into_iter().collect::<Option<_>>()?,
        apps,
        limits: limits.ok()?,
        message: raw.message,
        ses,
        delivery: raw.delivery,
        policy,
        log: log.ok()?,
        audit: audit.ok()?,
        traces: traces.ok()?,
        admin: admin.ok()?,
    })
}

fn check_ses(raw: RawSes, surroundings: &Surroundings<'_>, notes: &mut Notes) -> Result<Ses, Noted> {
    refuse_unverified_bounces(&raw, notes);
    let (transport, region) = (raw.endpoint.transport.clone(), raw.endpoint.region.clone());
    let endpoint = raw.endpoint.check(surroundings, notes);
    let mut endpoints = vec![endpoint];
    for (index, standby) in raw.standbys.into_iter().enumerate() {
        let place = standby.place.clone();
        let standby = standby.check_standby((transport.as_ref(), region.as_ref()), surroundings, notes);
        let key = format!("ses.standby[{index}]");
        let item = standby.as_ref().map(Endpoint::name).unwrap_or_default();
        let is_same =
            |endpoint: &Result<Endpoint, Noted>| endpoint.as_ref().is_ok_and(|it| it.name() == item);
        if let Some(first) = endpoints.iter().position(is_same) {
            let first =
                first.checked_sub(1).map_or("ses".to_owned(), |index| format!("ses.standby[{index}]"));
            notes.add(&place, &key, ConfigError::Duplicate { item: shown(&item), first });
        }
        endpoints.push(standby);
    }
    let mut endpoints = endpoints.into_iter();
    let preferred = endpoints.next().ok_or(Noted)??;
    let Endpoint { transport, region, host, server_name, port, tls, roots, login, fallback, max_send_rate } =
        preferred;
    Ok(Ses {
        transport,
        region,
        account_id: raw.account_id.ok_or(Noted)?.value,
        identities: values(raw.identities.ok_or(Noted)?),
        host,
        server_name,
        port,
        tls,
        roots,
        login,
        fallback,
        secrets_interval: raw.secrets_interval,
        standbys: endpoints.collect::<Result<_, _>>()?,
        configuration_set: raw.configuration_set.map(|name| name.value),
        pass_headers: values(raw.pass_headers.ok_or(Noted)?),
        bounce_address: raw.bounce_address.map(|address| address.value),
        ehlo_name: raw.ehlo_name,
        max_send_rate,
        pool: raw.pool,
        timeouts: raw.timeouts,
    })
}

/// A mail may have to go by any of the endpoints.
fn check_limits(raw: RawLimits, ses: &Ses, notes: &mut Notes) -> Result<Limits, Noted> {
    let RawLimits { limits, message_octets_max } = raw;
    let mut transports = std::iter::once(ses.transport).chain(ses.standbys.iter().map(|it| it.transport));
    if transports.all(|transport| transport == Transport::Smtp) {
        return Ok(limits);
    }
    let octets_max = API_MESSAGE_OCTETS_MAX;
    match message_octets_max {
        Some(said) if said.value > octets_max => {
            Err(note(&said, ConfigError::TooLongForApi { octets_max }, notes))
        }
        Some(_) => Ok(limits),
        None => Ok(Limits { message_octets_max: octets_max, ..limits }),
    }
}

fn refuse_unverified_bounces(raw: &RawSes, notes: &mut Notes) {
    let (Some(address), Some(identities)) = (&raw.bounce_address, &raw.identities) else { return };
    if !identities.iter().any(|identity| identity.value.covers(&address.value)) {
        notes.blame(address, ConfigError::Unverified { address: address.value.to_string() });
    }
}

pub(super) fn fetch(
    placed: &Placed<Option<SecretSource>>,
    surroundings: &Surroundings<'_>,
    notes: &mut Notes,
) -> Result<Secret, Noted> {
    let source = placed.value.as_ref().ok_or(Noted)?;
    let secret = source.fetch(surroundings.files, surroundings.environment);
    secret.map_err(|error| note(placed, error, notes))
}

pub(super) fn check_roots(
    ca_file: Option<&Placed<String>>,
    surroundings: &Surroundings<'_>,
    notes: &mut Notes,
) -> Result<Roots, Noted> {
    let ca_file = ca_file.filter(|_| surroundings.purpose == Purpose::Sending);
    let Some(ca_file) = ca_file else { return Ok(Roots::System) };
    let path = surroundings.files.path(&ca_file.value);
    let pem = surroundings.files.octets(&path).map_err(|error| note(ca_file, error, notes))?;
    load::authorities(&path, &pem).map_err(|error| note(ca_file, error, notes))?;
    Ok(Roots::Pem(pem))
}

fn check_policy(raw: RawPolicy, surroundings: Surroundings<'_>, notes: &mut Notes) -> Result<Policy, Noted> {
    let files = match surroundings.policies {
        Some(policies) => policies,
        None => policy_files(raw.files, surroundings.files, notes)?,
    };
    Ok(Policy {
        files,
        candidate: check_candidate(raw.candidate, surroundings.files),
        enforcement: raw.enforcement,
        recipients: raw.recipients,
        source_vpc: raw.source_vpc.map(|id| id.value),
        source_vpce: raw.source_vpce.map(|id| id.value),
    })
}

/// Its problems are noted aside: what is in force does not depend on it.
fn check_candidate(patterns: Option<Vec<Placed<String>>>, around: &Files<'_>) -> Option<Candidate> {
    let patterns = patterns.filter(|patterns| !patterns.is_empty())?;
    let mut aside = Notes::default();
    let files = policy_files(Some(patterns), around, &mut aside).unwrap_or_default();
    Some(Candidate { files, unread: aside.problems.iter().map(ToString::to_string).collect() })
}

pub(super) fn policy_files(
    patterns: Option<Vec<Placed<String>>>,
    around: &Files<'_>,
    notes: &mut Notes,
) -> Result<Vec<PolicyFile>, Noted> {
    let mut files = Vec::new();
    // Two patterns may match the same file.
    let mut seen = BTreeSet::new();
    for pattern in patterns.ok_or(Noted)? {
        match around.policies(&pattern.value) {
            Err(error) => files.push(Err(note(&pattern, error, notes))),
            Ok(paths) => {
                for path in paths.into_iter().filter(|path| seen.insert(path.clone())) {
                    let text = around.text(&path).map_err(|error| note(&pattern, error, notes));
                    let file = text.map(|text| PolicyFile { path, text });
                    notes.policies.extend(file.as_ref().ok().cloned());
                    files.push(file);
                }
            }
        }
    }
    files.into_iter().collect()
}

pub(super) fn note<T>(placed: &Placed<T>, error: impl Into<ConfigError>, notes: &mut Notes) -> Noted {
    notes.blame(placed, error);
    Noted
}

pub(super) fn values<T>(items: Vec<Placed<T>>) -> Vec<T> {
    items.into_iter().map(|item| item.value).collect()
}

impl Policy {
    /// Those that apps name too. Many of them are among all policies already.
    fn with(mut self, own: Vec<PolicyFile>) -> Self {
        for file in own {
            if !self.files.iter().any(|known| known.path == file.path) {
                self.files.push(file);
            }
        }
        self
    }
}
