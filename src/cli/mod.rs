//! The command line: what the user typed, and what each command prints. What the commands do lives elsewhere.

mod check;
mod diff;
mod explain;
mod findings;
mod format;
mod ground;
mod hash_password;
mod health;
mod http;
mod paint;
mod problems;
mod records;
mod replay;
mod rotate;
mod sandbox;
mod serve;
pub mod simulate;
mod smtp_password;
mod suggest;
mod test;
mod who;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The outcome of a command, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    Failed,
    /// Bad usage or bad configuration. Clap's own errors leave with the same code.
    Usage,
    /// The mail that was asked about would be refused.
    Denied,
}

/// An SMTP relay in front of Amazon SES that asks IAM policies, for every mail, whether this client may send it.
#[derive(Debug, Parser)]
#[command(name = "sesgate", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 denied.\n\
    To begin: `sesgate sandbox` needs no AWS account and no configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: a relay and a stand-in for SES on this machine, with sample policies and every decision shown
    Sandbox(sandbox::Arguments),
    /// Run the relay
    #[command(
        after_help = "Standard output has one line of JSON for each mail; the log is on standard error. SIGTERM \
        stops it:\nno new connections, and what is in hand is finished, for at most `[server] drain`. Files that \
        change are read again\nby themselves, or at once on SIGHUP; what is in error changes nothing."
    )]
    Serve(ConfigFile),
    /// Check the configuration and the policies without starting anything
    Check(check::Arguments),
    /// Say why a mail would be sent or refused, without sending it
    Explain(Box<explain::Arguments>),
    /// Run the tests of policies that are kept beside them in `*.test.toml`
    Test(test::Arguments),
    /// Judge requests by policies: JSON Lines in, JSON Lines out
    Simulate(simulate::Arguments),
    /// Tell what changes for whom between two sets of policies
    Diff(diff::Arguments),
    /// Judge the mails of an audit log by other policies: who would newly be refused or allowed
    Replay(replay::Arguments),
    /// Write a first policy that allows the mails of an audit log, and little else
    Suggest(suggest::Arguments),
    /// Tell who may send as an address: which apps, from where, to whom
    Who(who::Arguments),
    /// Replace the access key of the login at SES, step by step, while the relays run
    Rotate(rotate::Arguments),
    /// Derive the SES SMTP password of an IAM secret access key
    SmtpPassword(smtp_password::Arguments),
    /// Hash the password of an app's login, for the configuration
    HashPassword(hash_password::Arguments),
    /// Ask the running relay whether it answers (for a container's HEALTHCHECK)
    #[command(
        after_help = "Asks the admin listener, /healthz or with --ready /readyz; if it is off, every listener has to greet. \
        Exit code 0 for\nyes, 1 for no. Reads the configuration that `serve` reads."
    )]
    Health(health::Arguments),
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file [default: `SESGATE_CONFIG`, else /etc/sesgate/sesgate.toml if there is one, else none:
    /// all settings come from the environment]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where a container's volume puts it.
const USUAL_CONFIG_FILE: &str = "/etc/sesgate/sesgate.toml";

impl ConfigFile {
    fn path(&self) -> Option<PathBuf> {
        named_config_file(self.config.as_deref())
            .or_else(|| Some(PathBuf::from(USUAL_CONFIG_FILE)).filter(|path| path.exists()))
    }
}

/// As the command line says, else as the environment does.
fn named_config_file(argument: Option<&Path>) -> Option<PathBuf> {
    argument.map(Path::to_owned).or_else(|| std::env::var_os("SESGATE_CONFIG").map(PathBuf::from))
}

impl Arguments {
    pub fn run(self) -> Exit {
        match self.command {
            Command::Sandbox(arguments) => sandbox::run(&arguments),
            Command::Serve(file) => serve::run(file.path().as_deref()),
            Command::Check(arguments) => check::run(&arguments),
            Command::Explain(arguments) => explain::run(&arguments),
            Command::Test(arguments) => test::run(&arguments),
            Command::Simulate(arguments) => simulate::run(&arguments),
            Command::Diff(arguments) => diff::run(&arguments),
            Command::Replay(arguments) => replay::run(&arguments),
            Command::Suggest(arguments) => suggest::run(&arguments),
            Command::Who(arguments) => who::run(&arguments),
            Command::Rotate(arguments) => rotate::run(&arguments),
            Command::SmtpPassword(arguments) => smtp_password::run(&arguments),
            Command::HashPassword(arguments) => hash_password::run(&arguments),
            Command::Health(arguments) => health::run(&arguments),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Denied => 3,
        })
    }
}
