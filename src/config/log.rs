//! `[log]`: what is told of what happens, and how much of addresses with it.

use super::check::{Noted, Purpose, Surroundings, fetch, note};
use super::error::ConfigError;
use super::form::OneOf;
use super::secret::{Confidence, SecretSource};
use super::section::{Notes, Placed, Section};
use super::shape;
use crate::telemetry::{Addresses, HashKey, LogFormat, LogSettings};

const FORMAT: OneOf<LogFormat> =
    OneOf(&[("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)]);
const ADDRESSES: OneOf<AddressForm> =
    OneOf(&[("plain", AddressForm::Plain), ("domain", AddressForm::Domain), ("hashed", AddressForm::Hashed)]);

/// Whoever has the log could try all shorter keys.
const KEY_OCTETS_MIN: usize = 16;

#[derive(Debug)]
pub struct RawLog {
    level: String,
    format: LogFormat,
    addresses: Placed<AddressForm>,
    hash_key: Option<Placed<Option<SecretSource>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressForm {
    Plain,
    Domain,
    Hashed,
}

impl RawLog {
    pub fn read(section: &mut Section<'_>) -> Self {
        Self {
            level: section.or("level", &shape::LOG_LEVEL, "info".to_owned()),
            format: section.or("format", &FORMAT, LogFormat::Auto),
            addresses: section.placed_or("addresses", &ADDRESSES, AddressForm::Plain),
            hash_key: section.secret("hash_key", Confidence::Secret),
        }
    }

    pub fn secret_source(&self) -> Option<&SecretSource> {
        self.hash_key.as_ref()?.value.as_ref()
    }

    pub(super) fn check(
        self,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<LogSettings, Noted> {
        let addresses = match (self.addresses.value, &self.hash_key) {
            (AddressForm::Plain, None) => Addresses::Plain,
            (AddressForm::Domain, None) => Addresses::Domain,
            (AddressForm::Hashed, Some(_)) if surroundings.purpose == Purpose::Judging => Addresses::Domain,
            (AddressForm::Hashed, Some(key)) => {
                let secret = fetch(key, surroundings, notes)?;
                if secret.expose().len() < KEY_OCTETS_MIN {
                    return Err(note(key, ConfigError::ShortKey { octets_min: KEY_OCTETS_MIN }, notes));
                }
                Addresses::Hashed(HashKey::new(&secret))
            }
            (AddressForm::Hashed, None) => {
                let error = ConfigError::Needs { key: "addresses = \"hashed\"", other: "`hash_key`" };
                return Err(note(&self.addresses, error, notes));
            }
            (AddressForm::Plain | AddressForm::Domain, Some(key)) => {
                let error = ConfigError::OfNoUse { key: "hash_key", without: "`addresses = \"hashed\"`" };
                return Err(note(key, error, notes));
            }
        };
        Ok(LogSettings { level: self.level, format: self.format, addresses })
    }
}
