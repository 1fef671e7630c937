//! What the page shows, as plain texts: policies, explanations, trials, mails. Whoever has them makes them.

use crate::telemetry::Effect;

/// What the operator should see on every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub weight: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Good to know.
    Told,
    /// Not to be missed.
    Alarming,
}

/// The words that a mail can be described with.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Beside the name of the program: where SES is.
    pub place: String,
    /// What is in force, and since when.
    pub facts: Vec<(&'static str, String)>,
    pub apps: Vec<String>,
    pub listeners: Vec<String>,
    /// An address that may probably send.
    pub sender: String,
}

/// A mail of which the candidate policies say otherwise than those in force.
#[derive(Debug, Clone)]
pub struct ShownDisagreement {
    pub time: String,
    pub id: String,
    pub from: String,
    pub in_force: String,
    pub candidate: String,
}

/// A policy document in force.
#[derive(Debug, Clone)]
pub struct ShownDocument {
    pub name: String,
    pub text: String,
    pub statements: Vec<ShownStatement>,
    pub findings: Vec<ShownFinding>,
}

#[derive(Debug, Clone)]
pub struct ShownStatement {
    /// Its Sid, or its number.
    pub title: String,
    pub effect: &'static str,
    /// Counted from one, the last one included.
    pub first_line: usize,
    pub last_line: usize,
    /// As records name it.
    pub place: String,
}

#[derive(Debug, Clone)]
pub struct ShownFinding {
    pub line: usize,
    pub level: String,
    pub code: &'static str,
    pub message: String,
    pub fix: Option<String>,
}

/// What would become of a mail, and why.
#[derive(Debug, Clone)]
pub struct Explanation {
    pub effect: Effect,
    /// What the client hears.
    pub reply: String,
    /// What keeps the mail from being judged.
    pub defect: Option<String>,
    /// The mail in the policies' words.
    pub facts: Vec<(String, String)>,
    pub resources: Vec<ExplainedResource>,
}

#[derive(Debug, Clone)]
pub struct ExplainedResource {
    pub resource: String,
    pub effect: Effect,
    /// One clause: by what.
    pub decision: String,
    /// Those that are about the mail first.
    pub statements: Vec<ExplainedStatement>,
    /// A key that is absent, a value with which all would be different, and how.
    pub missing: Vec<(String, String, String)>,
}

#[derive(Debug, Clone)]
pub struct ExplainedStatement {
    pub title: String,
    pub effect: &'static str,
    /// The document's name.
    pub document: String,
    pub line: usize,
    /// Whether it matches, and what that means.
    pub standing: String,
    pub part: Part,
    pub conditions: Vec<ExplainedCondition>,
}

/// The part that a statement has in a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Decides,
    Matches,
    /// It is about such mail, and a condition fails.
    Fails,
    /// It is about other things.
    Elsewhere,
}

#[derive(Debug, Clone)]
pub struct ExplainedCondition {
    pub holds: bool,
    pub operator: String,
    pub key: String,
    pub wanted: Vec<String>,
    /// What the mail holds.
    pub met: Vec<String>,
    pub variables: Vec<(String, String)>,
    pub why: String,
}

/// A mail to be tried, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    pub from: String,
    pub to: String,
    pub cc: String,
    pub bcc: String,
    pub mail_from: String,
    pub client: String,
    pub listener: String,
    pub app: String,
    /// A whole message instead of From, To, Cc and Bcc.
    pub message: String,
    /// A policy document to be tried beside those in force.
    pub candidate: String,
    /// The name of the document that it stands for.
    pub replaces: String,
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct Tried {
    /// By what is in force.
    pub now: Explanation,
    pub then: Option<Candidate>,
}

/// The same mail by other policies.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Nothing if the document cannot be used; its findings say why.
    pub explanation: Option<Explanation>,
    pub document: ShownDocument,
}

/// A mail that was taken by a stand-in for SES.
#[derive(Debug, Clone)]
pub struct TakenMail {
    pub id: String,
    pub time: String,
    pub from: String,
    pub recipients: Vec<String>,
    pub subject: String,
    pub octets: usize,
}

/// One of them, in full.
#[derive(Debug, Clone)]
pub struct WholeMail {
    pub summary: TakenMail,
    pub mail_from: String,
    pub fields: Vec<(String, String)>,
    pub text: String,
    pub source: String,
}

/// The mails that a stand-in for SES has, the newest first.
pub trait Mails: Send + Sync + std::fmt::Debug {
    fn newest(&self) -> Vec<TakenMail>;
    fn find(&self, id: &str) -> Option<WholeMail>;
}

impl ExplainedResource {
    pub(super) fn word(&self) -> &'static str {
        effect_word(self.effect)
    }

    pub(super) fn tone(&self) -> &'static str {
        effect_tone(self.effect)
    }
}

pub(super) fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allowed",
        Effect::ExplicitDeny => "denied",
        Effect::ImplicitDeny => "not allowed",
        Effect::NotJudged => "not judged",
    }
}

pub(super) fn effect_tone(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "good",
        Effect::ExplicitDeny | Effect::ImplicitDeny | Effect::NotJudged => "bad",
    }
}

impl ExplainedStatement {
    pub(super) fn class(&self) -> &'static str {
        match self.part {
            Part::Decides => "decides",
            Part::Matches => "matches",
            Part::Fails => "misses",
            Part::Elsewhere => "elsewhere",
        }
    }

    pub(super) fn is_elsewhere(&self) -> bool {
        self.part == Part::Elsewhere
    }
}

impl ExplainedCondition {
    pub(super) fn wanted_text(&self) -> String {
        self.wanted.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn met_text(&self) -> String {
        self.met.join(", ")
    }
}
