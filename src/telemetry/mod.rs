//! What the relay tells its operators: the log of what happens, one audit record for each mail, and metrics.

mod audit;
mod file;
mod line;
mod log;
mod metrics;
mod outlet;
mod privacy;
mod recent;
mod record;

pub use audit::{AuditLog, AuditSettings, AuditSink, JsonLines, Need, StandardOutput};
pub use file::FileSettings;
pub use line::printable;
pub use log::{LogFormat, LogLevel, LogSettings, UnknownLevel, flush_log, start_log};
pub use metrics::{Description, Metrics, Tally, Timings, Word};
pub use privacy::{Addresses, HashKey};
pub use recent::{Fate, Fates, Rates, Recent, Seen};
pub use record::{CandidateVerdict, Effect, JudgedResource, Record, Steps};
