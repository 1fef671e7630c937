//! What an operator may see of an endpoint, and whether mail goes there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An endpoint, as the last mails and logins have found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    /// Host and port.
    pub name: Arc<str>,
    pub region: Arc<str>,
    pub breaker: Breaker,
}

/// Whether an endpoint is asked at all: one that fails is left alone for a while, then one mail tries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breaker {
    /// It is asked.
    Closed,
    /// It fails for so long now, for this reason, and is not asked.
    Open { failing: Duration, why: String },
    /// It failed, and the next mail tries it.
    HalfOpen { failing: Duration, why: String },
}

impl Breaker {
    /// One word, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }
}

/// One clause for the log, without mail addresses.
impl fmt::Display for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("all is well"),
            Self::Open { failing, why } | Self::HalfOpen { failing, why } => {
                write!(f, "failing for {} s: {why}", failing.as_secs())
            }
        }
    }
}
