//! What the relay tells its operators: the log of what happens, one audit record for each mail, and metrics.

mod audit;
mod log;
mod metrics;

pub use audit::{AuditSink, CandidateVerdict, Effect, JsonLines, JudgedResource, Record, Steps};
pub use log::{LogFormat, LogLevel, LogSettings, UnknownLevel, start_log};
pub use metrics::{Description, Metrics, Tally, Timings, Word};
