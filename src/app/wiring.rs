//! From the words of the configuration to the settings of each part. Nothing is decided here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::admission::{self, Admission};
use crate::app::StartError;
#[cfg(feature = "otlp")]
use crate::config::Traces;
use crate::config::{App, CertificateFiles, ClientAuthoritiesFile, Config, Endpoint, Listener, ListenerTls};
use crate::credentials::Keyring;
use crate::gate::{self, Gate};
use crate::inspect;
use crate::policy::{Document, Family, Key, Reach, Surroundings};
use crate::relay::{
    Allowance, Budgets, Counts, DecisionIds, Disagreements, DoubtSettings, Doubts, Relay, Rules,
};
use crate::server::{self, Certificates, ClientAuthorities, Entrance, Handshake, Terms, Tls};
use crate::smtp::{self, StartTls};
use crate::telemetry::AuditSink;
#[cfg(feature = "otlp")]
use crate::traces::TraceSettings;
use crate::upstream::{self, SetupError, Upstream};

/// The relay works with such certificates, but clients that verify them will not come.
pub(super) fn warn_of_certificates(config: &Config) {
    let now = SystemTime::now();
    for files in config.listeners.iter().flat_map(|listener| &listener.certificates) {
        if let Err(reason) = files.loaded.check_validity(now) {
            let file = files.certificate.display();
            tracing::warn!(%file, %reason, "clients will not believe a certificate");
        }
    }
}

/// The field by which a mail may bring a configuration set of its own, if it may pass.
const CONFIGURATION_SET: &str = "X-SES-CONFIGURATION-SET";

/// What stays, whatever is reloaded.
pub(super) fn relay(config: &Config, upstream: Upstream, audit: Arc<dyn AuditSink>) -> Relay {
    Relay {
        upstream,
        audit,
        addresses: config.log.addresses.clone(),
        decision_ids: DecisionIds::default(),
        doubts: Doubts::new(doubt_settings(config)),
        budgets: Budgets::new(allowances(config), Instant::now()),
        counts: Counts::default(),
        disagreements: Disagreements::default(),
    }
}

pub(super) fn doubt_settings(config: &Config) -> DoubtSettings {
    DoubtSettings { wait: config.delivery.in_doubt_wait, mails_max: config.delivery.in_doubt_mails_max }
}

/// What is replaced as a whole by a reload. What was remembered under the terms before is remembered under these.
pub(super) fn terms(
    config: &Config,
    documents: Vec<Arc<Document>>,
    candidate: Option<Gate>,
    before: Option<&Terms>,
) -> Result<Terms, StartError> {
    let admission = match before {
        Some(before) => before.admission().renewed(admission_settings(config)),
        None => Admission::new(admission_settings(config)),
    };
    let rules = Rules {
        hostname: Arc::clone(&config.server.hostname),
        header_limits: header_limits(config),
        gate: Gate::new(gate_settings(config), documents)?,
        candidate,
    };
    let entrances = config.listeners.iter().map(entrance).collect();
    Ok(Terms::new(server_settings(config), admission, rules, entrances, &session_settings(config))?)
}

fn server_settings(config: &Config) -> server::Settings {
    let limits = &config.limits;
    server::Settings {
        connections_max: limits.connections_max,
        connections_per_address_max: limits.connections_per_address_max,
        messages_octets_max: limits.messages_octets_max,
        message_rate_min: limits.message_rate_min,
        timeouts: server::Timeouts {
            proxy: limits.proxy_timeout,
            tls: limits.tls_timeout,
            idle: limits.idle_timeout,
            message: limits.message_timeout,
            memory: limits.memory_timeout,
            session: limits.session_timeout,
        },
        drain: config.server.drain,
        allowances: config.apps.iter().map(|app| (app.name.as_str().into(), app.allowance)).collect(),
    }
}

