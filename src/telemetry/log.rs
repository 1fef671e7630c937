//! The log: JSON lines for machines, plain lines for a person at a terminal. On standard error, since standard
//! output belongs to the audit records.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A level, or directives such as `info,sesgate::upstream=debug`.
    pub level: String,
    pub format: LogFormat,
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

/// Starts the log of this process. A second call changes nothing.
pub fn start_log(settings: &LogSettings) -> Result<(), UnknownLevel> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|_| UnknownLevel(settings.level.clone()))?;
    let builder = fmt().with_env_filter(filter).with_writer(stderr);
    let is_text = match settings.format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let started = if is_text {
        builder.with_ansi(stderr().is_terminal()).with_target(false).compact().finish().try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).finish().try_init()
    };
    // A log that already runs, as in tests of one process, goes on.
    drop(started);
    Ok(())
}
