//! `sesgate explain`: one mail through the gate, offline, and why it is answered as it is.

mod decision;
mod json;
mod text;

use std::fs::File;
use std::io::{self, Read, Write, stdin, stdout};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::app::{self, AccountError, Offline, OfflineMail};
use crate::cli::format::Format;
use crate::cli::paint::Paint;
use crate::cli::problems::{self, Severity, Shown};
use crate::cli::{Exit, named_config_file};
use crate::config::{
    self, AccountSketch, Config, ConfigErrors, Environment, Listener, ListenerTls, MailSketch, PolicyFile,
};
use crate::policy::Document;
use crate::telemetry::Effect;

/// Far above what SES takes, so that the relay's own limit is what is met.
const MESSAGE_OCTETS_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is sent, and no login is needed. Exit code 0 if the mail would be allowed, 3 if it would be\n\
    refused, 2 if there is nothing to judge by. What may be said more than once is said by repeating its flag."
)]
pub struct Arguments {
    /// Judge by this configuration and its policies
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Judge by these policies; without a configuration, the account is the one that they name
    #[arg(long, value_name = "FILE", num_args = 1..)]
    policy: Vec<PathBuf>,
    /// `text` for people, `json` for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Explain a mail of the past, by the decision that its reply names
    #[arg(long, value_name = "ID", requires = "audit")]
    decision: Option<String>,
    /// The audit records to look for it in; `-` is standard input
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "decision")]
    audit: Vec<PathBuf>,
    #[command(flatten)]
    mail: MailFlags,
    #[command(flatten)]
    account: AccountFlags,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The mail")]
struct MailFlags {
    /// A whole message; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["decision", "from", "display_name", "sender", "reply_to", "to", "cc", "bcc", "octets"])]
    eml: Option<PathBuf>,
    /// The From field: an address, or `Name <address>`
    #[arg(long, conflicts_with = "decision")]
    from: Option<String>,
    /// The name beside the address in From
    #[arg(long, value_name = "NAME", requires = "from")]
    display_name: Option<String>,
    /// The Sender field
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// In the Reply-To field
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Vec<String>,
    /// In the To field
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// In the Cc field
    #[arg(long, value_name = "ADDRESS")]
    cc: Vec<String>,
    /// In the Bcc field, which is removed before the mail goes on
    #[arg(long, value_name = "ADDRESS")]
    bcc: Vec<String>,
    /// The size of the message
    #[arg(long)]
    octets: Option<usize>,
    /// MAIL FROM, `<>` for none; without it, the address of From
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// RCPT TO; without it, all who are named in To, Cc and Bcc
    #[arg(long, value_name = "ADDRESS")]
    rcpt: Vec<String>,
    /// Where it comes from [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// The listener it came through [default: the first]
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    /// It came over TLS
    #[arg(long)]
    tls: bool,
    /// Who sends it; without it, the app whose network the client is in
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// When, such as 2026-06-01T12:00:00Z; without it, now
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The account at SES, if no configuration says it")]
struct AccountFlags {
    /// Its region
    #[arg(long, conflicts_with = "config")]
    region: Option<String>,
    /// Twelve digits
    #[arg(long, value_name = "ID", conflicts_with = "config")]
    account_id: Option<String>,
    /// A verified domain or address
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    identity: Vec<String>,
    /// The configuration set of the mail
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    configuration_set: Option<String>,
}

pub fn run(arguments: &Arguments) -> Exit {
    if let Some(decision) = &arguments.decision {
        return of_decision(decision, arguments);
    }
    let (offline, mail) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(problems) => return problems::refuse(&problems),
    };
    let trial = offline.judge(&mail);
    let shown = match arguments.format {
        Format::Text => text::render(&trial, &mail, Paint::detect()),
        Format::Json => format!("{:#}\n", json::render(&trial, &mail)),
    };
    let _ = stdout().write_all(shown.as_bytes());
    if trial.effect() == Effect::Allow { Exit::Done } else { Exit::Denied }
}

fn of_decision(decision: &str, arguments: &Arguments) -> Exit {
    let policies = match policy_files(arguments) {
        Ok(policies) => policies,
        Err(problems) => return problems::refuse(&problems),
    };
    let (config, format) = (arguments.config.clone(), arguments.format);
    decision::run(decision::Question { decision, audit: &arguments.audit, config, policies, format })
}

fn policy_files(arguments: &Arguments) -> Result<Vec<PolicyFile>, Vec<Shown>> {
    let files = arguments.policy.iter().map(|path| PolicyFile::read(path.clone()));
    files.collect::<Result<_, _>>().map_err(|error| vec![problems::of_error("--policy", &error)])
}

