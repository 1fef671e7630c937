//! What the file and the environment say, section by section: every key with its form, bounds and default.
//!
//! Each value is right by itself. Whether they go together, and what they name, is for [`check`](super::check).

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::admin::RawAdmin;
use super::app::{self, RawApp};
use super::audit::RawAudit;
use super::document::{Document, Place};
use super::endpoint::RawEndpoint;
use super::environment::{self, Environment};
use super::error::{ConfigError, Misfit, Problem};
use super::form::{Lasting, Number, OneOf, Said};
use super::listener::RawListener;
use super::log::RawLog;
use super::secret::SecretSource;
use super::section::{Notes, Placed, Presence, Section, Source, refuse_repetitions, unexpected};
use super::settings::{Delivery, Limits, Message, Pool, Server, Timeouts};
use super::shape;
use super::tables;
use super::traces::RawTraces;
use crate::gate::{Enforcement, IdentityName, RecipientsScope};
use crate::mail::Address;
use crate::smtp::BareLf;

const BARE_LF: OneOf<BareLf> = OneOf(&[("normalize", BareLf::Normalize), ("reject", BareLf::Reject)]);
const RECIPIENTS: OneOf<RecipientsScope> = OneOf(&[
    ("envelope-and-header", RecipientsScope::EnvelopeAndHeader),
    ("envelope", RecipientsScope::Envelope),
]);
const MODE: OneOf<Enforcement> =
    OneOf(&[("enforce", Enforcement::Enforced), ("shadow", Enforcement::Shadow)]);
const STANDBYS: &str = "a list of tables, each under `[[ses.standby]]`";

/// SES takes 40 MB, message and attachments as they travel.
const SES_MESSAGE_OCTETS_MAX: usize = 41_943_040;

/// Everything that was said. What depends on other settings or on files is not settled yet.
#[derive(Debug)]
pub struct Raw {
    pub server: Server,
    pub listeners: Vec<RawListener>,
    pub apps: Vec<RawApp>,
    pub limits: RawLimits,
    pub message: Message,
    pub ses: RawSes,
    pub delivery: Delivery,
    pub policy: RawPolicy,
    pub log: RawLog,
    pub audit: RawAudit,
    pub traces: RawTraces,
    pub admin: RawAdmin,
}

#[derive(Debug)]
pub struct RawLimits {
    pub limits: Limits,
    /// As it was said. What it is otherwise depends on how mail goes to SES.
    pub message_octets_max: Option<Placed<usize>>,
}

#[derive(Debug)]
pub struct RawSes {
    pub endpoint: RawEndpoint,
    pub standbys: Vec<RawEndpoint>,
    pub account_id: Option<Placed<String>>,
    pub identities: Option<Vec<Placed<IdentityName>>>,
    pub secrets_interval: Duration,
    pub configuration_set: Option<Placed<String>>,
    pub pass_headers: Option<Vec<Placed<String>>>,
    pub bounce_address: Option<Placed<Address>>,
    pub ehlo_name: String,
    pub pool: Pool,
    pub timeouts: Timeouts,
}

#[derive(Debug)]
pub struct RawPolicy {
    pub files: Option<Vec<Placed<String>>>,
    pub candidate: Option<Vec<Placed<String>>>,
    pub enforcement: Enforcement,
    pub recipients: RecipientsScope,
    pub source_vpc: Option<Placed<String>>,
    pub source_vpce: Option<Placed<String>>,
}

impl Raw {
    /// The variables that the file itself names.
    pub fn named_variables(&self) -> Vec<String> {
        let endpoints = std::iter::once(&self.ses.endpoint).chain(&self.ses.standbys);
        let logins = endpoints.flat_map(RawEndpoint::secret_sources);
        let token = self.admin.token.iter().filter_map(|token| token.value.as_ref());
        let sources = logins.chain(token).chain(self.log.secret_source());
        let sources = sources.chain(self.apps.iter().flat_map(RawApp::secret_sources));
        sources.filter_map(SecretSource::variable).map(str::to_owned).collect()
    }
}

