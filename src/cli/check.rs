//! `sesgate check`: what is wrong with the configuration and the policies, without starting anything.

use std::io::{Write, stdout};
use std::path::Path;

use serde_json::json;

use crate::app;
use crate::cli::format::Format;
use crate::cli::problems::{Severity, Shown};
use crate::cli::{ConfigFile, Exit, problems};
use crate::config::{self, Config};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 0 when the relay would start, 2 when it would not, or when anything of the level \
    of --fail-on is found. Opens no port and connects to \
    nothing:\nwhether a port is free and SES takes the login is known when the relay runs."
)]
pub struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// `text` for people, `json` for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The least level that fails; the relay itself refuses errors only
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Severity::Error)]
    fail_on: Severity,
}

/// What a configuration comes to: all that was found, and what the relay would do with it.
struct Outcome {
    found: Vec<Shown>,
    /// `None` when it would not start.
    summary: Option<String>,
}

pub fn run(arguments: &Arguments) -> Exit {
    let outcome = check(arguments.file.path().as_deref());
    let fails = outcome.found.iter().any(|shown| shown.severity >= arguments.fail_on);
    let counts = count(&outcome.found);
    match arguments.format {
        Format::Text => {
            problems::show(&outcome.found);
            // Errors speak for themselves, on the other stream.
            if let Some(summary) = &outcome.summary {
                let verdict = format!("ok: {summary}");
                let _ = writeln!(stdout(), "{}", [vec![verdict], in_words(&counts)].concat().join("; "));
            }
        }
        Format::Json => {
            let list: Vec<_> = outcome.found.iter().map(problems::to_json).collect();
            let counts: serde_json::Map<_, _> =
                counts.iter().map(|(level, number)| (level.name().to_owned(), json!(number))).collect();
            let answer = json!({ "ok": outcome.summary.is_some(), "counts": counts, "problems": list });
            let _ = writeln!(stdout(), "{answer:#}");
        }
    }
    if fails { Exit::Usage } else { Exit::Done }
}

fn check(path: Option<&Path>) -> Outcome {
    let refused = |found| Outcome { found, summary: None };
    let config = match config::load(path, &std::env::vars_os().collect()) {
        Ok(config) => config,
        Err(errors) => return refused(problems::of_configuration(&errors)),
    };
    let loaded = match app::load_policies(&config) {
        Ok(loaded) => loaded,
        Err(found) => return refused(problems::of_policies(&found)),
    };
    let mut found = problems::of_policies(&loaded.problems);
    found.extend(config.listeners.iter().flat_map(problems::of_certificates));
    found.extend(problems::of_candidate(app::load_candidate(&config)));
    found.extend(problems::of_shadow_mode(&config));
    match app::rehearse(&config, loaded.documents) {
        Ok(()) => Outcome { found, summary: Some(summary(&config)) },
        Err(error) => {
            found.extend(problems::of_start(&error));
            refused(found)
        }
    }
}

fn summary(config: &Config) -> String {
    let documents = config.policy.files.len();
    let listeners: Vec<String> =
        config.listeners.iter().map(|listener| listener.address.to_string()).collect();
    format!(
        "{documents} policy document{}, listening on {}, sending to {}:{}",
        if documents == 1 { "" } else { "s" },
        listeners.join(", "),
        config.ses.host,
        config.ses.port,
    )
}

/// How much there is of each level, the worst first.
fn count(found: &[Shown]) -> [(Severity, usize); 4] {
    [Severity::Error, Severity::Security, Severity::Warning, Severity::Suggestion]
        .map(|level| (level, found.iter().filter(|shown| shown.severity == level).count()))
}

fn in_words(counts: &[(Severity, usize)]) -> Vec<String> {
    let words = |(level, number): &(Severity, usize)| {
        let ending = if *number == 1 { "" } else { "s" };
        format!("{number} {}{ending}", level.title())
    };
    let present: Vec<String> = counts.iter().filter(|(_, number)| *number > 0).map(words).collect();
    if present.is_empty() { present } else { vec![present.join(", ")] }
}