fn prepare(arguments: &Arguments) -> Result<(Offline, OfflineMail), Vec<Shown>> {
    let path = named_config_file(arguments.config.as_deref());
    let files = policy_files(arguments)?;
    if path.is_none() && files.is_empty() {
        let message = "there are no policies to judge by".to_owned();
        return Err(vec![usage("", message, "say --config FILE or --policy FILE...")]);
    }
    let mut sketch = arguments.mail.sketch()?;
    let compose = |sketch: MailSketch, listener: &str| {
        let composed = OfflineMail::compose(sketch, listener, SystemTime::now());
        composed.map_err(|error| vec![usage("", error.to_string(), "say --from and --to, or --eml FILE")])
    };
    // A configuration goes before flags about the account, which clap does not let stand beside it.
    let (config, documents, mail) = if let Some(path) = path.filter(|_| arguments.account.is_silent()) {
        let (config, documents) = configured(&path, files)?;
        let listener = listener(&config, sketch.listener.as_deref())?;
        sketch.app = Some(app::sender(&config, sketch.app.as_deref(), sketch.client).ok_or_else(|| {
            let names: Vec<&str> = config.apps.iter().map(|app| app.name.as_str()).collect();
            let message = "nothing shows which app sends the mail".to_owned();
            vec![usage("--app", message, &format!("say one of {}", names.join(", ")))]
        })?);
        sketch.tls = Some(arguments.mail.tls || listener.tls == ListenerTls::Implicit);
        let mail = compose(sketch, &listener.name)?;
        (config, documents, mail)
    } else {
        let documents = app::read_policies(&files).map_err(|found| problems::of_policies(&found))?;
        let mail = compose(sketch, "default")?;
        let bounce = crate::mail::Address::parse(&mail.mail_from).ok();
        let senders: Vec<_> = mail.author.iter().chain(&bounce).collect();
        let config = app::assumed_config(files, &documents, &arguments.account.sketch(), &senders, &mail.app);
        (config.map_err(|error| of_account(&error))?, documents, mail)
    };
    let offline = Offline::new(&config, documents);
    Ok((offline.map_err(|error| problems::of_start(&error.into()))?, mail))
}

pub fn configured(path: &Path, files: Vec<PolicyFile>) -> Result<(Config, Vec<Arc<Document>>), Vec<Shown>> {
    let environment: Environment = std::env::vars_os().collect();
    let files = (!files.is_empty()).then_some(files);
    let config = config::load_for_judging(Some(path), &environment, files);
    let config = config.map_err(|errors| problems::of_config(&errors))?;
    let loaded = app::load_policies(&config).map_err(|found| problems::of_policies(&found))?;
    Ok((config, loaded.documents))
}

/// The one of this name, or the first.
fn listener<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c Listener, Vec<Shown>> {
    let is_meant = |listener: &&Listener| name.is_none_or(|name| listener.name == name);
    config.listeners.iter().find(is_meant).ok_or_else(|| {
        let names: Vec<&str> = config.listeners.iter().map(|listener| listener.name.as_str()).collect();
        vec![usage(
            "--listener",
            "there is no such listener".to_owned(),
            &format!("say one of {}", names.join(", ")),
        )]
    })
}

impl MailFlags {
    fn sketch(&self) -> Result<MailSketch, Vec<Shown>> {
        let texts = [&self.from, &self.display_name, &self.sender, &self.mail_from];
        let lists = [&self.reply_to, &self.to, &self.cc, &self.bcc, &self.rcpt];
        let mut all = texts.into_iter().flatten().chain(lists.into_iter().flatten());
        if let Some(text) = all.find(|text| text.contains(['\r', '\n', '\0'])) {
            let message = format!("`{}` is more than one line", text.escape_debug());
            return Err(vec![usage("", message, "give it on one line")]);
        }
        let message = self.eml.as_deref().map(read_message).transpose();
        Ok(MailSketch {
            message: message.map_err(|error| vec![problems::of_error("--eml", &error)])?,
            from: self.from.clone(),
            display_name: self.display_name.clone(),
            sender: self.sender.clone(),
            reply_to: self.reply_to.clone(),
            to: self.to.clone(),
            cc: self.cc.clone(),
            bcc: self.bcc.clone(),
            configuration_set: None,
            octets: self.octets,
            mail_from: self.mail_from.clone(),
            rcpt: self.rcpt.clone(),
            client: self.client,
            listener: self.listener.clone(),
            tls: Some(self.tls),
            app: self.app.clone(),
            at: self.at.map(SystemTime::from),
        })
    }
}

impl AccountFlags {
    fn is_silent(&self) -> bool {
        let Self { region, account_id, identity, configuration_set } = self;
        region.is_none() && account_id.is_none() && identity.is_empty() && configuration_set.is_none()
    }

    fn sketch(&self) -> AccountSketch {
        AccountSketch {
            region: self.region.clone(),
            account_id: self.account_id.clone(),
            identities: self.identity.clone(),
            configuration_set: self.configuration_set.clone(),
            bounce_address: None,
        }
    }
}

fn read_message(path: &Path) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    if path == Path::new("-") {
        stdin().take(MESSAGE_OCTETS_MAX).read_to_end(&mut message)?;
    } else {
        File::open(path)?.take(MESSAGE_OCTETS_MAX).read_to_end(&mut message)?;
    }
    Ok(message)
}

/// What was said on the command line is wrong, though the configuration that it was put into has other words.
pub fn of_account(error: &AccountError) -> Vec<Shown> {
    match error {
        AccountError::Several { .. } => {
            vec![usage("", error.to_string(), "say which: --region or --account-id")]
        }
        AccountError::Config(errors) => of_flags(errors),
    }
}

fn of_flags(errors: &ConfigErrors) -> Vec<Shown> {
    let shown = |problem: &config::Problem| {
        let key = problem.key.as_deref().unwrap_or_default();
        let flag = match key.split('[').next().unwrap_or(key) {
            "ses.identities" => "--identity".to_owned(),
            key => key.replace("ses.", "--").replace('_', "-"),
        };
        Shown { help: problem.help(), ..usage(&flag, problem.message(), "") }
    };
    errors.problems().iter().map(shown).collect()
}

fn usage(path: &str, message: String, help: &str) -> Shown {
    let help = Some(help.to_owned());
    Shown { severity: Severity::Error, code: None, message, help, path: path.to_owned(), place: None }
}
