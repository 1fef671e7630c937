//! A trace of each mail for OpenTelemetry. It is made of the mail's audit record when the mail is settled, so that it
//! shows no more than that does and costs the mail nothing; sending it is the business of a task of its own.
//!
//! Only with the feature `otlp`.

mod export;
mod spans;

pub use export::{SetupError, TraceSettings, Traces, exporter};
