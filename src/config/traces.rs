//! `[traces]`: where a trace of each mail goes, if anywhere.

use super::check::{Noted, Purpose, Surroundings, note};
use super::error::{ConfigError, Misfit};
use super::form::{Fraction, Text};
use super::section::{Notes, Placed, Section};
use super::settings::Traces;

const ENDPOINT: Text<String> =
    Text { expects: "a collector's address such as `http://127.0.0.1:4318`", parse: endpoint };

#[derive(Debug)]
pub struct RawTraces {
    endpoint: Option<Placed<String>>,
    ratio: f64,
}

impl RawTraces {
    pub fn read(section: &mut Section<'_>) -> Self {
        Self { endpoint: section.optional("endpoint", &ENDPOINT), ratio: section.or("ratio", &Fraction, 1.0) }
    }

    pub(super) fn check(
        self,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<Option<Traces>, Noted> {
        let Some(endpoint) = self.endpoint.filter(|_| surroundings.purpose != Purpose::Judging) else {
            return Ok(None);
        };
        if cfg!(not(feature = "otlp")) {
            return Err(note(&endpoint, ConfigError::WithoutOtlp, notes));
        }
        Ok(Some(Traces { endpoint: endpoint.value, ratio: self.ratio }))
    }
}

/// Without a user, whose password would be in the file, and without a query.
fn endpoint(text: &str) -> Result<String, Misfit> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let rest = rest.unwrap_or_default().trim_end_matches('/');
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-._~:[]/".contains(c);
    if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') && rest.chars().all(is_fit) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(Misfit::Shape)
    }
}
