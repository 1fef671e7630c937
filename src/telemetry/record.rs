//! One record for each mail: what it claimed, what policy said, what the client heard, what SES answered.
//!
//! A record holds all that the decision rests on, so that the mail can be judged again by other policies, and
//! nothing of its content. It is read back by the same type that writes it. `config/AUDIT.md` says what each field
//! means.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::telemetry::line;

/// Everything about one mail that an operator asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record<'a> {
    /// RFC 3339, in UTC.
    pub time: String,
    pub decision_id: String,
    pub app: Cow<'a, str>,
    /// What showed that the client is this app: `network`, `certificate` or `login`.
    pub known_by: Cow<'a, str>,
    pub client: String,
    pub listener: Cow<'a, str>,
    pub tls: bool,
    pub greeting_name: Cow<'a, str>,
    /// How much of addresses is shown here: a word of `[log] addresses`.
    pub addresses: Cow<'a, str>,
    /// Empty for `MAIL FROM:<>`.
    pub mail_from: Cow<'a, str>,
    pub from: Option<Cow<'a, str>>,
    pub from_display_name: Option<Cow<'a, str>>,
    pub recipients: Vec<Cow<'a, str>>,
    pub octets: usize,
    pub sender: Option<Cow<'a, str>>,
    pub resent_senders: Vec<Cow<'a, str>>,
    pub reply_to: Vec<Cow<'a, str>>,
    /// Those that the header names.
    pub header_recipients: Vec<Cow<'a, str>>,
    /// The mail's own, whether or not it counts.
    pub configuration_set: Option<Cow<'a, str>>,
    pub message_id: Option<Cow<'a, str>>,
    /// MAIL FROM as SES hears it.
    pub ses_mail_from: Option<Cow<'a, str>>,
    /// The earlier decision by which SES may have this very mail already.
    pub repeats: Option<String>,
    pub effect: Effect,
    /// `false`: by its policies the mail would have been refused, and in shadow mode it was sent all the same.
    pub enforced: bool,
    /// What the candidate policies say, where there are any.
    pub candidate: Option<CandidateVerdict>,
    pub resources: Vec<JudgedResource<'a>>,
    pub fields_removed: Vec<Cow<'a, str>>,
    pub reply: String,
    /// What became of the mail, in one word.
    pub outcome: Cow<'a, str>,
    pub ses_message_id: Option<Cow<'a, str>>,
    pub ses_session: Option<Cow<'a, str>>,
    /// Host and port that it was sent to, or that was to take it.
    pub ses_endpoint: Option<Cow<'a, str>>,
    pub steps: Steps,
}

impl Record<'_> {
    /// `file:line (Sid)` of the statement that decided, if one did.
    pub fn statement(&self) -> Option<&str> {
        let deciding = self.resources.iter().find(|judged| judged.effect == self.effect);
        deciding?.statement.as_deref()
    }

    /// As it stands in the audit log, the line's end included.
    pub fn line(&self) -> Arc<[u8]> {
        // Only a writer can fail, and memory does not.
        line::json(self).unwrap_or_default().into()
    }
}

/// What became of the question whether the mail may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    Allow,
    ExplicitDeny,
    ImplicitDeny,
    /// The mail was refused before policy was asked: its header, its sender's identity, its recipients' number.
    NotJudged,
}

/// What policy said of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedResource<'a> {
    pub resource: Cow<'a, str>,
    pub effect: Effect,
    /// `file:line (Sid)` of the statement that decided; none for an implicit deny.
    pub statement: Option<String>,
}

/// What a set of policies says of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// Reading the header.
    pub inspect_microseconds: u64,
    /// Asking the policies.
    pub judge_microseconds: u64,
    /// Waiting for a turn, and saying it to SES.
    pub deliver_microseconds: u64,
}
