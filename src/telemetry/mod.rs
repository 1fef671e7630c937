//! What the relay tells its operators: the log of what happens, one audit record for each mail, and metrics.

mod audit;
mod line;
mod log;
mod metrics;
mod privacy;
mod record;

pub use audit::{AuditSink, JsonLines};
pub use line::printable;
pub use log::{LogFormat, LogLevel, LogSettings, UnknownLevel, start_log};
pub use metrics::{Description, Metrics, Tally, Timings, Word};
pub use privacy::{Addresses, HashKey};
pub use record::{CandidateVerdict, Effect, JudgedResource, Record, Steps};
