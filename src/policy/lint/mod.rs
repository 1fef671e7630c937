//! What is doubtful in policies that can be read: surely wrong, open, of no effect, or not what it looks like.
//!
//! Nothing here takes part in a decision. A lint knows more than the language does: which keys a mail has, which
//! action the relay asks for, which identities it sends from. So it needs its surroundings, and all documents
//! that apply together. What is wrong in the language itself is found where it is compiled.

mod absent;
mod actions;
mod addresses;
mod catalogue;
mod coverage;
mod dead;
mod form;
mod keys;
mod networks;
mod principals;
mod resources;
mod set_operators;
mod subject;
mod vocabulary;
mod whole;

use std::time::SystemTime;

use crate::json::{self, Span};
use crate::policy::compile::{self, Kind};
use crate::policy::finding::{Finding, Findings};
use crate::policy::grammar;
use crate::policy::key::Key;
use crate::policy::statement::Statement;
use crate::policy::syntax::Tree;

use subject::Subject;

/// What the relay is when these policies apply.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    pub region: String,
    pub account_id: String,
    /// The verified addresses and domains.
    pub identities: Vec<String>,
    /// The configuration sets that mails are given.
    pub configuration_sets: Vec<String>,
    /// Keys that no mail will have as things are configured.
    pub unconfigured: Vec<Key>,
    /// Where clients may come from.
    pub families: Vec<Family>,
    pub reach: Reach,
    pub now: SystemTime,
}

/// A document that nobody has read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// What the operator calls it: the path of its file.
    pub name: &'a str,
    pub text: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// How far away clients may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Anywhere,
    /// Listeners are on loopback only, and hear of no other addresses.
    ThisMachine,
}

impl Surroundings {
    fn arn(&self, resource_type: &str, name: &str) -> String {
        let Self { partition, region, account_id, .. } = self;
        format!("arn:{partition}:ses:{region}:{account_id}:{resource_type}/{name}")
    }
}

/// Findings for each of the documents, which apply together. What cannot be read or compiled has none: why is
/// for [`Document::parse`](crate::policy::Document::parse) to say.
pub fn lint(sources: &[Source<'_>], surroundings: &Surroundings) -> Vec<Vec<Finding>> {
    let readings: Vec<Option<Reading<'_>>> = sources.iter().map(Reading::new).collect();
    let mut subjects = Vec::new();
    for (index, reading) in readings.iter().enumerate() {
        subjects.extend(reading.iter().flat_map(|reading| reading.subjects(index)));
    }
    let mut notes = Notes { lists: readings.iter().map(|_| Vec::new()).collect() };
    for (index, reading) in readings.iter().enumerate() {
        if let Some(reading) = reading {
            form::lint(index, reading, &mut notes);
        }
    }
    for subject in &subjects {
        actions::lint(subject, &subjects, &mut notes);
        // What else a statement says matters only if it is about sending.
        if subject.is_about_sending() {
            keys::lint(subject, surroundings, &mut notes);
            set_operators::lint(subject, &mut notes);
            addresses::lint(subject, &mut notes);
            networks::lint(subject, surroundings, &mut notes);
            resources::lint(subject, surroundings, &mut notes);
            principals::lint(subject, surroundings, &mut notes);
            dead::lint(subject, surroundings, &mut notes);
        }
    }
    absent::lint(&subjects, &mut notes);
    coverage::lint(&subjects, &mut notes);
    whole::lint(&subjects, surroundings, &mut notes);
    notes.lists.into_iter().zip(&readings).map(|(list, reading)| in_order(list, reading.as_ref())).collect()
}

/// As the reader meets them, less those about what does not compile: one word about a place is enough.
fn in_order(mut list: Vec<Finding>, reading: Option<&Reading<'_>>) -> Vec<Finding> {
    let wrong = reading.map(|reading| reading.wrong.as_slice()).unwrap_or_default();
    list.retain(|finding| !wrong.contains(&finding.span));
    list.sort_by_key(|finding| finding.span.start);
    list
}

/// A document that can be read, as it is written and as it is compiled.
struct Reading<'a> {
    source: Source<'a>,
    /// Where it does not compile.
    wrong: Vec<Span>,
    has_version: bool,
    tree: Tree<'a>,
    kind: Kind,
    statements: Vec<Statement>,
}

impl<'a> Reading<'a> {
    fn new(source: &Source<'a>) -> Option<Self> {
        let root = json::parse(source.text).ok()?;
        let has_version = match &root.value {
            json::Value::Object(members) => members.iter().any(|member| member.key == "Version"),
            _ => false,
        };
        let mut told = Findings::default();
        let tree = grammar::read(&root, &mut told).ok()?;
        let (kind, statements) = compile::compile(&tree, source.text, &mut told);
        let wrong = told.list.iter().map(|finding| finding.span).collect();
        Some(Self { source: *source, wrong, has_version, tree, kind, statements })
    }

    fn subjects(&self, document: usize) -> impl Iterator<Item = Subject<'_>> {
        let pairs = self.tree.statements.iter().zip(&self.statements).enumerate();
        pairs.map(move |(index, (written, compiled))| {
            let path = if self.tree.is_list { format!("Statement[{index}]") } else { "Statement".to_owned() };
            Subject { document, file: self.source.name, kind: self.kind, written, compiled, path }
        })
    }
}

/// What was noted so far, for each document.
struct Notes {
    lists: Vec<Vec<Finding>>,
}

impl Notes {
    fn push(&mut self, document: usize, finding: Finding) {
        if let Some(list) = self.lists.get_mut(document) {
            list.push(finding);
        }
    }

    fn extend(&mut self, document: usize, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.push(document, finding);
        }
    }
}
