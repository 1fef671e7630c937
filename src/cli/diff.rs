//! `sesgate diff`: what changes for whom between two sets of policies.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::cli::findings::{
    bounds_json, bounds_text, examined_json, examined_text, example_json, example_text, reason_json,
    reason_text, tell,
};
use crate::cli::format::Format;
use crate::cli::problems::Shown;
use crate::cli::{Exit, ground};
use crate::compare::{self, Change, Diff};

/// Exit code 0, or 1 when there is a change that `--fail-on` names
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The policies as they are: a file, a folder, or a pattern such as `policy/*.json`
    old: String,
    /// The policies as they would be
    new: String,
    /// Which changes make the exit code 1
    #[arg(long, value_enum, value_name = "CHANGES")]
    fail_on: Option<FailOn>,
    /// `text` for people, `json` for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    ground: ground::Arguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    NewAllows,
    NewDenies,
    Any,
}

pub fn run(arguments: &Arguments) -> Exit {
    tell(answer(arguments))
}

fn answer(arguments: &Arguments) -> Result<(String, Exit), Vec<Shown>> {
    let config = arguments.ground.load()?;
    let (old, new) = match (ground::policies(&arguments.old), ground::policies(&arguments.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(mut found), other) => {
            found.extend(other.err().into_iter().flatten());
            return Err(found);
        }
        (Ok(_), Err(found)) => return Err(found),
    };
    let ground = arguments.ground.ground(config.as_ref(), &[&old, &new]);
    let sets = [&old, &new].map(|policies| ground::by_app(config.as_ref(), policies));
    let [old, new] = sets.each_ref().map(|sets| ground::side(sets, &ground));
    let diff = compare::diff(&ground, old, new, arguments.ground.limit);
    let text = match arguments.format {
        Format::Text => to_text(&diff),
        Format::Json => format!("{:#}\n", to_json(&diff)),
    };
    let is_failed = match arguments.fail_on {
        Some(FailOn::NewAllows) => !diff.newly_allowed.is_empty(),
        Some(FailOn::NewDenies) => !diff.newly_denied.is_empty(),
        Some(FailOn::Any) => !diff.newly_allowed.is_empty() || !diff.newly_denied.is_empty(),
        None => false,
    };
    Ok((text, if is_failed { Exit::Failed } else { Exit::Done }))
}

fn to_text(diff: &Diff<'_>) -> String {
    let mut text = String::new();
    for (title, changes) in [("Newly allowed", &diff.newly_allowed), ("Newly denied", &diff.newly_denied)] {
        if changes.is_empty() {
            let _ = write!(text, "{title}: nothing\n\n");
            continue;
        }
        let _ = writeln!(text, "{title}:");
        for (number, change) in (1_usize..).zip(changes) {
            let _ = write!(text, "{number:>3}. {}\n\n", change_text(change).trim());
        }
    }
    text + &examined_text(&diff.examined)
}

fn change_text(change: &Change<'_>) -> String {
    let because = |name, reason| format!("     {name:<18}{}\n", reason_text(reason));
    bounds_text(&change.bounds)
        + &example_text(&change.example)
        + &because("old", &change.old)
        + &because("new", &change.new)
}

fn to_json(diff: &Diff<'_>) -> Value {
    let list = |changes: &[Change<'_>]| -> Value { changes.iter().map(change_json).collect() };
    json!({
        "newly_allowed": list(&diff.newly_allowed),
        "newly_denied": list(&diff.newly_denied),
        "examined": examined_json(&diff.examined),
        "assumed": diff.examined.assumed,
        "not_proven": diff.examined.unproven,
    })
}

fn change_json(change: &Change<'_>) -> Value {
    json!({
        "where": bounds_json(&change.bounds),
        "example": example_json(&change.example),
        "old": reason_json(&change.old),
        "new": reason_json(&change.new),
    })
}
