//! What can be asked of a relay.

use serde::Serialize;

/// A running relay, as the admin listener sees it.
pub trait Subject: Send + Sync + 'static {
    fn readiness(&self) -> Readiness;
    /// Everything that is counted, as `OpenMetrics` text.
    fn metrics(&self) -> String;
}

/// Whether mail should be sent here now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    pub ready: bool,
    pub checks: Vec<Check>,
}

/// One thing that has to be well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    /// For people: what is wrong, since when, and what to do.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Well,
    /// Mail is taken, but somebody should look.
    Doubtful,
    /// Mail would only hear 451.
    Failing,
}

impl Readiness {
    pub fn new(checks: Vec<Check>) -> Self {
        Self { ready: checks.iter().all(|check| check.state != State::Failing), checks }
    }
}

impl Check {
    pub fn well(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Well, detail: detail.into() }
    }

    pub fn doubtful(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Doubtful, detail: detail.into() }
    }

    pub fn failing(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Failing, detail: detail.into() }
    }
}
