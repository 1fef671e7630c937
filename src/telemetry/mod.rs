//! What the relay tells its operators: the log of what happens, and one audit record for each mail.

mod audit;
mod log;

pub use audit::{AuditSink, Effect, JsonLines, JudgedResource, Record, Steps};
pub use log::{LogFormat, LogSettings, UnknownLevel, start_log};