/// The document as a tree, the environment, and the notes taken while reading them.
#[derive(Debug)]
pub struct Reader<'a> {
    pub document: &'a Document,
    pub tree: &'a DeTable<'a>,
    pub environment: &'a Environment,
    pub notes: &'a mut Notes,
}

impl<'a> Reader<'a> {
    /// Reads every section; what is wrong is in the notes.
    pub fn read(&mut self) -> Raw {
        Raw {
            server: server(&mut self.section("server")),
            listeners: self.listeners(),
            apps: app::read(self),
            limits: limits(&mut self.section("limits")),
            message: Message { bare_lf: self.section("message").or("bare_lf", &BARE_LF, BareLf::Normalize) },
            ses: self.ses(),
            delivery: delivery(&mut self.section("delivery")),
            policy: policy(&mut self.section("policy")),
            log: RawLog::read(&mut self.section("log")),
            audit: RawAudit::read(&mut self.section("audit")),
            traces: RawTraces::read(&mut self.section("traces")),
            admin: RawAdmin::read(&mut self.section("admin")),
        }
    }

    fn section(&mut self, name: &'static str) -> Section<'_> {
        let said = self.tree.get(name);
        if let Some(value) = said.filter(|value| !value.get_ref().is_table()) {
            let expected = format!("a table `[{name}]`");
            let error = unexpected(expected, Said::Value(value.get_ref()), Misfit::Shape, None);
            self.notes.add(&self.document.place(value.span()), name, error);
        }
        let table = said.filter(|value| value.get_ref().is_table());
        let source = Source { document: self.document, table, environment: Some(self.environment) };
        Section::new(name, name.to_owned(), source, self.notes)
    }

    /// The tables under `[[name]]`.
    pub fn tables(&mut self, name: &'static str) -> Vec<&'a Spanned<DeValue<'a>>> {
        let expects = format!("tables, each under `[[{name}]]`");
        tables::tables(self.tree.get(name), name, &expects, self.document, self.notes)
    }

    /// `[ses]`, and every `[[ses.standby]]` in it.
    fn ses(&mut self) -> RawSes {
        let standbys = self.tree.get("ses").and_then(|ses| ses.get_ref().get("standby"));
        let standbys = tables::tables(standbys, "ses.standby", STANDBYS, self.document, self.notes);
        let document = self.document;
        let standby = |path: String, table, notes: &mut Notes| {
            let mut section = Section::in_file_only("ses.standby", path, document, table, notes);
            let region = section.derived("region", &shape::REGION, "that of `[ses]`");
            RawEndpoint::read(&mut section, region)
        };
        // There may be none to ask for its keys, and they are to be known all the same.
        let mut keys_only = Notes::default();
        standby(String::new(), None, &mut keys_only);
        let read = |(index, table)| standby(format!("ses.standby[{index}]"), Some(table), self.notes);
        let standbys = standbys.into_iter().enumerate().map(read).collect();
        let ses = ses(&mut self.section("ses"), standbys);
        keys_only.keys.into_iter().for_each(|key| self.notes.know(key));
        ses
    }

    /// Every `[[listener]]`, or the one that there is without any.
    fn listeners(&mut self) -> Vec<RawListener> {
        let tables = self.tables("listener");
        let environment = self.environment_of_listeners(tables.len());
        let mut sources = tables.into_iter().map(Some).collect::<Vec<_>>();
        if sources.is_empty() {
            sources.push(None);
        }
        let mut listeners = Vec::new();
        for (index, table) in sources.into_iter().enumerate() {
            let source = Source { document: self.document, table, environment };
            let mut section = Section::new("listener", format!("listener[{index}]"), source, self.notes);
            listeners.push(RawListener::read(&mut section));
        }
        let names = listeners.iter().map(|listener| listener.name.clone()).collect::<Vec<_>>();
        let addresses = listeners.iter().map(|listener| listener.address.clone()).collect::<Vec<_>>();
        refuse_repetitions(&names, self.notes);
        refuse_repetitions(&addresses, self.notes);
        listeners
    }

    /// A variable can mean one listener only.
    fn environment_of_listeners(&mut self, count: usize) -> Option<&'a Environment> {
        if count <= 1 {
            return Some(self.environment);
        }
        for key in RawListener::KEYS {
            let variable = environment::variable_name("listener", key);
            if self.environment.value(&variable).is_some() {
                let error = ConfigError::SeveralListeners { count };
                self.notes.problems.push(Problem { place: Place::Variable(variable), key: None, error });
            }
        }
        None
    }
}

