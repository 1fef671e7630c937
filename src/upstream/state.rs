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
    /// For how long the quota of a day is used up there.
    pub quota_used_up: Option<Duration>,
    /// Whether the last mail went there.
    pub is_in_use: bool,
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

impl EndpointState {
    /// Whether nothing is known that keeps mail from going there.
    pub fn is_well(&self) -> bool {
        self.breaker == Breaker::Closed && self.quota_used_up.is_none()
    }
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

/// One clause for people, without mail addresses.
impl fmt::Display for EndpointState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.breaker, self.quota_used_up, self.is_in_use) {
            (Breaker::Closed, None, true) => write!(f, "{name} takes mail"),
            (Breaker::Closed, None, false) => write!(f, "{name} stands by"),
            (Breaker::Closed, Some(time), _) => {
                write!(f, "{name} takes no more mail today, for {} s now", time.as_secs())
            }
            (breaker @ (Breaker::Open { .. } | Breaker::HalfOpen { .. }), _, _) => {
                write!(f, "{name} has been {breaker}")
            }
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
