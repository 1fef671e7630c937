//! Shows what is wrong with a file: the line, a caret under the place, what to do. For people and for programs.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use annotate_snippets::{AnnotationKind, Group, Renderer, Snippet};
use serde_json::json;

use crate::app::{CandidateError, LoadedCandidate, PolicyProblem, StartError, policy_errors};
use crate::cli::Exit;
use crate::config::{self, Config, ConfigError, ConfigErrors};
use crate::gate::Enforcement;
use crate::policy::Level;

/// One thing that is wrong, wherever it was found.
#[derive(Debug, Clone)]
pub struct Shown {
    pub severity: Severity,
    /// A stable word for programs, such as `UNKNOWN_KEY`; settings have none.
    pub code: Option<&'static str>,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where it stands in the file's structure: `ses.port`, `Statement[0].Action`.
    pub path: String,
    pub place: Option<Place>,
}

#[derive(Debug, Clone)]
pub struct Place {
    pub file: Arc<str>,
    pub source: Arc<str>,
    /// Octets of `source`.
    pub span: Range<usize>,
}

/// The four levels of IAM Access Analyzer. Only errors keep a policy from loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Severity {
    Suggestion,
    Warning,
    Security,
    Error,
}

impl Severity {
    /// For programs, and as the command line takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suggestion => "suggestion",
            Self::Warning => "warning",
            Self::Security => "security",
            Self::Error => "error",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Security => "security warning",
            Self::Suggestion | Self::Warning | Self::Error => self.name(),
        }
    }
}

/// What the configuration's errors are.
pub fn of_config(errors: &ConfigErrors) -> Vec<Shown> {
    let shown = |problem: &config::Problem| {
        let (message, place) = match &problem.place {
            config::Place::Text { path, span, .. } => {
                let file = path.display().to_string().into();
                (problem.message(), Some(Place { file, source: errors.text().into(), span: span.clone() }))
            }
            // Why a file cannot be read names it.
            config::Place::File(_) if matches!(problem.error, ConfigError::File(_)) => {
                (problem.message(), None)
            }
            config::Place::File(path) => (format!("{}: {}", path.display(), problem.message()), None),
            config::Place::Variable(name) => {
                (format!("environment variable {name}: {}", problem.message()), None)
            }
            config::Place::Environment => (problem.message(), None),
        };
        let path = problem.key.clone().unwrap_or_default();
        Shown { severity: Severity::Error, code: None, message, help: problem.help(), path, place }
    };
    errors.problems().iter().map(shown).collect()
}

/// The same, and what the errors are of the policies that it names.
pub fn of_configuration(errors: &ConfigErrors) -> Vec<Shown> {
    [of_config(errors), of_policies(&policy_errors(errors.policies()))].concat()
}

/// What was found in policies.
pub fn of_policies(problems: &[PolicyProblem]) -> Vec<Shown> {
    let shown = |PolicyProblem { file, text, finding }: &PolicyProblem| Shown {
        severity: match finding.level {
            Level::Error => Severity::Error,
            Level::Security => Severity::Security,
            Level::Warning => Severity::Warning,
            Level::Suggestion => Severity::Suggestion,
        },
        code: Some(finding.code),
        message: finding.message.clone(),
        help: finding.fix.clone(),
        path: finding.path.clone(),
        place: Some(Place {
            file: Arc::clone(file),
            source: Arc::clone(text),
            span: finding.span.start..finding.span.end,
        }),
    };
    problems.iter().map(shown).collect()
}

/// Which certificates of a listener clients will not believe today.
pub fn of_certificates(listener: &config::Listener) -> Vec<Shown> {
    let now = SystemTime::now();
    let shown = |files: &config::CertificateFiles| {
        let error = files.loaded.check_validity(now).err()?;
        let message = format!("{}: {error}", files.certificate.display());
        let path = "listener.certificate_files".to_owned();
        Some(Shown { severity: Severity::Warning, code: None, message, help: None, path, place: None })
    };
    listener.certificates.iter().filter_map(shown).collect()
}

/// What is wrong with, or doubtful in, the policies that are judged beside those in force.
pub fn of_candidate(loaded: Option<Result<LoadedCandidate, CandidateError>>) -> Vec<Shown> {
    match loaded {
        None => Vec::new(),
        Some(Ok(candidate)) => of_policies(&candidate.problems),
        Some(Err(CandidateError::Policy(problems))) => of_policies(&problems),
        Some(Err(CandidateError::Gate(error))) => {
            vec![Shown { help: error.help().map(str::to_owned), ..of_error("policy.candidate", &error) }]
        }
        Some(Err(CandidateError::Unread(lines))) => {
            let shown = |message| Shown {
                severity: Severity::Error,
                code: None,
                message,
                help: None,
                path: String::new(),
                place: None,
            };
            lines.into_iter().map(shown).collect()
        }
    }
}

