//! The log: JSON lines for machines, plain lines for a person at a terminal. On standard error, since standard
//! output belongs to the audit records.

use std::fmt::{Debug, Write};
use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::telemetry::outlet::{Outlet, Overflow, Stream};
use crate::telemetry::{Addresses, line};

/// What may wait for a slow reader of standard error.
const QUEUE_OCTETS_MAX: usize = 1 << 20;

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

/// The log of this process.
static OUTLET: OnceLock<Outlet> = OnceLock::new();
/// So many lost lines were told of.
static LOST_TOLD: AtomicU64 = AtomicU64::new(0);

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
    let shape = match (settings.format, is_terminal) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => Shape::Json,
        (LogFormat::Text, false) => Shape::Text,
        (LogFormat::Auto | LogFormat::Text, true) => Shape::Colours,
    };
    // It cannot say of itself that it does not come through.
    let outlet = Outlet::open("log", Stream(stderr()), QUEUE_OCTETS_MAX, Overflow::Lost, |_, _| {});
    // A log that already runs, as in tests of one process, goes on; without a thread for it there is none.
    if outlet.is_ok_and(|outlet| OUTLET.set(outlet).is_ok()) {
        let log = Log { shape, addresses: settings.addresses.clone() };
        let _ = Registry::default().with(filter).with(log).try_init();
    }
    Ok(LogLevel(level))
}

fn filter(level: &str) -> Result<EnvFilter, UnknownLevel> {
    EnvFilter::try_new(level).map_err(|_| UnknownLevel(level.to_owned()))
}

/// Waits until all of the log is written, for so long at most.
pub fn flush_log(patience: Duration) {
    if let Some(outlet) = OUTLET.get() {
        outlet.close(patience);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Json,
    Text,
    Colours,
}

/// Makes a line of each event.
#[derive(Debug)]
struct Log {
    shape: Shape,
    addresses: Addresses,
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        // What the SDK of AWS traces are requests, whole, with the mails in them.
        if *metadata.level() == Level::TRACE && metadata.target().starts_with("aws_") {
            return;
        }
        let mut told = Told::of(event, &self.addresses);
        let Some(outlet) = OUTLET.get() else { return };
        let lost = outlet.lost();
        if LOST_TOLD.swap(lost, Ordering::Relaxed) < lost {
            told.values.push(("log_lines_lost", Value::Number(lost.to_string())));
        }
        outlet.push(told.line(self.shape).into());
    }
}

/// An event as it is shown.
struct Told {
    time: String,
    level: Level,
    target: String,
    message: String,
    values: Vec<(&'static str, Value)>,
}

enum Value {
    Text(String),
    /// Or `true` and `false`: what JSON writes without quotes.
    Number(String),
}

impl Told {
    fn of(event: &Event<'_>, addresses: &Addresses) -> Self {
        let metadata = event.metadata();
        let mut told = Self {
            time: format!("{:.6}", jiff::Timestamp::now()),
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message: String::new(),
            values: Vec::new(),
        };
        event.record(&mut told);
        told.message = addresses.text(&told.message).into_owned();
        for (_, value) in &mut told.values {
            if let Value::Text(text) = value {
                *text = addresses.text(text).into_owned();
            }
        }
        told
    }

    fn line(&self, shape: Shape) -> Vec<u8> {
        match shape {
            Shape::Json => line::json(self).unwrap_or_default(),
            Shape::Text | Shape::Colours => self.text(shape).into_bytes(),
        }
    }

    /// `2026-11-21T22:40:07.123456Z  WARN login refused client=10.0.5.7 reason="wrong password"`
    fn text(&self, shape: Shape) -> String {
        let level = self.level;
        let mut text = match (shape, level) {
            (Shape::Json | Shape::Text, _) => format!("{} {level:>5} ", self.time),
            (Shape::Colours, Level::ERROR) => format!("{} \x1b[31m{level:>5}\x1b[0m ", self.time),
            (Shape::Colours, Level::WARN) => format!("{} \x1b[33m{level:>5}\x1b[0m ", self.time),
            (Shape::Colours, _) => format!("{} \x1b[32m{level:>5}\x1b[0m ", self.time),
        };
        text.push_str(&line::printable(&self.message));
        for (name, value) in &self.values {
            // Writing into memory cannot fail.
            let _ = match value {
                Value::Number(number) => write!(text, " {name}={number}"),
                Value::Text(value) if is_one_word(value) => {
                    write!(text, " {name}={}", line::printable(value))
                }
                Value::Text(value) => {
                    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                    write!(text, " {name}=\"{}\"", line::printable(&value))
                }
            };
        }
        text.push('\n');
        text
    }
}

/// Whether a value could not be taken for the end of one and the beginning of another.
fn is_one_word(value: &str) -> bool {
    !value.is_empty()
        && !value.contains(|character: char| character.is_whitespace() || "\"\\=".contains(character))
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.time)?;
        map.serialize_entry("level", self.level.as_str())?;
        map.serialize_entry("message", &self.message)?;
        for (name, value) in &self.values {
            match value {
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Number(number) => {
                    map.serialize_entry(
                        name,
                        &serde_json::from_str::<serde_json::Value>(number).unwrap_or_default(),
                    )?;
                }
            }
        }
        map.serialize_entry("target", &self.target)?;
        map.end()
    }
}

impl Told {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text) | Value::Number(text)) => self.message = text,
            // What comes by way of the `log` crate has its place in fields.
            ("log.target", Value::Text(target)) => self.target = target,
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.values.push((name, value)),
        }
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, Value::Text(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::Number(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::Number(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::Number(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Number(value.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use tracing::Level;

    use super::{Shape, Told, Value};

    fn told(message: &str, value: &str) -> Told {
        Told {
            time: "2026-11-21T22:40:07.123456Z".to_owned(),
            level: Level::WARN,
            target: "sesgate::relay".to_owned(),
            message: message.to_owned(),
            values: vec![("reason", Value::Text(value.to_owned())), ("mails", Value::Number("2".to_owned()))],
        }
    }

    #[test]
    fn a_line_says_what_when_and_how() {
        let text =
            "2026-11-21T22:40:07.123456Z  WARN login refused reason=\"wrong \\\"password\\\"\" mails=2\n";
        assert_eq!(told("login refused", "wrong \"password\"").text(Shape::Text), text);
        let json = "{\"timestamp\":\"2026-11-21T22:40:07.123456Z\",\"level\":\"WARN\",\"message\":\"m\",\
                    \"reason\":\"a\\nb\",\"mails\":2,\"target\":\"sesgate::relay\"}\n";
        assert_eq!(String::from_utf8(told("m", "a\nb").line(Shape::Json)).unwrap(), json);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_a_second_line_or_moves_the_cursor(message in any::<String>(), value in any::<String>()) {
            let told = told(&message, &value);
            for shape in [Shape::Text, Shape::Json] {
                let line = String::from_utf8(told.line(shape)).unwrap();
                let content = line.strip_suffix('\n').unwrap();
                proptest::prop_assert!(!content.chars().any(char::is_control), "{content:?}");
                let turns = content.contains(['\u{202e}', '\u{2066}', '\u{2028}']);
                proptest::prop_assert!(!turns, "{content:?}");
            }
            let read: serde_json::Value = serde_json::from_slice(&told.line(Shape::Json)).unwrap();
            proptest::prop_assert_eq!(&read["reason"], &serde_json::Value::from(value));
        }
    }
}