fn entrance(listener: &Listener) -> Entrance {
    let loaded = |files: &CertificateFiles| files.loaded.clone();
    let certified = |file: &ClientAuthoritiesFile| ClientAuthorities::new(file.showing, file.loaded.clone());
    let handshake = Handshake {
        certificates: Arc::new(Certificates::new(listener.certificates.iter().map(loaded).collect())),
        clients: listener.client_authorities.as_ref().map(certified).map(Arc::new),
    };
    Entrance {
        name: listener.name.as_str().into(),
        tls: match listener.tls {
            ListenerTls::None => Tls::Never,
            ListenerTls::StartTls => Tls::OnRequest(handshake),
            ListenerTls::RequiredStartTls => Tls::BeforeMail(handshake),
            ListenerTls::Implicit => Tls::AtOnce(handshake),
        },
        proxy: listener.proxy.clone(),
    }
}

pub(super) fn header_limits(config: &Config) -> inspect::Limits {
    inspect::Limits { fields_max: config.limits.header_fields_max, ..inspect::Limits::default() }
}

pub(super) fn session_settings(config: &Config) -> smtp::Settings {
    let limits = &config.limits;
    smtp::Settings {
        hostname: Arc::clone(&config.server.hostname),
        line_octets_max: limits.command_octets_max,
        message_octets_max: limits.message_octets_max,
        header_octets_max: limits.header_octets_max,
        recipients_max: limits.recipients_max,
        errors_max: limits.errors_max,
        commands_max: limits.commands_max,
        logins_failed_max: limits.logins_failed_max,
        bare_lf: config.message.bare_lf,
        // The listener's entrance says more.
        start_tls: StartTls::NotOffered,
    }
}

fn admission_settings(config: &Config) -> admission::Settings {
    let limits = &config.limits;
    admission::Settings {
        apps: config.apps.iter().map(evidence).collect(),
        listeners: config.listeners.iter().map(listener_rules).collect(),
        limits: admission::Limits {
            failures_max: limits.login_failures_max,
            lockout: limits.login_lockout,
            failure_delay: limits.login_failure_delay,
            checks_max: limits.login_checks_max,
            proof_memory: limits.login_memory,
        },
    }
}

pub(super) fn upstream_settings(config: &Config) -> upstream::Settings {
    let ses = &config.ses;
    upstream::Settings {
        transport: ses.transport,
        region: ses.region.clone(),
        host: ses.host.clone(),
        port: ses.port,
        server_name: ses.server_name.clone(),
        security: ses.tls,
        roots: ses.roots.clone(),
        ehlo_name: ses.ehlo_name.clone(),
        recipients_per_second_max: ses.max_send_rate,
        connections_max: ses.pool.connections_max,
        connections_min: ses.pool.connections_min,
        connection_mails_max: ses.pool.connection_mails_max,
        connection_age_max: ses.pool.connection_age_max,
        connection_idle_max: ses.pool.connection_idle_max,
        connect_timeout: ses.timeouts.connect_timeout,
        tls_timeout: ses.timeouts.tls_timeout,
        command_timeout: ses.timeouts.command_timeout,
        write_timeout: ses.timeouts.write_timeout,
        verdict_timeout: ses.timeouts.verdict_timeout,
        hold: config.delivery.hold,
    }
}

/// The way to SES, and those that stand by. Nothing is opened yet.
pub(super) fn upstream(config: &Config, keyrings: &[Option<Arc<Keyring>>]) -> Result<Upstream, SetupError> {
    let mut keyrings = keyrings.iter().cloned();
    let mut keyring = || keyrings.next().flatten();
    let upstream = Upstream::over_tcp(upstream_settings(config), keyring())?;
    config.ses.standbys.iter().try_fold(upstream, |upstream, standby| {
        upstream.with_standby(standby_settings(config, standby), keyring())
    })
}

/// What is not of one endpoint is the same for all.
fn standby_settings(config: &Config, standby: &Endpoint) -> upstream::Settings {
    upstream::Settings {
        transport: standby.transport,
        region: standby.region.clone(),
        host: standby.host.clone(),
        port: standby.port,
        server_name: standby.server_name.clone(),
        security: standby.tls,
        roots: standby.roots.clone(),
        recipients_per_second_max: standby.max_send_rate,
        ..upstream_settings(config)
    }
}