/// That nothing is refused is no error, and never to be overlooked.
pub fn of_shadow_mode(config: &Config) -> Option<Shown> {
    (config.policy.enforcement == Enforcement::Shadow).then(|| Shown {
        severity: Severity::Security,
        code: Some("POLICY_NOT_ENFORCED"),
        message: "mail that policy refuses is sent all the same, and only recorded as such".to_owned(),
        help: Some(
            "leave `mode` out, or say \"enforce\", once the records show no refusal of honest mail"
                .to_owned(),
        ),
        path: "policy.mode".to_owned(),
        place: None,
    })
}

/// Why the relay does not start.
pub fn of_start(error: &StartError) -> Vec<Shown> {
    match error {
        StartError::Policy(problems) => of_policies(problems),
        StartError::Gate(gate) => {
            vec![Shown { help: gate.help().map(str::to_owned), ..of_error("policy.files", gate) }]
        }
        StartError::Upstream(_)
        | StartError::Tls(_)
        | StartError::NoListener
        | StartError::Bind(_)
        | StartError::BindAdmin(_)
        | StartError::Listen(_)
        | StartError::Traces(_) => {
            vec![of_error("", error)]
        }
    }
}

/// An error with its causes, about no place in a file.
pub fn of_error(path: &str, error: &dyn Error) -> Shown {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(message, ": {error}");
        cause = error.source();
    }
    Shown { severity: Severity::Error, code: None, message, help: None, path: path.to_owned(), place: None }
}

/// Shows why nothing is started.
pub fn refuse(problems: &[Shown]) -> Exit {
    show(problems);
    Exit::Usage
}

/// Prints all of them to standard error.
pub fn show(problems: &[Shown]) {
    let renderer = if stderr().is_terminal() { Renderer::styled() } else { Renderer::plain() };
    let text: String = problems.iter().map(|problem| render(problem, &renderer) + "\n\n").collect();
    let _ = stderr().write_all(text.as_bytes());
}

fn render(problem: &Shown, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Suggestion => annotate_snippets::Level::HELP.with_name(problem.severity.title()),
        Severity::Warning => annotate_snippets::Level::WARNING,
        Severity::Security => annotate_snippets::Level::WARNING.with_name(problem.severity.title()),
        Severity::Error => annotate_snippets::Level::ERROR,
    };
    let message = if problem.path.is_empty() {
        problem.message.clone()
    } else {
        format!("{}: {}", problem.path, problem.message)
    };
    let mut title = level.primary_title(message);
    if let Some(code) = problem.code {
        title = title.id(code);
    }
    let mut report = Group::with_title(title);
    if let Some(place) = &problem.place {
        let end = place.span.end.min(place.source.len());
        let span = place.span.start.min(end)..end;
        let (line, lines, span) = lines_of(&place.source, span);
        report = report.element(
            Snippet::source(lines)
                .path(&*place.file)
                .line_start(line)
                .annotation(AnnotationKind::Primary.span(span)),
        );
    }
    if let Some(help) = &problem.help {
        report = report.element(annotate_snippets::Level::HELP.message(help.as_str()));
    }
    renderer.render(&[report])
}

/// The number of the first line that a span touches, these lines, and where in them the span is.
fn lines_of(source: &str, span: Range<usize>) -> (usize, &str, Range<usize>) {
    let before = source.get(..span.start).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let behind = source.get(span.end..).unwrap_or_default();
    let end = behind.find('\n').map_or(source.len(), |at| span.end + at);
    let lines = source.get(start..end).unwrap_or(source);
    (before.matches('\n').count() + 1, lines, span.start - start..span.end - start)
}

/// One JSON object for each, for continuous integration.
pub fn to_json(problem: &Shown) -> serde_json::Value {
    let place = problem.place.as_ref().map(|place| {
        let (line, column) = position(&place.source, place.span.start);
        let (end_line, end_column) = position(&place.source, place.span.end);
        json!({
            "file": *place.file,
            "start": {"line": line, "column": column, "offset": place.span.start},
            "end": {"line": end_line, "column": end_column, "offset": place.span.end},
        })
    });
    json!({
        "level": problem.severity.name(),
        "code": problem.code,
        "path": problem.path,
        "message": problem.message,
        "help": problem.help,
        "location": place,
    })
}

/// Line and column, both from one; the column counts characters.
fn position(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset.min(source.len())).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[cfg(test)]
mod tests {
    use annotate_snippets::Renderer;

    use super::{Place, Severity, Shown, position, render};

    #[test]
    fn a_problem_shows_its_line_and_what_to_do() {
        let source = "[ses]\nport = 99999\n".into();
        let problem = Shown {
            severity: Severity::Error,
            code: None,
            message: "expected a port from 1 to 65535".to_owned(),
            help: Some("465 is SES's port for TLS from the start".to_owned()),
            path: "ses.port".to_owned(),
            place: Some(Place { file: "sesgate.toml".into(), source, span: 13..18 }),
        };
        let expected = "error: ses.port: expected a port from 1 to 65535\n \
                        --> sesgate.toml:2:8\n  |\n2 | port = 99999\n  |        ^^^^^\n  |\n  \
                        = help: 465 is SES's port for TLS from the start";
        assert_eq!(render(&problem, &Renderer::plain()), expected);
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(position("a\nöb", 4), (2, 2));
    }
}
