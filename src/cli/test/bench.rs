//! Where policies are put to the test: each case is judged as the relay would judge it, and compared.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::app::{self, Offline, OfflineMail, Trial};
use crate::cli::problems::{self, Severity, Shown};
use crate::cli::test::CaseResult;
use crate::cli::test::coverage::Coverage;
use crate::config::{self, AccountSketch, Case, Cases, Config, Expected, Place, PolicyFile, Ruling};
use crate::gate::{App, statement_name};
use crate::mail::Address;
use crate::policy::{Document, Policies, Verdict};
use crate::telemetry::Effect;

#[derive(Default)]
pub struct Bench {
    /// Goes before what the cases say of account and policies.
    configured: Option<(Config, Vec<Arc<Document>>)>,
    /// By path, so that each is read once.
    documents: HashMap<PathBuf, (PolicyFile, Arc<Document>)>,
    /// Those in error, so that each is told of once.
    refused: HashSet<PathBuf>,
    coverage: Coverage,
}

impl Bench {
    pub fn configured(config: Config, documents: Vec<Arc<Document>>) -> Self {
        Self { configured: Some((config, documents)), ..Self::default() }
    }

    pub fn coverage(self) -> Coverage {
        self.coverage
    }

    /// Runs every case of a file. What cannot be run is told instead.
    pub fn run(&mut self, file: &Path) -> (Vec<CaseResult>, Vec<Shown>) {
        let Cases { text, account, cases } = match config::load_cases(file) {
            Ok(cases) => cases,
            Err(errors) => return (Vec::new(), problems::of_config(&errors)),
        };
        let file = CaseFile { path: file.display().to_string(), text, account };
        let (mut results, mut wrong) = (Vec::new(), Vec::new());
        for case in cases {
            match self.case(&file, case) {
                Ok(result) => results.push(result),
                Err(problems) => wrong.extend(problems),
            }
        }
        (results, wrong)
    }

    fn case(&mut self, file: &CaseFile, case: Case) -> Result<CaseResult, Vec<Shown>> {
        let Case { name, place, policies, mut mail, expected } = case;
        let cannot = |message: String| vec![file.refusal(&place, &name, message)];
        if let Some((config, _)) = &self.configured {
            let app = app::sender(config, mail.app.as_deref(), mail.client);
            mail.app = Some(app.ok_or_else(|| cannot("nothing shows which app sends the mail".to_owned()))?);
        }
        let mail = OfflineMail::compose(mail, self.listener(), SystemTime::now());
        let mail = mail.map_err(|error| cannot(error.to_string()))?;
        let (config, documents) = match &self.configured {
            Some((config, documents)) => (config.clone(), documents.clone()),
            None => self.assumed(&policies, &file.account, &mail).map_err(|found| match found {
                Unfit::Policies(shown) => shown,
                Unfit::Account(message) => cannot(message),
            })?,
        };
        let offline = Offline::new(&config, documents);
        let offline = offline.map_err(|error| {
            let help = error.help().map(str::to_owned);
            vec![Shown { help, ..file.refusal(&place, &name, error.to_string()) }]
        })?;
        let Some(policies) = offline.gate().app(&mail.app).map(App::policies) else {
            return Err(cannot("the policies have no such app".to_owned()));
        };
        if let Some(unknown) = expected.statement.as_deref().filter(|name| !is_known(name, policies)) {
            return Err(cannot(format!("no statement of the policies is called `{unknown}`")));
        }
        let trial = offline.judge(&mail);
        self.coverage.add(policies, &trial);
        let differences = differences(&expected, &trial);
        let line = if let Place::Text { line, .. } = place { line } else { 1 };
        let (file, reply) = (file.path.clone(), trial.reply.to_string());
        Ok(CaseResult { file, line, name, differences, reply })
    }

    /// Where a mail comes in that does not say it.
    fn listener(&self) -> &str {
        let listeners = self.configured.as_ref().map(|(config, _)| config.listeners.as_slice());
        listeners.and_then(<[_]>::first).map_or("default", |listener| &listener.name)
    }

    fn assumed(
        &mut self,
        paths: &[PathBuf],
        account: &AccountSketch,
        mail: &OfflineMail,
    ) -> Result<(Config, Vec<Arc<Document>>), Unfit> {
        let mut files = Vec::new();
        let mut documents = Vec::new();
        for path in paths {
            let (file, document) = self.document(path).map_err(Unfit::Policies)?;
            files.push(file);
            documents.push(document);
        }
        let bounces = Address::parse(&mail.mail_from).ok();
        let senders: Vec<&Address> = mail.author.iter().chain(&bounces).collect();
        let config = app::assumed_config(files, &documents, account, &senders, &mail.app);
        Ok((config.map_err(|error| Unfit::Account(problems::of_error("", &error).message))?, documents))
    }

