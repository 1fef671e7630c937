//! `[admin]`: where operators ask, and the token that lets them in from elsewhere.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::check::{Noted, Purpose, Surroundings, fetch, note};
use super::error::{ConfigError, Misfit};
use super::form::Text;
use super::secret::{Confidence, SecretSource};
use super::section::{Notes, Placed, Section};
use crate::admin::Settings;

const ADDRESS: Text<AdminAddress> = Text {
    expects: "an IP address and a port such as `127.0.0.1:9025`, or `off`",
    parse: |text| match text {
        "off" => Ok(AdminAddress(None)),
        _ => text.parse().map(|address| AdminAddress(Some(address))).map_err(|_| Misfit::Shape),
    },
};

/// Only who is on the machine, or in the pod, reaches it there.
const USUAL: AdminAddress = AdminAddress(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9025)));

/// `None` where there is to be no admin listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AdminAddress(Option<SocketAddr>);

/// What was said in `[admin]`.
#[derive(Debug)]
pub struct RawAdmin {
    address: Placed<AdminAddress>,
    pub token: Option<Placed<Option<SecretSource>>>,
}

impl std::fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("off"),
        }
    }
}

impl RawAdmin {
    pub fn read(section: &mut Section<'_>) -> Self {
        Self {
            address: section.placed_or("address", &ADDRESS, USUAL),
            token: section.secret("token", Confidence::Secret),
        }
    }

    pub fn check(
        self,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<Option<Settings>, Noted> {
        let Some(address) = self.address.value.0.filter(|_| surroundings.purpose != Purpose::Judging) else {
            return Ok(None);
        };
        // A rehearsal needs no secret, and answers on this machine alone.
        let token = self.token.as_ref().filter(|_| surroundings.purpose == Purpose::Sending);
        let token = token.map(|token| fetch(token, surroundings, notes)).transpose()?;
        Settings::new(address, token)
            .map(Some)
            .map_err(|error| note(&self.address, ConfigError::AdminToken(error), notes))
    }
}
