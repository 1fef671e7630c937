//! The log: JSON lines for machines, plain lines for a person at a terminal. On standard error, since standard
//! output belongs to the audit records.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::telemetry::Addresses;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A level, or directives such as `info,sesgate::upstream=debug`.
    pub level: String,
    pub format: LogFormat,
    /// How much of addresses is shown, here and in the audit records.
    pub addresses: Addresses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text when standard error is a terminal, else JSON.
    Auto,
    Json,
    Text,
}

/// The level is not one that the log knows.
#[derive(Debug, thiserror::Error)]
#[error(
    "the log level `{0}` is none of `error`, `warn`, `info`, `debug`, `trace` or directives such as `info,sesgate::upstream=debug`"
)]
pub struct UnknownLevel(String);

/// The level of a log that runs.
#[derive(Debug, Clone)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// From now on.
    pub fn set(&self, level: &str) -> Result<(), UnknownLevel> {
        let filter = filter(level)?;
        // Only a log that has ended cannot be told.
        let _ = self.0.reload(filter);
        Ok(())
    }
}

/// Starts the log of this process. A second call changes nothing.
pub fn start_log(settings: &LogSettings) -> Result<LogLevel, UnknownLevel> {
    let (filter, level) = reload::Layer::new(filter(&settings.level)?);
    let is_terminal = stderr().is_terminal();
    let is_text = match settings.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let lines = fmt::layer().with_writer(stderr);
    let lines = if is_text {
        lines.with_ansi(is_terminal).with_target(false).compact().boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).boxed()
    };
    // A log that already runs, as in tests of one process, goes on.
    drop(Registry::default().with(filter).with(lines).try_init());
    Ok(LogLevel(level))
}

fn filter(level: &str) -> Result<EnvFilter, UnknownLevel> {
    EnvFilter::try_new(level).map_err(|_| UnknownLevel(level.to_owned()))
}
