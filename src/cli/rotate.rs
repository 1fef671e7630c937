//! `sesgate rotate`: another access key for the login of SES, published where the relays read it.

#[cfg(feature = "aws")]
mod fleet;
#[cfg(feature = "aws")]
mod plan;
#[cfg(feature = "aws")]
mod shelf;
#[cfg(feature = "aws")]
mod work;

use std::io::{Write, stderr};
use std::time::Duration;

use crate::cli::{ConfigFile, Exit};
use crate::config;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Creates the second key of the IAM user, proves it at SES, publishes it where the configuration reads \
    the login\n(files, or one secret in Secrets Manager), waits until the relays use it, deactivates the old key, and a day \
    later deletes it.\nIt can be stopped at any time and run again: what is left to do follows from IAM and from what is \
    published.\nRun daily with `--if-older-than 90d`, it does all of that by itself. Needs the feature `aws`."
)]
pub struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The IAM user [default: the one that the published key is of]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do one step and stop
    #[arg(long, conflicts_with = "dry_run")]
    one_step: bool,
    /// Begin no rotation while the key is younger than this
    #[arg(long, value_name = "DURATION", value_parser = config::duration, default_value = "0s")]
    if_older_than: Duration,
    /// How long SES may take to know the new key
    #[arg(long, value_name = "DURATION", value_parser = config::duration, default_value = "10m")]
    prove_within: Duration,
    /// How long relays may take to use what is published, and to end the connections that were open. With `--relay`
    /// that is the longest time, and the rotation stops if it was not enough; without, it is waited for in full
    #[arg(long, value_name = "DURATION", value_parser = config::duration, default_value = "15m")]
    wait: Duration,
    /// The admin listener of a relay, which is asked which key it uses. A name stands for all relays whose addresses it
    /// has. May be repeated: name every relay. The token is `[admin] token` of the configuration
    #[arg(long, value_name = "http://HOST:PORT", value_parser = admin_listener)]
    relay: Vec<AdminListener>,
    /// What becomes of the rotation when a relay cannot be asked
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Unreachable::Stop, requires = "relay")]
    unreachable: Unreachable,
    /// How long the old key is kept after that, inactive, before it is deleted
    #[arg(long, value_name = "DURATION", value_parser = config::duration, default_value = "24h")]
    grace: Duration,
    /// Delete a second key that was never published and never used, as a rotation leaves that was stopped at its first
    /// step
    #[arg(long)]
    discard_unused: bool,
}

/// What a relay means that cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Unreachable {
    /// It may use the old key: nothing begins, and no key goes
    Stop,
    /// `--wait` is waited for in full, as without `--relay`
    Wait,
}

/// A name, or an address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AdminListener(String, u16);

fn admin_listener(text: &str) -> Result<AdminListener, String> {
    let authority = text.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let (host, port) = authority.and_then(|authority| authority.rsplit_once(':')).unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match port.parse() {
        Ok(port) if !bare.is_empty() && !bare.contains(['/', '@', '[', ']']) => {
            Ok(AdminListener(bare.to_owned(), port))
        }
        _ => Err("expected the URL of an admin listener such as `http://10.0.0.5:9025`".to_owned()),
    }
}

/// How far a run goes.
#[cfg(feature = "aws")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strides {
    None,
    One,
    All,
}

#[cfg(feature = "aws")]
impl Arguments {
    fn strides(&self) -> Strides {
        match (self.dry_run, self.one_step) {
            (true, _) => Strides::None,
            (false, true) => Strides::One,
            (false, false) => Strides::All,
        }
    }

    fn terms(&self) -> plan::Terms {
        plan::Terms {
            wait: self.wait,
            grace: self.grace,
            age_min: self.if_older_than,
            beginning: plan::Beginning::Allowed,
            strangers: if self.discard_unused { plan::Strangers::Deleted } else { plan::Strangers::Kept },
            unreachable: self.unreachable,
        }
    }
}

#[cfg(feature = "aws")]
pub fn run(arguments: &Arguments) -> Exit {
    use crate::cli::problems;

    let config = match config::load(arguments.file.path().as_deref(), &std::env::vars_os().collect()) {
        Ok(config) => config,
        Err(errors) => return problems::refuse(&problems::of_config(&errors)),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return problems::refuse(&[problems::of_error("", &error)]),
    };
    match runtime.block_on(work::run(&config, arguments)) {
        Ok(()) => Exit::Done,
        Err(reason) => refuse(&reason, Exit::Failed),
    }
}

#[cfg(not(feature = "aws"))]
pub fn run(_: &Arguments) -> Exit {
    refuse(
        "this sesgate was built without the feature `aws`, which `rotate` needs: \
        `cargo build --release --features aws`",
        Exit::Usage,
    )
}

fn refuse(reason: &str, exit: Exit) -> Exit {
    let _ = writeln!(stderr(), "error: {reason}");
    exit
}

#[cfg(test)]
mod tests {
    use super::{AdminListener, admin_listener};

    #[test]
    fn a_relay_is_named_by_the_url_of_its_admin_listener() {
        for (text, host, port) in [
            ("http://10.0.0.5:9025", "10.0.0.5", 9025),
            ("http://relays.internal:80/", "relays.internal", 80),
            ("http://[fd00::5]:9025", "fd00::5", 9025),
        ] {
            assert_eq!(admin_listener(text), Ok(AdminListener(host.to_owned(), port)));
        }
        for text in [
            "10.0.0.5:9025",
            "https://10.0.0.5:9025",
            "http://10.0.0.5",
            "http://10.0.0.5:9025/metrics",
            "http://me:token@10.0.0.5:9025",
            "http://:9025",
            "http://10.0.0.5:99999",
            "",
        ] {
            assert!(admin_listener(text).is_err(), "{text}");
        }
    }
}
