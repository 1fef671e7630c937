//! Those settings that may be changed while the stand-in runs, as JSON.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::sandbox::fault_syntax::{duration_text, parse_duration};
use crate::sandbox::settings::{Extensions, Oversize, Reach, Sending, SessionFullAt, Settings};

/// Field by field those of [`Settings`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Knobs {
    identities: Vec<String>,
    identities_allowed: Option<Vec<String>>,
    sending: Sending,
    reach: Reach,
    recipients_per_second_max: u32,
    recipients_per_day_max: u32,
    idle_timeout: Span,
    session_mails_max: u32,
    session_full_at: SessionFullAt,
    connections_max: usize,
    connection_age_max: Option<Span>,
    message_octets_max: usize,
    oversize: Oversize,
    extensions: Extensions,
    new_login_delay: Span,
}

/// `"10s"` or `"200ms"`.
#[derive(Debug)]
struct Span(Duration);

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        duration_text(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

pub fn show(settings: &Settings) -> Value {
    serde_json::to_value(Knobs::of(settings)).unwrap_or_default()
}

/// All that the patch names, or nothing.
pub fn change(settings: &mut Settings, patch: Value) -> Result<(), serde_json::Error> {
    let patch: serde_json::Map<String, Value> = serde_json::from_value(patch)?;
    let mut knobs = show(settings);
    if let Some(knobs) = knobs.as_object_mut() {
        knobs.extend(patch);
    }
    serde_json::from_value::<Knobs>(knobs)?.turn(settings);
    Ok(())
}

impl Knobs {
    fn of(settings: &Settings) -> Self {
        Self {
            identities: settings.identities.clone(),
            identities_allowed: settings.identities_allowed.clone(),
            sending: settings.sending,
            reach: settings.reach,
            recipients_per_second_max: settings.recipients_per_second_max,
            recipients_per_day_max: settings.recipients_per_day_max,
            idle_timeout: Span(settings.idle_timeout),
            session_mails_max: settings.session_mails_max,
            session_full_at: settings.session_full_at,
            connections_max: settings.connections_max,
            connection_age_max: settings.connection_age_max.map(Span),
            message_octets_max: settings.message_octets_max,
            oversize: settings.oversize,
            extensions: settings.extensions,
            new_login_delay: Span(settings.new_login_delay),
        }
    }

    fn turn(self, settings: &mut Settings) {
        settings.identities = self.identities;
        settings.identities_allowed = self.identities_allowed;
        settings.sending = self.sending;
        settings.reach = self.reach;
        settings.recipients_per_second_max = self.recipients_per_second_max;
        settings.recipients_per_day_max = self.recipients_per_day_max;
        settings.idle_timeout = self.idle_timeout.0;
        settings.session_mails_max = self.session_mails_max;
        settings.session_full_at = self.session_full_at;
        settings.connections_max = self.connections_max;
        settings.connection_age_max = self.connection_age_max.map(|age| age.0);
        settings.message_octets_max = self.message_octets_max;
        settings.oversize = self.oversize;
        settings.extensions = self.extensions;
        settings.new_login_delay = self.new_login_delay.0;
    }
}
