//! What can be asked of a relay.

use serde::Serialize;

use crate::admin::shown::{
    Attempt, Explanation, Mails, Notice, Setting, ShownDisagreement, ShownDocument, Tried,
};
use crate::telemetry::{Recent, Record};

/// A running relay, as the admin listener sees it.
pub trait Subject: Send + Sync + 'static {
    fn readiness(&self) -> Readiness;
    /// Everything that is counted, as `OpenMetrics` text.
    fn metrics(&self) -> String;
    /// What happened of late.
    fn recent(&self) -> &Recent;
    fn setting(&self) -> Setting;
    fn notices(&self) -> Vec<Notice>;
    /// The policies in force.
    fn documents(&self) -> Vec<ShownDocument>;
    /// The latest mails of which candidate policies say otherwise, the latest first; nothing if there are none.
    fn disagreements(&self) -> Option<Vec<ShownDisagreement>>;
    /// Why it was decided as it was, by the policies that are in force now; an error says why that cannot be told.
    fn explain(&self, record: &Record<'_>) -> Result<Explanation, String>;
    /// What would become of a mail; an error says what is missing.
    fn try_out(&self, attempt: &Attempt) -> Result<Tried, String>;
    /// What was taken, where a stand-in takes the place of SES.
    fn mails(&self) -> Option<&dyn Mails>;
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
