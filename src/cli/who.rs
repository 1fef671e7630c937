//! `sesgate who`: which apps, clients and recipients may send as an address.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::findings::{
    bounds_json, bounds_text, examined_json, examined_text, example_json, example_text, reason_json,
    reason_text, tell,
};
use crate::cli::format::Format;
use crate::cli::problems::Shown;
use crate::cli::{ConfigFile, Exit, ground, problems};
use crate::compare::{self, Permission, Who};
use crate::config;
use crate::policy::Glob;

/// Exit code 0 when somebody may, 1 when nobody may
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address in From, or a pattern for it: `ceo@example.com`, `*@example.com`
    from: String,
    /// The policies to ask: a file, a folder or a pattern; else those of the configuration
    #[arg(long, value_name = "POLICIES")]
    policies: Option<String>,
    /// `text` for people, `json` for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    ground: ground::Arguments,
}

pub fn run(arguments: &Arguments) -> Exit {
    tell(answer(arguments))
}

fn answer(arguments: &Arguments) -> Result<(String, Exit), Vec<Shown>> {
    let (policies, config) = match (&arguments.policies, &arguments.ground.config) {
        (Some(named), None) => (ground::policies(named)?, None),
        (named, path) => {
            let path = ConfigFile { config: path.clone() }.path();
            let config = config::load_for_judging(path.as_deref(), &std::env::vars_os().collect(), None)
                .map_err(|errors| problems::of_config(&errors))?;
            let policies = match named {
                Some(named) => ground::policies(named)?,
                None => ground::compiled(&config.policy.files)?,
            };
            (policies, Some(config))
        }
    };
    let ground = arguments.ground.ground(config.as_ref(), &[&policies]);
    let sets = ground::by_app(config.as_ref(), &policies);
    let side = ground::side(&sets, &ground);
    let who = compare::who(&ground, side, &Glob::new(&compared(&arguments.from)), arguments.ground.limit);
    let text = match arguments.format {
        Format::Text => to_text(&arguments.from, &who),
        Format::Json => format!("{:#}\n", to_json(&who)),
    };
    Ok((text, if who.allowed.is_empty() { Exit::Failed } else { Exit::Done }))
}

/// The domain of an address is in lower case by the time policies see it.
fn compared(from: &str) -> String {
    match from.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => from.to_owned(),
    }
}

fn to_text(from: &str, who: &Who<'_>) -> String {
    let mut text = if who.examined.combinations == 0 {
        format!("Nobody may send as `{from}`: no verified identity covers it, so SES takes no such mail.\n\n")
    } else if who.allowed.is_empty() {
        format!("Nobody may send as `{from}`.\n\n")
    } else if who.is_everyone {
        format!("Everybody may send as `{from}`:\n")
    } else {
        format!("May send as `{from}`, and nobody else:\n")
    };
    for (number, permission) in (1_usize..).zip(&who.allowed) {
        let _ = write!(text, "{number:>3}. {}\n\n", permission_text(permission).trim());
    }
    text + &examined_text(&who.examined)
}

fn permission_text(permission: &Permission<'_>) -> String {
    bounds_text(&permission.bounds)
        + &example_text(&permission.example)
        + &format!("     {:<18}{}\n", "because", reason_text(&permission.reason))
}

fn to_json(who: &Who<'_>) -> Value {
    let allowed: Value = who
        .allowed
        .iter()
        .map(|permission| {
            json!({
                "where": bounds_json(&permission.bounds),
                "example": example_json(&permission.example),
                "because": reason_json(&permission.reason),
            })
        })
        .collect();
    json!({
        "allowed": allowed,
        "everybody": who.is_everyone,
        "examined": examined_json(&who.examined),
        "assumed": who.examined.assumed,
        "not_proven": who.examined.unproven,
    })
}