fn server(section: &mut Section<'_>) -> Server {
    Server {
        hostname: section.or("hostname", &shape::HOST_NAME, "sesgate".to_owned()).into(),
        drain: section.or("drain", &Lasting(seconds(1)..=minutes(60)), seconds(25)),
    }
}

fn limits(section: &mut Section<'_>) -> RawLimits {
    let message_octets_max;
    let limits = Limits {
        connections_max: section.or("connections_max", &Number(1..=100_000), 1_000),
        connections_per_address_max: section.or("connections_per_address_max", &Number(1..=100_000), 100),
        // RFC 5321 section 4.5.3.1.8: at least 100 recipients.
        recipients_max: section.or("recipients_max", &Number(100..=10_000), 1_000),
        // RFC 5321 section 4.5.3.1.4: at least 512 octets.
        command_octets_max: section.or("command_octets_max", &Number(512..=65_536), 2_048),
        // RFC 5321 section 4.5.3.1.7: at least 64 K octets; SES takes 40 MB at most.
        message_octets_max: {
            message_octets_max = section.derived(
                "message_octets_max",
                &Number(65_536..=SES_MESSAGE_OCTETS_MAX),
                "`41943040`; with the transport `api` `31457280`",
            );
            message_octets_max.as_ref().map_or(SES_MESSAGE_OCTETS_MAX, |said| said.value)
        },
        // More than one mail at its largest: or that one could never come.
        messages_octets_max: section.or(
            "messages_octets_max",
            &Number(67_108_864..=68_719_476_736),
            268_435_456,
        ),
        header_octets_max: section.or("header_octets_max", &Number(4_096..=1_048_576), 262_144),
        header_fields_max: section.or("header_fields_max", &Number(20..=10_000), 1_000),
        errors_max: section.or("errors_max", &Number(1..=1_000), 20),
        commands_max: section.or("commands_max", &Number(100..=1_000_000), 10_000),
        logins_failed_max: section.or("logins_failed_max", &Number(1..=100), 3),
        login_failures_max: section.or("login_failures_max", &Number(1..=1_000), 10),
        login_lockout: section.or("login_lockout", &Lasting(seconds(1)..=minutes(24 * 60)), minutes(10)),
        login_failure_delay: section.or(
            "login_failure_delay",
            &Lasting(seconds(0)..=seconds(10)),
            seconds(1),
        ),
        login_checks_max: section.or("login_checks_max", &Number(1..=64), 2),
        login_memory: section.or("login_memory", &Lasting(seconds(0)..=minutes(60)), minutes(5)),
        idle_timeout: section.or("idle_timeout", &Lasting(seconds(1)..=minutes(60)), minutes(5)),
        proxy_timeout: section.or("proxy_timeout", &Lasting(milliseconds(100)..=minutes(1)), seconds(5)),
        tls_timeout: section.or("tls_timeout", &Lasting(milliseconds(100)..=minutes(1)), seconds(10)),
        memory_timeout: section.or("memory_timeout", &Lasting(seconds(0)..=minutes(1)), seconds(5)),
        message_rate_min: section.or("message_rate_min", &Number(1..=1_000_000), 1_000),
        message_timeout: section.or("message_timeout", &Lasting(seconds(1)..=minutes(60)), minutes(10)),
        session_timeout: section.or("session_timeout", &Lasting(minutes(1)..=minutes(24 * 60)), minutes(60)),
    };
    RawLimits { limits, message_octets_max }
}

