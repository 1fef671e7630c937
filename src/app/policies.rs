//! From policy files to documents, with everything that is wrong or doubtful in them.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::app::wiring;
use crate::config::{self, Config, PolicyFile};
use crate::gate::GateError;
use crate::json::Position;
use crate::policy::{self, Document, Finding, Level, Reach, Source, Surroundings};

/// What is wrong with, or doubtful in, one policy file.
#[derive(Debug, Clone)]
pub struct PolicyProblem {
    pub file: Arc<str>,
    pub text: Arc<str>,
    pub finding: Finding,
}

/// The documents that load, and what was found in all of them.
#[derive(Debug, Default)]
pub struct LoadedPolicies {
    pub documents: Vec<Arc<Document>>,
    pub problems: Vec<PolicyProblem>,
}

/// Reads every policy of a configuration, so that everything that is wrong or doubtful in any of them is told at
/// once.
pub fn load_policies(config: &Config) -> Result<LoadedPolicies, Vec<PolicyProblem>> {
    read_all(&config.policy.files, |sources| doubts(config, sources))
}

/// Reads policies by themselves. What is doubtful in them depends on what they are for, and is not told.
pub fn read_policies(files: &[PolicyFile]) -> Result<Vec<Arc<Document>>, Vec<PolicyProblem>> {
    match read_all(files, |sources| sources.iter().map(|_| Vec::new()).collect()) {
        Ok(loaded) => Ok(loaded.documents),
        Err(mut problems) => {
            problems.retain(|problem| problem.finding.level == Level::Error);
            Err(problems)
        }
    }
}

/// What is wrong with policies whatever they are for, where nobody knows what that is.
pub fn policy_errors(files: &[PolicyFile]) -> Vec<PolicyProblem> {
    // No error depends on any of this.
    let surroundings = Surroundings {
        partition: String::new(),
        region: String::new(),
        account_id: String::new(),
        identities: Vec::new(),
        configuration_sets: Vec::new(),
        unconfigured: Vec::new(),
        families: Vec::new(),
        reach: Reach::Anywhere,
        now: SystemTime::now(),
    };
    let found = |source: &Source<'_>| policy::lint(&[*source], &surroundings).into_iter().flatten().collect();
    let read = read_all(files, |sources| sources.iter().map(found).collect());
    let mut problems = read.err().unwrap_or_default();
    problems.retain(|problem| problem.finding.level == Level::Error);
    problems
}

/// What `doubts` finds in each source stands among what is found when it is parsed.
fn read_all(
    files: &[PolicyFile],
    doubts: impl FnOnce(&[Source<'_>]) -> Vec<Vec<Finding>>,
) -> Result<LoadedPolicies, Vec<PolicyProblem>> {
    let names: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
    let pairs = names.iter().zip(files);
    let sources: Vec<Source<'_>> = pairs.map(|(name, file)| Source { name, text: &file.text }).collect();
    let doubts = doubts(&sources);
    let mut loaded = LoadedPolicies::default();
    for (Source { name, text }, doubts) in sources.into_iter().zip(doubts) {
        let mut findings = match Document::parse(name, text) {
            Ok((document, findings)) => {
                loaded.documents.push(Arc::new(document));
                findings
            }
            Err(findings) => findings,
        };
        findings.extend(doubts);
        findings.sort_by_key(|finding| finding.span.start);
        let (file, text): (Arc<str>, Arc<str>) = (name.into(), text.into());
        let problem = |finding| PolicyProblem { file: Arc::clone(&file), text: Arc::clone(&text), finding };
        loaded.problems.extend(findings.into_iter().map(problem));
    }
    let is_refused = loaded.problems.iter().any(|problem| problem.finding.level == Level::Error);
    if is_refused { Err(loaded.problems) } else { Ok(loaded) }
}

/// Which documents apply together depends on the app; what is found for several apps is told once.
fn doubts(config: &Config, sources: &[Source<'_>]) -> Vec<Vec<Finding>> {
    let now = SystemTime::now();
    let is_named = |name: &str, app: &config::App| app.policies.iter().any(|path| *path == *Path::new(name));
    let mut all: Vec<Vec<Finding>> = sources.iter().map(|_| Vec::new()).collect();
    for app in &config.apps {
        let applies =
            |name: &str| is_named(name, app) || !config.apps.iter().any(|other| is_named(name, other));
        let (lists, applying): (Vec<&mut Vec<Finding>>, Vec<Source<'_>>) =
            all.iter_mut().zip(sources).filter(|(_, source)| applies(source.name)).unzip();
        let found = policy::lint(&applying, &wiring::surroundings(config, app, now));
        for (list, found) in lists.into_iter().zip(found) {
            let news: Vec<Finding> = found.into_iter().filter(|finding| !list.contains(finding)).collect();
            list.extend(news);
        }
    }
    all
}

/// Why no gate can be made of policies that load, in one line.
pub(super) fn gate_error(error: &GateError) -> String {
    let help = error.help().map(|help| format!(" ({})", help.replace('\n', " ")));
    format!("policy.files: {error}{}", help.unwrap_or_default())
}

/// What keeps them from loading, a line each.
pub(super) fn errors(problems: &[PolicyProblem]) -> Vec<String> {
    let errors = problems.iter().filter(|problem| problem.finding.level == Level::Error);
    errors.map(PolicyProblem::line).collect()
}

impl PolicyProblem {
    /// `file:line:column`
    fn place(&self) -> String {
        let Position { line, column } = Position::of(&self.text, self.finding.span.start);
        format!("{}:{line}:{column}", self.file)
    }

    /// `file:line:column: path: message (fix)`
    pub fn line(&self) -> String {
        let Finding { path, message, fix, .. } = &self.finding;
        let fix = fix.as_ref().map(|fix| format!(" ({})", fix.replace('\n', " ")));
        format!("{}: {path}: {message}{}", self.place(), fix.unwrap_or_default())
    }
}

/// Tells the log what an operator should know of policies that load. Suggestions are for `sesgate check`.
pub(super) fn log_doubts(problems: &[PolicyProblem]) {
    for problem in problems {
        let finding = &problem.finding;
        if matches!(finding.level, Level::Security | Level::Warning) {
            tracing::warn!(
                code = finding.code,
                severity = %finding.level,
                place = problem.place(),
                path = finding.path,
                "policy: {}",
                finding.message,
            );
        }
    }
}
