//! How difficult the stand-in is told to be: its flags. What they mean is in `config/SANDBOX.md`.

use std::time::Duration;

use crate::config::Config;
use crate::sandbox::{
    Extensions, Fault, Oversize, Reach, SessionFullAt, Settings, answer_names, parse_duration, step_names,
};

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "What Amazon SES is like")]
pub struct StandInArguments {
    /// Recipients a second that it takes [default: 14, in SES's own sandbox 1]
    #[arg(long, value_name = "RECIPIENTS")]
    throttle: Option<u32>,
    /// Recipients that it takes in 24 hours [default: 50000, in SES's own sandbox 200]
    #[arg(long, value_name = "RECIPIENTS")]
    quota: Option<u32>,
    /// As for an account in SES's own sandbox: only verified identities and the mailbox simulator get mail
    #[arg(long)]
    ses_sandbox: bool,
    /// Silence after which it closes a connection
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "10s")]
    idle_timeout: Duration,
    /// Mails after which it closes a connection
    #[arg(long, value_name = "MAILS", default_value_t = 350)]
    session_mails: u32,
    /// Connections that it takes at a time
    #[arg(long, value_name = "CONNECTIONS", default_value_t = 250)]
    connections: usize,
    /// Age at which a connection breaks, wherever it stands [default: none]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    connection_age: Option<Duration>,
    /// Have it fail, for instance `end-of-data*3=throttled`, `mail~5%=close`; --help has the language
    #[arg(long, value_name = "STEP[*TIMES|~SHARE]=EFFECT", long_help = fault_language())]
    fault: Vec<Fault>,
    /// The message, in octets, that is the longest it takes
    #[arg(long, value_name = "OCTETS", hide = true, default_value_t = 41_943_040)]
    message_octets: usize,
    /// How it meets a longer one: `answered` after the final dot, or `cut` off
    #[arg(long, value_name = "HOW", hide = true, value_parser = oversize, default_value = "answered")]
    oversize: Oversize,
    /// Where a session of enough mails ends: at the next `mail`, or at its `end-of-data`
    #[arg(long, value_name = "STEP", hide = true, value_parser = session_full_at, default_value = "mail")]
    session_full_at: SessionFullAt,
    /// What it offers after EHLO: as in `2012`, `2023` or `2026`
    #[arg(long, value_name = "YEAR", hide = true, value_parser = extensions, default_value = "2026")]
    extensions_of: Extensions,
    /// How long a login that is added later is refused
    #[arg(long, value_name = "DURATION", hide = true, value_parser = parse_duration, default_value = "0s")]
    new_login_delay: Duration,
    /// Of the dice that `~SHARE` throws
    #[arg(long, value_name = "NUMBER", hide = true, default_value_t = 0)]
    seed: u64,
}

impl StandInArguments {
    pub fn faults(&self) -> &[Fault] {
        &self.fault
    }

    /// For the account of a configuration.
    pub fn settings(&self, config: &Config) -> Settings {
        let (reach, throttle, quota) =
            if self.ses_sandbox { (Reach::VerifiedRecipients, 1, 200) } else { (Reach::Anyone, 14, 50_000) };
        Settings {
            region: config.ses.region.clone(),
            account_id: config.ses.account_id.clone(),
            identities: config.ses.identities.iter().map(ToString::to_string).collect(),
            reach,
            recipients_per_second_max: self.throttle.unwrap_or(throttle),
            recipients_per_day_max: self.quota.unwrap_or(quota),
            idle_timeout: self.idle_timeout,
            session_mails_max: self.session_mails,
            session_full_at: self.session_full_at,
            connections_max: self.connections,
            connection_age_max: self.connection_age,
            message_octets_max: self.message_octets,
            oversize: self.oversize,
            extensions: self.extensions_of,
            new_login_delay: self.new_login_delay,
            seed: self.seed,
            ..Settings::default()
        }
    }
}

fn fault_language() -> String {
    let list = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>().join(", ");
    format!(
        "Have it fail. May be repeated: at each step the first fault that waits there strikes.\n\n\
         STEP is one of {}.\n\
         `*3` is three times, `*` always, `~5%` one time in twenty; else it is once.\n\
         EFFECT is `close`, `reset`, `close-after` (the step happens, and nobody is told), `delay 5s`, or an answer:\n\
         words such as `451 Later`, any words behind `say`, or SES's own by a name:\n{}.\n\
         Before an answer, `close` closes behind it and `cut` breaks off before its line ends.",
        list(&mut step_names()),
        list(&mut answer_names()),
    )
}

fn oversize(text: &str) -> Result<Oversize, String> {
    match text {
        "answered" => Ok(Oversize::Answered),
        "cut" => Ok(Oversize::Cut),
        _ => Err("expected `answered` or `cut`".to_owned()),
    }
}

fn session_full_at(text: &str) -> Result<SessionFullAt, String> {
    match text {
        "mail" => Ok(SessionFullAt::Mail),
        "end-of-data" => Ok(SessionFullAt::EndOfData),
        _ => Err("expected `mail` or `end-of-data`".to_owned()),
    }
}

fn extensions(text: &str) -> Result<Extensions, String> {
    match text {
        "2012" => Ok(Extensions::Of2012),
        "2023" => Ok(Extensions::Of2023),
        "2026" => Ok(Extensions::Of2026),
        _ => Err("expected `2012`, `2023` or `2026`".to_owned()),
    }
}
