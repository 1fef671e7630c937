//! Answers what the page asks about policies: what is in force, why a mail was decided as it was, and what would become
//! of another, by these policies or by others.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::admin::{Attempt, Candidate, Explanation, Setting, ShownDocument, ShownFinding, Tried};
use crate::app::{self, LoadedPolicies, Offline, OfflineMail, PastMail, PolicyProblem, told};
use crate::config::{Config, MailSketch, PolicyFile};
use crate::gate::GateError;
use crate::telemetry::Record;

/// A mail that is tried. What is judged is its header.
const MESSAGE_OCTETS_MAX: usize = 1024 * 1024;
/// IAM's own bound for a managed policy is 6,144 characters; a document here may take the place of many.
const CANDIDATE_OCTETS_MAX: usize = 256 * 1024;
/// What a candidate is called that stands for no document.
const CANDIDATE: &str = "candidate";

/// What is judged by, kept for questions.
#[derive(Debug)]
pub(super) struct Desk {
    config: Config,
    offline: Offline,
    documents: Vec<ShownDocument>,
}

impl Desk {
    pub(super) fn new(config: &Config, loaded: &LoadedPolicies) -> Result<Self, GateError> {
        let documents = told::documents(&config.policy.files, loaded.documents.clone(), &loaded.problems);
        let offline = Offline::new(config, loaded.documents.clone())?;
        Ok(Self { config: config.clone(), offline, documents })
    }

    pub(super) fn documents(&self) -> &[ShownDocument] {
        &self.documents
    }

    pub(super) fn setting(&self) -> Setting {
        let Config { ses, apps, listeners, .. } = &self.config;
        let sender = ses.identities.first().map(ToString::to_string).unwrap_or_default();
        let identities: Vec<String> = ses.identities.iter().map(ToString::to_string).collect();
        let documents = self.documents.len();
        let statements: usize = self.documents.iter().map(|document| document.statements.len()).sum();
        Setting {
            place: format!("{} · {}", ses.region, ses.account_id),
            facts: vec![
                ("Policies", format!("{statements} statements in {documents} documents")),
                ("Identities", identities.join(", ")),
                ("Amazon SES", format!("{}:{}", ses.host, ses.port)),
                ("Version", env!("CARGO_PKG_VERSION").to_owned()),
            ],
            apps: apps.iter().map(|app| app.name.clone()).collect(),
            listeners: listeners.iter().map(|listener| listener.name.clone()).collect(),
            sender: if sender.contains('@') { sender } else { format!("app@{sender}") },
        }
    }

    pub(super) fn explain(&self, record: &Record<'_>) -> Result<Explanation, String> {
        match PastMail::recall(record) {
            Ok(mail) => Ok(told::explanation(&self.offline.judge_again(&mail))),
            Err(error) => Err(format!("It cannot be judged again: {error}.")),
        }
    }

    pub(super) fn try_out(&self, attempt: &Attempt) -> Result<Tried, String> {
        let mail = self.mail(attempt)?;
        let now = told::explanation(&self.offline.judge(&mail));
        let then =
            if attempt.candidate.trim().is_empty() { None } else { Some(self.candidate(attempt, &mail)?) };
        Ok(Tried { now, then })
    }

    fn mail(&self, attempt: &Attempt) -> Result<OfflineMail, String> {
        let said = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let list = |text: &str| said(text).into_iter().collect::<Vec<_>>();
        let Attempt { from, to, cc, bcc, mail_from, client, listener, app, message, .. } = attempt;
        if [from, to, cc, bcc, mail_from].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
            return Err("Each field is one line.".to_owned());
        }
        if message.len() > MESSAGE_OCTETS_MAX {
            return Err(format!(
                "The message is longer than {MESSAGE_OCTETS_MAX} octets; its header is enough."
            ));
        }
        let client = said(client).map(|text| text.parse::<IpAddr>()).transpose();
        let client = client.map_err(|_| "The client address is no IP address.".to_owned())?;
        let app = app::sender(&self.config, said(app).as_deref(), client)
            .ok_or("No app has a network with this client in it: choose one.")?;
        let sketch = MailSketch {
            message: said(message).map(String::into_bytes),
            from: said(from),
            to: list(to),
            cc: list(cc),
            bcc: list(bcc),
            mail_from: said(mail_from),
            client,
            listener: said(listener),
            app: Some(app),
            ..MailSketch::default()
        };
        let usual = self.config.listeners.first().map_or("", |listener| &listener.name);
        OfflineMail::compose(sketch, usual, SystemTime::now())
            .map_err(|error| format!("No mail yet: {error}."))
    }

    /// The same mail, with another document beside those in force or in place of one.
    fn candidate(&self, attempt: &Attempt, mail: &OfflineMail) -> Result<Candidate, String> {
        let Attempt { candidate, replaces, .. } = attempt;
        if candidate.len() > CANDIDATE_OCTETS_MAX {
            return Err(format!("The candidate is longer than {CANDIDATE_OCTETS_MAX} octets."));
        }
        let name = if replaces.is_empty() { CANDIDATE } else { replaces };
        let file = PolicyFile { path: PathBuf::from(name), text: candidate.clone() };
        let mut config = self.config.clone();
        let files = &mut config.policy.files;
        match files.iter_mut().find(|known| known.path.display().to_string() == name) {
            Some(known) => *known = file.clone(),
            None if replaces.is_empty() => files.push(file.clone()),
            None => return Err(format!("`{name}` is no document in force.")),
        }
        let (loaded, problems) = match app::load_policies(&config) {
            Ok(loaded) => (Some(loaded.documents), loaded.problems),
            Err(problems) => (None, problems),
        };
        let one = std::slice::from_ref(&file);
        let shown = |problems: &[PolicyProblem]| {
            let document = told::documents(one, loaded.clone().unwrap_or_default(), problems).pop();
            document.ok_or_else(|| "There is no candidate.".to_owned())
        };
        let mut document = shown(&problems)?;
        let offline = loaded.clone().map(|documents| Offline::new(&config, documents)).transpose();
        let explanation = match &offline {
            Ok(offline) => offline.as_ref().map(|offline| told::explanation(&offline.judge(mail))),
            Err(error) => {
                document.findings.push(unusable(error));
                None
            }
        };
        Ok(Candidate { explanation, document })
    }
}

/// What keeps policies from being used together.
fn unusable(error: &GateError) -> ShownFinding {
    let (level, code) = ("error".to_owned(), "UNUSABLE");
    let fix = error.help().map(str::to_owned);
    ShownFinding { line: 1, level, code, message: error.to_string(), fix }
}
