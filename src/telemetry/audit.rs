//! One record for each mail: what it claimed, what policy said, what the client heard, what SES answered.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Takes the records: a log for machines, or a narrator at a terminal.
pub trait AuditSink: Send + Sync + std::fmt::Debug {
    fn record(&self, record: &Record<'_>);
}

/// Everything about one mail that an operator asks for, and nothing of its content.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// RFC 3339, in UTC.
    pub time: String,
    pub decision_id: String,
    pub app: &'a str,
    /// What showed that the client is this app: `network`, `certificate` or `login`.
    pub known_by: String,
    pub client: String,
    pub listener: &'a str,
    pub tls: bool,
    pub greeting_name: &'a str,
    /// Empty for `MAIL FROM:<>`.
    pub mail_from: &'a str,
    pub from: Option<&'a str>,
    pub from_display_name: Option<&'a str>,
    pub recipients: Vec<&'a str>,
    pub octets: usize,
    /// The earlier decision by which SES may have this very mail already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<String>,
    pub effect: Effect,
    /// `false`: by its policies the mail would have been refused, and in shadow mode it was sent all the same.
    #[serde(skip_serializing_if = "is_true")]
    pub enforced: bool,
    /// What the candidate policies say, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateVerdict>,
    pub resources: Vec<JudgedResource<'a>>,
    pub fields_removed: Vec<&'a str>,
    pub reply: String,
    /// What became of it on the way to SES, in one word; none if SES was not asked.
    pub outcome: Option<&'static str>,
    pub ses_message_id: Option<&'a str>,
    pub ses_session: Option<&'a str>,
    pub steps: Steps,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_true(value: &bool) -> bool {
    *value
}

/// What became of the question whether the mail may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    Allow,
    ExplicitDeny,
    ImplicitDeny,
    /// The mail was refused before policy was asked: its header, its sender's identity, its recipients' number.
    NotJudged,
}

/// What policy said of one resource.
#[derive(Debug, Clone, Serialize)]
pub struct JudgedResource<'a> {
    pub resource: &'a str,
    pub effect: Effect,
    /// `file:line (Sid)` of the statement that decided; none for an implicit deny.
    pub statement: Option<String>,
}

/// What a set of policies says of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CandidateVerdict {
    pub effect: Effect,
    /// `file:line (Sid)` of the statement that decided; none for an implicit deny.
    pub statement: Option<String>,
}

impl Effect {
    /// As it stands in records and labels.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::ExplicitDeny => "explicit-deny",
            Self::ImplicitDeny => "implicit-deny",
            Self::NotJudged => "not-judged",
        }
    }
}

/// How long each step took.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Steps {
    pub judge_microseconds: u64,
    pub deliver_microseconds: u64,
}

/// Writes each record as a line of JSON.
#[derive(Debug)]
pub struct JsonLines<W>(Mutex<W>);

impl<W: Write> JsonLines<W> {
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Write + Send + std::fmt::Debug> AuditSink for JsonLines<W> {
    fn record(&self, record: &Record<'_>) {
        // Written in one piece, so that lines of several writers to one pipe do not mix.
        let line = serde_json::to_vec(record).map(|mut line| {
            line.push(b'\n');
            line
        });
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = line.map_err(std::io::Error::from).and_then(|line| {
            writer.write_all(&line)?;
            writer.flush()
        });
        if let Err(error) = written {
            tracing::error!(%error, decision = record.decision_id, "an audit record could not be written");
        }
    }
}
