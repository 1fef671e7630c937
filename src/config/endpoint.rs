//! Where SES is and how to log in there: in `[ses]` for the endpoint that is preferred, and in each
//! `[[ses.standby]]` for one that takes its place while it cannot be used.

use std::net::IpAddr;

use super::check::{Noted, Purpose, Surroundings, check_roots, note};
use super::document::Place;
use super::error::ConfigError;
use super::form::{Number, OneOf};
use super::login::{self, RawLogin};
use super::secret::SecretSource;
use super::section::{Notes, Placed, Section};
use super::settings::Endpoint;
use super::shape;
use crate::gate;
use crate::upstream::{Security, Transport};

const TRANSPORT: OneOf<Transport> = OneOf(&[("smtp", Transport::Smtp), ("api", Transport::Api)]);
const TLS: OneOf<Security> =
    OneOf(&[("implicit", Security::ImplicitTls), ("starttls", Security::StartTls), ("none", Security::None)]);

/// What was said of one endpoint.
#[derive(Debug)]
pub struct RawEndpoint {
    /// Where to point when it is of no use as a whole.
    pub place: Place,
    pub transport: Option<Placed<Transport>>,
    pub region: Option<Placed<String>>,
    host: Option<Placed<String>>,
    server_name: Option<Placed<String>>,
    port: Option<Placed<u16>>,
    tls: Option<Placed<Security>>,
    ca_file: Option<Placed<String>>,
    login: RawLogin,
    fallback: RawLogin,
    max_send_rate: Option<Placed<u32>>,
}

impl RawEndpoint {
    /// The region is read by who knows whether it may be left out.
    pub fn read(section: &mut Section<'_>, region: Option<Placed<String>>) -> Self {
        Self {
            place: section.place(),
            transport: section.derived("transport", &TRANSPORT, "`smtp`; in a standby, that of `[ses]`"),
            region,
            host: section.derived(
                "host",
                &shape::HOST,
                "`email-smtp.<region>.amazonaws.com`; of the API, `email.<region>.amazonaws.com`",
            ),
            server_name: section.derived("server_name", &shape::HOST, "what `host` is"),
            port: section.derived(
                "port",
                &Number(1..=65_535),
                "`465`; with starttls `587`, with none `25`; of the API `443`, with none `80`",
            ),
            tls: section.derived("tls", &TLS, "`implicit`"),
            ca_file: section.derived("ca_file", &shape::PATH, "the system's certificates"),
            login: RawLogin::read(section, &login::PREFERRED),
            fallback: RawLogin::read(section, &login::FALLBACK),
            max_send_rate: section.optional("max_send_rate", &Number(1..=100_000)),
        }
    }

    pub fn secret_sources(&self) -> impl Iterator<Item = &SecretSource> {
        self.login.secret_sources().chain(self.fallback.secret_sources())
    }

    pub fn check(self, surroundings: &Surroundings<'_>, notes: &mut Notes) -> Result<Endpoint, Noted> {
        let transport = self.transport.as_ref().map_or(Transport::Smtp, |transport| transport.value);
        let security = self.tls.as_ref().map_or(Security::ImplicitTls, |tls| tls.value);
        self.refuse_clear_text(notes);
        let region = self.region.as_ref().map(|region| region.value.as_str());
        let (login, fallback) = match (transport, security) {
            (Transport::Api, _) => {
                self.refuse_what_is_of_smtp(surroundings, notes)?;
                (Ok(None), Ok(None))
            }
            (Transport::Smtp, Security::ImplicitTls | Security::StartTls) => (
                self.login.check_required(region, surroundings, notes),
                self.fallback.check(region, surroundings, notes),
            ),
            (Transport::Smtp, Security::None) => (
                self.login.check(region, surroundings, notes),
                self.fallback.check(region, surroundings, notes),
            ),
        };
        let roots = check_roots(self.ca_file.as_ref(), surroundings, notes);
        let region = self.region.ok_or(Noted)?.value;
        let host = self.host.map_or_else(|| ses_host(transport, &region), |host| host.value);
        let port = match (transport, security) {
            (Transport::Smtp, Security::ImplicitTls) => 465,
            (Transport::Smtp, Security::StartTls) => 587,
            (Transport::Smtp, Security::None) => 25,
            (Transport::Api, Security::ImplicitTls | Security::StartTls) => 443,
            (Transport::Api, Security::None) => 80,
        };
        Ok(Endpoint {
            transport,
            server_name: self.server_name.map_or_else(|| host.clone(), |name| name.value),
            region,
            host,
            port: self.port.map_or(port, |port| port.value),
            tls: security,
            roots: roots?,
            login: login?,
            fallback: fallback?,
            max_send_rate: self.max_send_rate.map(|rate| rate.value),
        })
    }

    /// The same for one that stands by for another. An account is of one partition, and so are its identities.
    pub fn check_standby(
        mut self,
        (transport, region): (Option<&Placed<Transport>>, Option<&Placed<String>>),
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<Endpoint, Noted> {
        if let (Some(own), Some(preferred)) = (&self.region, region)
            && gate::partition(&own.value) != gate::partition(&preferred.value)
        {
            return Err(note(own, ConfigError::OtherPartition { region: preferred.value.clone() }, notes));
        }
        self.region = self.region.or_else(|| region.cloned());
        self.transport = self.transport.or_else(|| transport.cloned());
        self.check(surroundings, notes)
    }

    fn refuse_clear_text(&self, notes: &mut Notes) {
        let Some(tls) = self.tls.as_ref().filter(|tls| tls.value == Security::None) else { return };
        let transport = self.transport.as_ref().map_or(Transport::Smtp, |transport| transport.value);
        let region = self.region.as_ref().map_or("<region>", |region| &region.value);
        let host = self.host.as_ref().map_or_else(|| ses_host(transport, region), |host| host.value.clone());
        let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        // What the name leads to is looked at when the relay connects, which the SDK does by itself.
        let is_looked_at = transport == Transport::Smtp && host == "localhost";
        if !is_loopback && !is_looked_at {
            notes.blame(tls, ConfigError::InClear { host });
        }
    }

    fn refuse_what_is_of_smtp(
        &self,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<(), Noted> {
        if surroundings.purpose != Purpose::Sending {
            return Ok(());
        }
        if !cfg!(feature = "aws") {
            let blamed = self.transport.as_ref().map(|placed| note(placed, ConfigError::WithoutAws, notes));
            return Err(blamed.unwrap_or(Noted));
        }
        let before = notes.problems.len();
        self.login.refuse_for_api(notes);
        self.fallback.refuse_for_api(notes);
        if let Some(name) = &self.server_name {
            notes.blame(name, ConfigError::NotOfApi { help: "the certificate must have the name in `host`" });
        }
        if let Some(tls) = self.tls.as_ref().filter(|tls| tls.value == Security::StartTls) {
            notes.blame(tls, ConfigError::NotOfApi { help: "leave it out, and HTTPS is spoken" });
        }
        if notes.problems.len() > before { Err(Noted) } else { Ok(()) }
    }
}

fn ses_host(transport: Transport, region: &str) -> String {
    match transport {
        Transport::Smtp => format!("email-smtp.{region}.amazonaws.com"),
        Transport::Api => format!("email.{region}.amazonaws.com"),
    }
}
