//! `sesgate suggest`: a first policy that allows what was seen, and little else.

mod learn;
mod patterns;
mod write;

use std::io::{Write, stderr};
use std::path::PathBuf;

use crate::app::{Offline, PastMail};
use crate::cli::findings::tell;
use crate::cli::problems::{self, Severity, Shown};
use crate::cli::{Exit, records, replay};
use crate::config::PolicyFile;
use crate::telemetry::{Effect, Record};
use learn::Learned;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The policy is printed on standard output, how often each statement was used on standard error. Read it before\n\
    you use it: what was seen may hold what should not have been allowed. `sesgate check` and `replay` try it."
)]
pub struct Arguments {
    /// Files of audit records
    #[arg(required = true)]
    audit: Vec<PathBuf>,
    /// Learn from mails that were denied too
    #[arg(long)]
    include_denied: bool,
}

pub fn run(arguments: &Arguments) -> Exit {
    tell(answer(arguments))
}

fn answer(arguments: &Arguments) -> Result<(String, Exit), Vec<Shown>> {
    let is_wanted = |record: &Record<'_>| match record.effect {
        Effect::Allow => true,
        Effect::ExplicitDeny | Effect::ImplicitDeny => arguments.include_denied,
        // SES would take it from nobody.
        Effect::NotJudged => false,
    };
    let mut learned = Learned::default();
    let mut masked = 0_usize;
    records::read(&arguments.audit, |record| {
        if is_wanted(record) {
            match PastMail::recall(record) {
                Ok(_) => learned.add(record),
                Err(_) => masked = masked.saturating_add(1),
            }
        }
    })?;
    let statements = learned.statements();
    if statements.is_empty() {
        let message = match masked {
            0 => "there is no mail to learn from".to_owned(),
            mails => {
                format!("{mails} mails cannot be learned from: their records do not show their addresses")
            }
        };
        return Err(vec![wrong(
            message,
            "only mails that were allowed count, unless --include-denied is said",
        )]);
    }
    let policy = write::policy(&statements);
    let refused = refused(arguments, &policy, is_wanted)?;
    if refused > 0 {
        let message = format!("the policy would refuse {refused} of the mails that it was made of");
        return Err(vec![wrong(message, "this is a fault of sesgate; please report it")]);
    }
    let _ = stderr().write_all(write::report(&statements, masked).as_bytes());
    Ok((policy, Exit::Done))
}

/// How many of the mails the policy would refuse: what it was made for is tried, not believed.
fn refused(
    arguments: &Arguments,
    policy: &str,
    is_wanted: impl Fn(&Record<'_>) -> bool,
) -> Result<usize, Vec<Shown>> {
    let file = PolicyFile { path: "the suggested policy".into(), text: policy.to_owned() };
    let (config, documents) = replay::recorded(&arguments.audit, vec![file])?;
    let offline = Offline::new(&config, documents).map_err(|error| problems::of_start(&error.into()))?;
    let mut refused = 0_usize;
    records::read(&arguments.audit, |record| {
        if let Some(mail) = PastMail::recall(record).ok().filter(|_| is_wanted(record)) {
            let refusal = offline.gate().opinion(&mail.case()).refusal;
            refused = refused.saturating_add(usize::from(refusal.is_some()));
        }
    })?;
    Ok(refused)
}

fn wrong(message: String, help: &str) -> Shown {
    let help = Some(help.to_owned());
    Shown { severity: Severity::Error, code: None, message, help, path: String::new(), place: None }
}
