//! `sesgate replay`: the mails of an audit log against another set of policies.

mod judge;
mod report;

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::{self, Offline};
use crate::cli::diff::FailOn;
use crate::cli::findings::tell;
use crate::cli::format::Format;
use crate::cli::problems::{self, Severity, Shown};
use crate::cli::{Exit, explain, named_config_file, records};
use crate::config::{self, Config, PolicyFile};
use crate::gate::Gate;
use crate::policy::Document;
use judge::{Change, Replayed};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every mail that was judged is judged again, as the relay would at the time of the mail. Exit code 0, or 1 when\n\
    there is a change that --fail-on names. Records need `log.addresses = \"plain\"`."
)]
pub struct Arguments {
    /// Files of audit records; `-` is standard input
    #[arg(required = true)]
    audit: Vec<PathBuf>,
    /// The new policies: files, folders or patterns such as `policy/*.json`
    #[arg(long, value_name = "POLICIES", num_args = 1..)]
    policy: Vec<String>,
    /// Judge by this configuration, and by its policies if no others are named; without one, account, apps and
    /// identities are those that the records name
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which changes make the exit code 1
    #[arg(long, value_enum, value_name = "CHANGES")]
    fail_on: Option<FailOn>,
    /// So many mails are shown of each change
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    examples: usize,
    /// `text` for people, `json` for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(arguments: &Arguments) -> Exit {
    tell(answer(arguments))
}

fn answer(arguments: &Arguments) -> Result<(String, Exit), Vec<Shown>> {
    let files = policy_files(&arguments.policy)?;
    let offline = match named_config_file(arguments.config.as_deref()) {
        Some(path) => {
            let (config, documents) = explain::configured(&path, files)?;
            Offline::new(&config, documents)
        }
        None if files.is_empty() => {
            return Err(vec![usage(
                "there are no policies to judge by",
                "say --policy FILE... or --config FILE",
            )]);
        }
        None => {
            let (config, documents) = recorded(&arguments.audit, files)?;
            Offline::new(&config, documents)
        }
    };
    let offline = offline.map_err(|error| problems::of_start(&error.into()))?;
    let replayed = replay(offline.gate(), arguments)?;
    let text = match arguments.format {
        Format::Text => report::text(&replayed),
        Format::Json => format!("{:#}\n", report::json(&replayed)),
    };
    let is_failed = match arguments.fail_on {
        Some(FailOn::NewAllows) => replayed.count(Change::Allowed) > 0,
        Some(FailOn::NewDenies) => replayed.count(Change::Refused) > 0,
        Some(FailOn::Any) => replayed.count(Change::Allowed) + replayed.count(Change::Refused) > 0,
        None => false,
    };
    Ok((text, if is_failed { Exit::Failed } else { Exit::Done }))
}

fn replay(gate: &Gate, arguments: &Arguments) -> Result<Replayed, Vec<Shown>> {
    let mut replayed = Replayed::new(arguments.examples);
    replayed.unread = records::read(&arguments.audit, |record| replayed.add(gate, record))?;
    if replayed.judged() == 0 {
        let message = match replayed.aside.iter().next() {
            Some((why, _)) => format!("no mail can be judged again: {why}"),
            None => "there is no audit record".to_owned(),
        };
        return Err(vec![usage(&message, "`config/AUDIT.md` says what a record is")]);
    }
    Ok(replayed)
}

pub fn policy_files(named: &[String]) -> Result<Vec<PolicyFile>, Vec<Shown>> {
    let mut files = Vec::new();
    for name in named {
        let found = config::policy_files(name).map_err(|error| vec![problems::of_error(name, &error)])?;
        files.extend(found);
    }
    Ok(files)
}

/// These policies, and a configuration like the one under which the records were made, as far as they tell.
pub fn recorded(
    audit: &[PathBuf],
    files: Vec<PolicyFile>,
) -> Result<(Config, Vec<Arc<Document>>), Vec<Shown>> {
    if audit.iter().any(|path| path.as_os_str() == "-") {
        return Err(vec![usage(
            "standard input can be read once only, and account and apps would have to be known before",
            "say --config FILE, or name a file",
        )]);
    }
    let documents = app::read_policies(&files).map_err(|found| problems::of_policies(&found))?;
    let mut seen = app::Recorded::default();
    records::read(audit, |record| seen.add(record))?;
    let config = seen.config(files, &documents).map_err(|error| explain::of_account(&error))?;
    Ok((config, documents))
}

fn usage(message: &str, help: &str) -> Shown {
    let help = Some(help.to_owned());
    Shown {
        severity: Severity::Error,
        code: None,
        message: message.to_owned(),
        help,
        path: String::new(),
        place: None,
    }
}
