//! `sesgate sandbox`: the relay with sample policies, and a stand-in for SES behind it, on this machine alone.

mod narrator;
mod sample;

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::App;
use crate::cli::serve::told_to_stop;
use crate::cli::{Exit, named_config_file, problems};
use crate::config::{self, Config, ConfigErrors, Environment};
use crate::sandbox::{Fault, Settings, StandIn};
use crate::telemetry::{LogFormat, LogSettings, start_log};
use crate::upstream::Roots;
use narrator::Narrator;

/// Nothing leaves this machine: what is allowed is taken by a stand-in that speaks as SES does, and shown
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where applications connect
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listening_address, default_value = "127.0.0.1:2525")]
    listen: SocketAddr,
    /// Where the admin listener answers
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listening_address, default_value = "127.0.0.1:9025")]
    admin: SocketAddr,
    /// Use this configuration, save where SES is and how to log in there; without one, a sample
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use these policies instead of the sample ones, or of those that the configuration names
    #[arg(long, value_name = "FILE", num_args = 1..)]
    policy: Vec<PathBuf>,
    /// Recipients a second that the stand-in takes, as SES limits an account's rate
    #[arg(long, value_name = "RECIPIENTS", default_value_t = 14)]
    throttle: u32,
    /// Recipients a day that the stand-in takes
    #[arg(long, value_name = "RECIPIENTS", default_value_t = 50_000)]
    quota: u32,
    /// Have the stand-in fail, for instance `end-of-data*3=454 Temporary service failure`
    #[arg(long, value_name = "STEP[*TIMES]=EFFECT")]
    fault: Vec<Fault>,
}

fn listening_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port such as `127.0.0.1:2525`".to_owned())
}

pub fn run(arguments: &Arguments) -> Exit {
    // Only what is out of order: decisions are narrated.
    let log = LogSettings { level: "warn,sesgate::upstream=error".to_owned(), format: LogFormat::Text };
    if let Err(error) = start_log(&log) {
        return problems::refuse(&[problems::of_error("", &error)]);
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(play(arguments)),
        Err(error) => {
            problems::show(&[problems::of_error("", &error)]);
            Exit::Failed
        }
    }
}

async fn play(arguments: &Arguments) -> Exit {
    // The stand-in answers for the identities of the configuration, so that has to be read first.
    let first = match load(arguments, &[]) {
        Ok(config) => config,
        Err(errors) => return problems::refuse(&problems::of_config(&errors)),
    };
    let stand_in = match StandIn::start(stand_in_settings(arguments, &first)).await {
        Ok(stand_in) => stand_in,
        Err(error) => return problems::refuse(&[problems::of_error("", &error)]),
    };
    arguments.fault.iter().for_each(|fault| stand_in.faults().add(fault.clone()));
    let config = match load(arguments, &way_to(&stand_in, &first)) {
        Ok(config) => with_authority(config, &stand_in),
        Err(errors) => return problems::refuse(&problems::of_config(&errors)),
    };
    let narrator = Arc::new(Narrator::new(stand_in.mailbox().clone()));
    let app = match App::start(&config, narrator) {
        Ok(app) => app,
        Err(error) => return problems::refuse(&problems::of_start(&error)),
    };
    let listens = app.addresses().first().copied().unwrap_or(arguments.listen);
    let _ = stdout().write_all(sample::introduction(listens, &config).as_bytes());
    told_to_stop().await;
    let _ = writeln!(stdout(), "\nstopping");
    app.stop().await;
    stand_in.stop().await;
    Exit::Done
}

/// The configuration, with settings that go before all others.
fn load(arguments: &Arguments, way: &[(&str, String)]) -> Result<Config, ConfigErrors> {
    let path = named_config_file(arguments.config.as_deref());
    let mut settings: Vec<(&str, String)> = vec![("SESGATE_LISTENER_ADDRESS", arguments.listen.to_string())];
    settings.push(("SESGATE_ADMIN_ADDRESS", arguments.admin.to_string()));
    if path.is_none() {
        settings.extend(sample::SETTINGS.map(|(name, value)| (name, value.to_owned())));
    }
    // A login of the real SES has no business here, and need not be at hand.
    settings.push(("SESGATE_SES_USER_NAME", "sandbox".to_owned()));
    settings.push(("SESGATE_SES_PASSWORD", "sandbox".to_owned()));
    settings.extend_from_slice(way);
    let policies =
        if arguments.policy.is_empty() && path.is_none() { Some(sample::policies()) } else { None };
    if !arguments.policy.is_empty() {
        settings.push(("SESGATE_POLICY_FILES", absolute(&arguments.policy)));
    }
    let settings = settings.into_iter().map(|(name, value)| (name.into(), value.into()));
    let environment: Environment = std::env::vars_os().chain(settings).collect();
    match policies {
        Some(policies) => config::load_with_policies(path.as_deref(), &environment, policies),
        None => config::load(path.as_deref(), &environment),
    }
}

/// Relative to where the user stands, not to the configuration's folder.
fn absolute(files: &[PathBuf]) -> String {
    let absolute = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
    files.iter().map(|file| absolute(file).display().to_string()).collect::<Vec<_>>().join(",")
}

fn stand_in_settings(arguments: &Arguments, config: &Config) -> Settings {
    Settings {
        region: config.ses.region.clone(),
        account_id: config.ses.account_id.clone(),
        identities: config.ses.identities.iter().map(ToString::to_string).collect(),
        recipients_per_second_max: arguments.throttle,
        recipients_per_day_max: arguments.quota,
        ..Settings::default()
    }
}

fn way_to(stand_in: &StandIn, config: &Config) -> Vec<(&'static str, String)> {
    let endpoint = stand_in.endpoints().implicit_tls;
    vec![
        ("SESGATE_SES_HOST", endpoint.ip().to_string()),
        ("SESGATE_SES_PORT", endpoint.port().to_string()),
        ("SESGATE_SES_SERVER_NAME", format!("email-smtp.{}.amazonaws.com", config.ses.region)),
        ("SESGATE_SES_TLS", "implicit".to_owned()),
        ("SESGATE_SES_USER_NAME", stand_in.login().user_name.clone()),
        ("SESGATE_SES_PASSWORD", stand_in.login().password.expose().to_owned()),
    ]
}

/// The stand-in's certificate is vouched for by an authority that exists only while it runs.
fn with_authority(mut config: Config, stand_in: &StandIn) -> Config {
    config.ses.roots = Roots::Pem(stand_in.ca_pem().as_bytes().to_vec());
    config
}