    fn document(&mut self, path: &Path) -> Result<(PolicyFile, Arc<Document>), Vec<Shown>> {
        if let Some(known) = self.documents.get(path) {
            return Ok(known.clone());
        }
        let read = read(path);
        match &read {
            Ok(known) => {
                self.documents.insert(path.to_owned(), known.clone());
            }
            Err(_) if !self.refused.insert(path.to_owned()) => return Err(Vec::new()),
            Err(_) => {}
        }
        read
    }
}

fn read(path: &Path) -> Result<(PolicyFile, Arc<Document>), Vec<Shown>> {
    let file = PolicyFile::read(path.to_owned()).map_err(|error| vec![problems::of_error("", &error)])?;
    let documents = app::read_policies(std::slice::from_ref(&file));
    let mut documents = documents.map_err(|found| problems::of_policies(&found))?;
    // One file that can be read is one document.
    documents.pop().map(|document| (file, document)).ok_or_else(Vec::new)
}

/// A file of cases, and what holds for all of them.
struct CaseFile {
    path: String,
    text: String,
    account: AccountSketch,
}

impl CaseFile {
    /// Why a case cannot be run.
    fn refusal(&self, place: &Place, case: &str, message: String) -> Shown {
        let place = match place {
            Place::Text { span, .. } => Some(problems::Place {
                file: self.path.as_str().into(),
                source: self.text.as_str().into(),
                span: span.clone(),
            }),
            Place::File(_) | Place::Variable(_) | Place::Environment => None,
        };
        Shown { severity: Severity::Error, code: None, message, help: None, path: case.to_owned(), place }
    }
}

/// Why there is nothing to judge by.
enum Unfit {
    Policies(Vec<Shown>),
    Account(String),
}

fn is_known(name: &str, policies: &Policies) -> bool {
    policies.references().any(|statement| statement_name(statement) == name)
}

fn differences(expected: &Expected, trial: &Trial<'_>) -> Vec<String> {
    let mut differences = Vec::new();
    let effect = trial.effect();
    let fits = match expected.ruling {
        Ruling::Allow => effect == Effect::Allow,
        Ruling::Deny => effect != Effect::Allow,
        Ruling::ExplicitDeny => effect == Effect::ExplicitDeny,
        Ruling::ImplicitDeny => effect == Effect::ImplicitDeny,
        Ruling::NotJudged => effect == Effect::NotJudged,
    };
    if !fits {
        differences.push(format!("expected {}, found {}", ruling(expected.ruling), found(effect)));
    }
    let deciding = deciding(trial);
    if let Some(statement) = expected.statement.as_ref().filter(|name| !deciding.contains(name)) {
        let deciding = if deciding.is_empty() { "none".to_owned() } else { deciding.join(", ") };
        differences.push(format!("expected the statement {statement} to decide, found {deciding}"));
    }
    let reply = trial.reply.to_string();
    if let Some(part) = expected.reply.as_ref().filter(|part| !reply.contains(part.as_str())) {
        differences.push(format!("expected `{part}` in the reply"));
    }
    differences
}

/// The statements that made the mail's effect what it is: one for each resource, at most.
fn deciding(trial: &Trial<'_>) -> Vec<String> {
    let verdict = match trial.effect() {
        Effect::Allow => Verdict::Allow,
        Effect::ExplicitDeny => Verdict::ExplicitDeny,
        Effect::ImplicitDeny | Effect::NotJudged => return Vec::new(),
    };
    let decisions = trial.resources().iter().map(|examined| examined.explanation.decision);
    let decisions = decisions.filter(|decision| decision.verdict == verdict);
    decisions.filter_map(|decision| decision.statement).map(statement_name).collect()
}

fn ruling(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Allow => "allow",
        Ruling::Deny => "deny",
        Ruling::ExplicitDeny => "explicit-deny",
        Ruling::ImplicitDeny => "implicit-deny",
        Ruling::NotJudged => "not-judged",
    }
}

fn found(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::ExplicitDeny => "explicit-deny",
        Effect::ImplicitDeny => "implicit-deny",
        Effect::NotJudged => "not-judged",
    }
}
