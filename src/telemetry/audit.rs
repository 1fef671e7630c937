//! Where the records of mails go.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::telemetry::{Record, line};

/// Takes the records: a log for machines, or a narrator at a terminal.
pub trait AuditSink: Send + Sync + std::fmt::Debug {
    fn record(&self, record: &Record<'_>);
}

/// Writes each record as a line of JSON.
#[derive(Debug)]
pub struct JsonLines<W>(Mutex<W>);

impl<W: Write> JsonLines<W> {
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Write + Send + std::fmt::Debug> AuditSink for JsonLines<W> {
    fn record(&self, record: &Record<'_>) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Written in one piece, so that lines of several writers to one pipe do not mix.
        let written = line::json(record).map_err(std::io::Error::from).and_then(|line| {
            writer.write_all(&line)?;
            writer.flush()
        });
        if let Err(error) = written {
            tracing::error!(%error, decision = record.decision_id, "an audit record could not be written");
        }
    }
}