fn ses(section: &mut Section<'_>, standbys: Vec<RawEndpoint>) -> RawSes {
    let region = section.required("region", &shape::REGION);
    let account_id = section.required("account_id", &shape::ACCOUNT_ID);
    let identities = section.list("identities", &shape::IDENTITY, &Presence::Required);
    let endpoint = RawEndpoint::read(section, region);
    section.mention_tables("standby", STANDBYS);
    RawSes {
        endpoint,
        standbys,
        account_id,
        identities,
        secrets_interval: section.or("secrets_interval", &Lasting(seconds(1)..=minutes(60)), minutes(1)),
        configuration_set: section.optional("configuration_set", &shape::CONFIGURATION_SET),
        pass_headers: section.list("pass_headers", &shape::SES_HEADER, &Presence::Optional),
        bounce_address: section.optional("bounce_address", &shape::ADDRESS),
        ehlo_name: section.or("ehlo_name", &shape::HOST_NAME, "sesgate".to_owned()),
        pool: pool(section),
        timeouts: timeouts(section),
    }
}

fn pool(section: &mut Section<'_>) -> Pool {
    Pool {
        connections_max: section.or("connections_max", &Number(1..=1_000), 10),
        connections_min: section.or("connections_min", &Number(0..=100), 1),
        connection_mails_max: section.or("connection_mails_max", &Number(1..=10_000), 100),
        connection_age_max: section.or("connection_age_max", &Lasting(seconds(1)..=minutes(60)), minutes(5)),
        // SES closes a connection that was idle for 10 s.
        connection_idle_max: section.or("connection_idle_max", &Lasting(seconds(1)..=seconds(9)), seconds(8)),
    }
}

fn timeouts(section: &mut Section<'_>) -> Timeouts {
    Timeouts {
        connect_timeout: section.or("connect_timeout", &Lasting(milliseconds(100)..=minutes(1)), seconds(5)),
        tls_timeout: section.or("tls_timeout", &Lasting(milliseconds(100)..=minutes(1)), seconds(10)),
        command_timeout: section.or("command_timeout", &Lasting(seconds(1)..=minutes(10)), seconds(30)),
        write_timeout: section.or("write_timeout", &Lasting(seconds(1)..=minutes(10)), seconds(60)),
        // RFC 5321 section 4.5.3.2.6: 10 minutes.
        verdict_timeout: section.or("verdict_timeout", &Lasting(seconds(1)..=minutes(30)), minutes(10)),
    }
}

fn delivery(section: &mut Section<'_>) -> Delivery {
    Delivery {
        hold: section.or("hold", &Lasting(seconds(0)..=minutes(5)), seconds(20)),
        in_doubt_wait: section.or("in_doubt_wait", &Lasting(seconds(0)..=minutes(60)), minutes(5)),
        in_doubt_mails_max: section.or("in_doubt_mails_max", &Number(1..=1_000_000), 10_000),
    }
}

fn policy(section: &mut Section<'_>) -> RawPolicy {
    RawPolicy {
        files: section.list("files", &shape::PATTERN, &Presence::Default("policy/*.json".to_owned())),
        candidate: section.list("candidate", &shape::PATTERN, &Presence::Optional),
        enforcement: section.or("mode", &MODE, Enforcement::Enforced),
        recipients: section.or("recipients", &RECIPIENTS, RecipientsScope::EnvelopeAndHeader),
        source_vpc: section.optional("source_vpc", &shape::VPC),
        source_vpce: section.optional("source_vpce", &shape::VPC_ENDPOINT),
    }
}

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}
