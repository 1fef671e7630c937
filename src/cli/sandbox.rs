//! `sesgate sandbox`: the relay with sample policies, and a stand-in for SES behind it, on this machine alone.

mod narrator;
mod sample;
mod stand_in;
mod taken;

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, Following, Source};
use crate::cli::serve::told_to_stop;
use crate::cli::{Exit, named_config_file, problems};
use crate::config::{self, Config, Environment, Reading};
use crate::credentials::{Login, LoginError};
use crate::sandbox::{Settings, StandIn};
use crate::telemetry::{Addresses, LogFormat, LogSettings, flush_log, start_log};
use crate::upstream::{Roots, Security, Transport};
use narrator::Narrator;
use stand_in::StandInArguments;
use taken::Taken;

/// Nothing leaves this machine: what is allowed is taken by a stand-in that speaks as SES does, and shown
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Where applications connect; of several listeners the first, and the others at the ports that follow
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
    /// Ask over HTTP what Amazon SES was sent, and make it difficult while it runs: config/SANDBOX.md
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listening_address)]
    control: Option<SocketAddr>,
    #[command(flatten)]
    stand_in: StandInArguments,
}

fn listening_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port such as `127.0.0.1:2525`".to_owned())
}

pub fn run(arguments: &Arguments) -> Exit {
    // Only what is out of order, and what was reloaded: decisions are narrated.
    let log = LogSettings {
        level: "warn,sesgate::upstream=error,sesgate::app::reload=info".to_owned(),
        format: LogFormat::Text,
        addresses: Addresses::Plain,
    };
    if let Err(error) = start_log(&log) {
        return problems::refuse(&[problems::of_error("", &error)]);
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let exit = runtime.block_on(play(arguments));
            flush_log(Duration::from_secs(1));
            exit
        }
        Err(error) => {
            problems::show(&[problems::of_error("", &error)]);
            Exit::Failed
        }
    }
}

async fn play(arguments: &Arguments) -> Exit {
    // The stand-in answers for the identities of the configuration, so that has to be read first.
    let Reading { config, footprint } = read(arguments);
    let config = match config {
        Ok(config) => listening(config, arguments.listen),
        Err(errors) => return problems::refuse(&problems::of_config(&errors)),
    };
    let settings = Settings { control: arguments.control, ..arguments.stand_in.settings(&config) };
    let stand_in = match StandIn::start(settings).await {
        Ok(stand_in) => stand_in,
        Err(error) => return problems::refuse(&[problems::of_error("", &error)]),
    };
    let config = match led_to(&stand_in, config) {
        Ok(config) => config,
        Err(error) => return problems::refuse(&[problems::of_error("", &error)]),
    };
    let narrator = Arc::new(Narrator::new(stand_in.mailbox().clone()));
    let app = match App::start(&config, narrator) {
        Ok(app) => app,
        Err(error) => return problems::refuse(&problems::of_start(&error)),
    };
    app.follow(Following { source: again(arguments, &config.ses), footprint, log_level: None });
    app.show(Arc::new(Taken::new(stand_in.mailbox().clone())));
    // Whoever looks at the page first reads that all is well; if it is not, `keep_proven` says why. Faults are for mails.
    let _ = app.probe_ses().await;
    arguments.stand_in.faults().iter().for_each(|fault| stand_in.faults().add(fault.clone()));
    let introduction = sample::introduction(&app, stand_in.control(), &config);
    let _ = stdout().write_all(introduction.as_bytes());
    tokio::select! {
        () = told_to_stop() => {}
        () = app.keep_proven() => {}
    }
    let _ = writeln!(stdout(), "\nstopping");
    app.stop().await;
    stand_in.stop().await;
    Exit::Done
}

/// The configuration as it is by then, and the stand-in where it is.
fn again(arguments: &Arguments, ses: &config::Ses) -> Source {
    let (arguments, stand_in) = (arguments.clone(), ses.clone());
    Arc::new(move || {
        let Reading { config, footprint } = read(&arguments);
        let config = config.map(|config| {
            let config::Ses { host, server_name, roots, login, .. } = stand_in.clone();
            let (port, tls) = (stand_in.port, stand_in.tls);
            let ses = config::Ses { host, server_name, port, tls, roots, login, ..config.ses.clone() };
            listening(Config { ses, ..config }, arguments.listen)
        });
        Reading { config, footprint }
    })
}

/// The configuration, with settings that go before all others.
fn read(arguments: &Arguments) -> Reading {
    let path = named_config_file(arguments.config.as_deref());
    let mut settings: Vec<(&str, String)> = vec![("SESGATE_ADMIN_ADDRESS", arguments.admin.to_string())];
    if path.is_none() {
        settings.extend(sample::SETTINGS.map(|(name, value)| (name, value.to_owned())));
    }
    let policies =
        if arguments.policy.is_empty() && path.is_none() { Some(sample::policies()) } else { None };
    if !arguments.policy.is_empty() {
        settings.push(("SESGATE_POLICY_FILES", absolute(&arguments.policy)));
    }
    let settings = settings.into_iter().map(|(name, value)| (name.into(), value.into()));
    let environment: Environment = std::env::vars_os().chain(settings).collect();
    config::read_for_rehearsal(path.as_deref(), &environment, policies)
}

/// Relative to where the user stands, not to the configuration's folder.
fn absolute(files: &[PathBuf]) -> String {
    let absolute = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
    files.iter().map(|file| absolute(file).display().to_string()).collect::<Vec<_>>().join(",")
}

/// SES is the stand-in. Its certificate is vouched for by an authority that exists only while it runs.
fn led_to(stand_in: &StandIn, mut config: Config) -> Result<Config, LoginError> {
    let (endpoint, login) = (stand_in.endpoints().implicit_tls, stand_in.login());
    let ses = &mut config.ses;
    // Nothing goes to the real SES.
    ses.standbys.clear();
    ses.transport = Transport::Smtp;
    ses.host = endpoint.ip().to_string();
    ses.port = endpoint.port();
    ses.server_name = format!("email-smtp.{}.amazonaws.com", ses.region);
    ses.tls = Security::ImplicitTls;
    ses.roots = Roots::Pem(stand_in.ca_pem().as_bytes().to_vec());
    let login = Login::new(login.user_name.clone(), login.password.clone())?;
    ses.login = Some(config::SesLogin::fixed(login));
    Ok(config)
}

/// Where the configuration listens may be in use, or open to other machines.
fn listening(mut config: Config, first: SocketAddr) -> Config {
    let mut next = first;
    for listener in &mut config.listeners {
        listener.address = next;
        // Port 0 is any that is free, each time.
        if next.port() > 0 {
            next.set_port(next.port().saturating_add(1));
        }
    }
    config
}