/// What the gate has to know.
pub fn gate_settings(config: &Config) -> gate::Settings {
    let ses = &config.ses;
    let mut other_regions: Vec<String> = Vec::new();
    for Endpoint { region, .. } in &ses.standbys {
        if *region != ses.region && !other_regions.contains(region) {
            other_regions.push(region.clone());
        }
    }
    gate::Settings {
        region: ses.region.clone(),
        other_regions,
        account_id: ses.account_id.clone(),
        identities: ses.identities.clone(),
        configuration_set: ses.configuration_set.clone(),
        pass_headers: ses.pass_headers.clone(),
        bounce_address: ses.bounce_address.clone(),
        recipients: config.policy.recipients,
        source_vpc: config.policy.source_vpc.clone(),
        source_vpce: config.policy.source_vpce.clone(),
        enforcement: config.policy.enforcement,
        apps: config.apps.iter().map(app_settings).collect(),
    }
}

fn evidence(app: &App) -> admission::App {
    admission::App {
        name: app.name.as_str().into(),
        networks: app.networks.clone(),
        logins: app.logins.clone(),
        certificates: app.certificates.clone(),
        requires: app.requires.clone(),
    }
}

/// Of the apps that have one.
pub(super) fn allowances(config: &Config) -> Vec<Allowance> {
    let allowance = |app: &App| {
        let recipients_per_day = app.recipients_per_day?;
        Some(Allowance { app: app.name.as_str().into(), recipients_per_day })
    };
    config.apps.iter().filter_map(allowance).collect()
}

#[cfg(feature = "otlp")]
pub(super) fn traces(config: &Config) -> Option<TraceSettings> {
    let Traces { endpoint, ratio } = config.traces.clone()?;
    Some(TraceSettings { endpoint, ratio })
}

fn listener_rules(listener: &Listener) -> admission::ListenerRules {
    admission::ListenerRules {
        listener: listener.name.as_str().into(),
        clear_text: listener.clear_text,
        strangers: listener.strangers,
        asks_for_certificates: listener.client_authorities.is_some(),
    }
}

fn app_settings(app: &App) -> gate::AppSettings {
    gate::AppSettings {
        name: app.name.clone(),
        tags: app.tags.clone(),
        documents: app.policies.iter().map(|path| path.display().to_string()).collect(),
        configuration_set: app.configuration_set.clone(),
    }
}

/// What policies are judged against when they are read.
pub(super) fn surroundings(config: &Config, app: &App, now: SystemTime) -> Surroundings {
    let gate = gate_settings(config);
    let configuration_set = app.configuration_set.clone().or(gate.configuration_set.clone());
    let unconfigured = [
        (Key::SourceVpc, gate.source_vpc.is_none()),
        (Key::SourceVpce, gate.source_vpce.is_none()),
        (Key::ConfigurationSet, configuration_set.is_none() && !gate.may_pass(CONFIGURATION_SET)),
    ];
    Surroundings {
        partition: gate.partition().to_owned(),
        region: gate.region,
        account_id: gate.account_id,
        identities: gate.identities.iter().map(ToString::to_string).collect(),
        configuration_sets: configuration_set.into_iter().collect(),
        unconfigured: unconfigured
            .into_iter()
            .filter_map(|(key, is_absent)| is_absent.then_some(key))
            .collect(),
        families: config
            .listeners
            .iter()
            .flat_map(|listener| families(listener.address.ip()))
            .copied()
            .collect(),
        reach: reach(&config.listeners),
        now,
    }
}

/// A load balancer on this machine speaks for others.
fn reach(listeners: &[Listener]) -> Reach {
    let is_near =
        |listener: &Listener| listener.address.ip().is_loopback() && listener.proxy == server::Proxy::None;
    if listeners.iter().all(is_near) { Reach::ThisMachine } else { Reach::Anywhere }
}

/// `[::]` takes IPv4 connections too.
fn families(address: IpAddr) -> &'static [Family] {
    match address {
        IpAddr::V4(_) => &[Family::V4],
        IpAddr::V6(address) if address.is_unspecified() => &[Family::V4, Family::V6],
        IpAddr::V6(_) => &[Family::V6],
    }
}
