//! `[audit]`: where the records of mails go, and what matters more when they cannot be written.

use super::check::{Noted, Surroundings, note};
use super::error::ConfigError;
use super::form::{Flag, Number};
use super::section::{Notes, Placed, Section};
use super::shape;
use crate::telemetry::{AuditSettings, FileSettings, Need, StandardOutput};

#[derive(Debug)]
pub struct RawAudit {
    stdout: Placed<bool>,
    file: Option<Placed<String>>,
    file_octets_max: u64,
    files_max: usize,
    required: bool,
    queue_octets_max: usize,
}

impl RawAudit {
    pub fn read(section: &mut Section<'_>) -> Self {
        Self {
            stdout: section.placed_or("stdout", &Flag, true),
            file: section.optional("file", &shape::PATH),
            file_octets_max: section.or(
                "file_octets_max",
                &Number(1_048_576..=1_099_511_627_776),
                104_857_600,
            ),
            files_max: section.or("files_max", &Number(1..=1_000), 10),
            required: section.or("required", &Flag, false),
            // More than the largest record, of a thousand recipients.
            queue_octets_max: section.or("queue_octets_max", &Number(1_048_576..=1_073_741_824), 16_777_216),
        }
    }

    pub(super) fn check(
        self,
        surroundings: &Surroundings<'_>,
        notes: &mut Notes,
    ) -> Result<AuditSettings, Noted> {
        if !self.stdout.value && self.file.is_none() {
            let error = ConfigError::Needs { key: "stdout = false", other: "`file`" };
            return Err(note(&self.stdout, error, notes));
        }
        let (octets_max, files_max) = (self.file_octets_max, self.files_max);
        let file = |path: Placed<String>| FileSettings {
            path: surroundings.files.path(path.value),
            octets_max,
            files_max,
        };
        Ok(AuditSettings {
            stdout: if self.stdout.value { StandardOutput::Used } else { StandardOutput::Left },
            file: self.file.map(file),
            need: if self.required { Need::Required } else { Need::Wanted },
            queue_octets_max: self.queue_octets_max,
        })
    }
}
