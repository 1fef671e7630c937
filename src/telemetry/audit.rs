//! Where the records of mails go: to standard output, to a file, or both, never making the relay wait.

use std::io::{self, Write, stdout};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::telemetry::file::RotatedFile;
use crate::telemetry::outlet::{Destination, Outlet, Overflow, Stream, Trouble};
use crate::telemetry::{FileSettings, Metrics, Record};

/// Takes the records: a log for machines, or a narrator at a terminal.
pub trait AuditSink: Send + Sync + std::fmt::Debug {
    /// `line` is the record as the audit log has it ([`Record::line`]), made once for all who want it.
    fn record(&self, record: &Record<'_>, line: &Arc<[u8]>);

    /// Whether mail may be taken: there is no need to record it, or it is sure to be recorded.
    fn is_ready(&self) -> bool {
        true
    }

    /// The records that could not be kept.
    fn lost(&self) -> u64 {
        0
    }

    /// Gives what is counted on the way its names.
    fn register(&self, _: &mut Metrics) {}
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    pub stdout: StandardOutput,
    pub file: Option<FileSettings>,
    pub need: Need,
    /// Of the records that wait to be written, for each way.
    pub queue_octets_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardOutput {
    Used,
    Left,
}

/// What matters more when records cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The mail: it goes on, and records are lost.
    Wanted,
    /// The records: no mail is taken until they can be written again.
    Required,
}

/// The audit log of a relay.
#[derive(Debug)]
pub struct AuditLog {
    outlets: Vec<Outlet>,
    need: Need,
}

impl AuditLog {
    pub fn open(settings: &AuditSettings) -> io::Result<Self> {
        let mut outlets = Vec::new();
        if settings.stdout == StandardOutput::Used {
            outlets.push(outlet("audit-stdout", Stream(stdout()), settings)?);
        }
        if let Some(file) = &settings.file {
            outlets.push(outlet("audit-file", RotatedFile::open(file.clone())?, settings)?);
        }
        Ok(Self { outlets, need: settings.need })
    }

    /// Waits until all records are written, for so long at most.
    pub fn close(&self, patience: Duration) {
        self.outlets.iter().for_each(|outlet| outlet.close(patience));
    }
}

fn outlet(
    name: &str,
    destination: impl Destination + 'static,
    settings: &AuditSettings,
) -> io::Result<Outlet> {
    let overflow = match settings.need {
        Need::Wanted => Overflow::Lost,
        Need::Required => Overflow::Kept,
    };
    Outlet::open(name, destination, settings.queue_octets_max, overflow, alarm)
}

fn alarm(trouble: Option<&Trouble>, lost: u64) {
    if let Some(trouble) = trouble {
        tracing::error!(lost, "the audit records of mails: {trouble}");
    } else {
        tracing::warn!(lost, "the audit records of mails are written again");
    }
}

impl AuditSink for AuditLog {
    fn record(&self, _: &Record<'_>, line: &Arc<[u8]>) {
        self.outlets.iter().for_each(|outlet| outlet.push(Arc::clone(line)));
    }

    fn is_ready(&self) -> bool {
        self.need == Need::Wanted || self.outlets.iter().all(Outlet::is_clear)
    }

    fn lost(&self) -> u64 {
        self.outlets.iter().map(Outlet::lost).sum()
    }
}

/// Writes each record as a line of JSON at once, and waits for that: for tests.
#[derive(Debug)]
pub struct JsonLines<W>(Mutex<W>);

impl<W: Write> JsonLines<W> {
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Write + Send + std::fmt::Debug> AuditSink for JsonLines<W> {
    fn record(&self, record: &Record<'_>, line: &Arc<[u8]>) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writer.write_all(line) {
            tracing::error!(%error, decision = record.decision_id, "an audit record could not be written");
        }
    }
}
