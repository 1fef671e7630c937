//! The candidate policies: what would be in force if they were, built beside what is. Nothing that is wrong with them
//! touches that.

use std::path::Path;

use crate::app::{PolicyProblem, load_policies, policies, wiring};
use crate::config::{Candidate, Config};
use crate::gate::{Enforcement, Gate, GateError};

/// A candidate that can be judged by.
#[derive(Debug)]
pub struct LoadedCandidate {
    pub gate: Gate,
    /// What is doubtful in it.
    pub problems: Vec<PolicyProblem>,
}

/// Why a candidate says nothing of any mail.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    #[error("a candidate policy cannot be read")]
    Unread(Vec<String>),
    #[error("a candidate policy is in error")]
    Policy(Vec<PolicyProblem>),
    #[error(transparent)]
    Gate(#[from] GateError),
}

/// What became of the candidate of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CandidateState {
    #[default]
    None,
    /// Every mail is judged by it too.
    Judging,
    /// It is not, for these reasons, a line each.
    InError(Vec<String>),
}

impl CandidateState {
    pub(super) fn log(&self) {
        match self {
            Self::None => {}
            Self::Judging => tracing::info!("the candidate policies are judged beside those in force"),
            Self::InError(problems) => {
                for problem in problems {
                    tracing::error!("candidate: {problem}");
                }
                tracing::error!("the candidate policies are in error, and no mail is judged by them");
            }
        }
    }
}

/// `None` where there is no candidate.
pub fn load_candidate(config: &Config) -> Option<Result<LoadedCandidate, CandidateError>> {
    config.policy.candidate.as_ref().map(|candidate| load(config, candidate))
}

/// For the log and for the state of the relay.
pub(super) fn gate(config: &Config) -> (Option<Gate>, CandidateState) {
    match load_candidate(config) {
        None => (None, CandidateState::None),
        Some(Ok(loaded)) => (Some(loaded.gate), CandidateState::Judging),
        Some(Err(error)) => (None, CandidateState::InError(error.lines())),
    }
}

fn load(config: &Config, candidate: &Candidate) -> Result<LoadedCandidate, CandidateError> {
    if !candidate.unread.is_empty() {
        return Err(CandidateError::Unread(candidate.unread.clone()));
    }
    let config = promoted(config, candidate);
    let loaded = load_policies(&config).map_err(CandidateError::Policy)?;
    let gate = Gate::new(wiring::gate_settings(&config), loaded.documents)?;
    Ok(LoadedCandidate { gate, problems: loaded.problems })
}

/// The configuration as it would be. The candidate stands in the place of `policy.files`; what apps have of their
/// own they keep, unless the candidate has a file of that name, as if it were moved there.
fn promoted(config: &Config, candidate: &Candidate) -> Config {
    let same_name = |path: &Path| {
        let mut files = candidate.files.iter().map(|file| &file.path);
        files.find(|candidate| candidate.file_name() == path.file_name())
    };
    let mut config = config.clone();
    let mut files = candidate.files.clone();
    for path in config.apps.iter_mut().flat_map(|app| &mut app.policies) {
        if let Some(candidate) = same_name(path) {
            path.clone_from(candidate);
        } else {
            let own = config.policy.files.iter().find(|file| file.path == *path);
            files.extend(own.filter(|own| !files.contains(own)).cloned());
        }
    }
    config.policy.files = files;
    config.policy.enforcement = Enforcement::Enforced;
    config
}

impl CandidateError {
    /// In the words of `sesgate check`.
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Unread(lines) => lines.clone(),
            Self::Policy(problems) => policies::errors(problems),
            Self::Gate(error) => vec![policies::gate_error(error)],
        }
    }
}
