//! What the audit log is told of a mail. Nothing of its content.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::gate::{DecisionId, Grounds, Judged, Refusal};
use crate::inspect::Findings;
use crate::mail::{Address, ReversePath, Submission, Transport};
use crate::policy::{StatementRef, Verdict};
use crate::relay::Ending;
use crate::smtp::Reply;
use crate::telemetry::{CandidateVerdict, Effect, JudgedResource, Record, Steps};
use crate::upstream::{Outcome, SessionId};

/// All that is known of a mail when it is settled.
pub(super) struct Mail<'a> {
    pub now: SystemTime,
    pub decision: DecisionId,
    pub findings: Option<&'a Findings<'a>>,
    pub resources: &'a [Judged<'a>],
    pub ending: &'a Ending,
    pub candidate: Option<CandidateVerdict>,
    pub repeats: Option<DecisionId>,
    pub reply: &'a Reply,
    pub judged: Duration,
    pub delivered: Duration,
}

impl Mail<'_> {
    pub(super) fn record(&self) -> Record<'_> {
        let Submission { app, client, greeting, envelope, message } = self.ending.submission();
        let message_id = match self.ending {
            Ending::Delivered(_, Outcome::Accepted { message_id, .. }) => Some(message_id.as_str()),
            Ending::Delivered(..)
            | Ending::GivenUp(_)
            | Ending::Withheld(..)
            | Ending::Refused(_)
            | Ending::Defective(_) => None,
        };
        Record {
            time: rfc3339(self.now),
            decision_id: self.decision.to_string(),
            app: &app.name,
            known_by: app.by.to_string(),
            client: client.address.to_string(),
            listener: &client.listener,
            tls: client.transport == Transport::Tls,
            greeting_name: &greeting.name,
            mail_from: match envelope.reverse_path() {
                ReversePath::Mailbox(address) => address.as_str(),
                ReversePath::Null => "",
            },
            from: self.findings.map(|findings| findings.from.address.as_str()),
            from_display_name: self.findings.and_then(|findings| findings.from.display_name.as_deref()),
            recipients: envelope.recipients().iter().map(Address::as_str).collect(),
            octets: message.octets(),
            repeats: self.repeats.as_ref().map(ToString::to_string),
            effect: self.effect(),
            enforced: self.ending.is_enforced(),
            candidate: self.candidate.clone(),
            resources: self.resources.iter().map(judged_resource).collect(),
            fields_removed: self.ending.fields_removed(),
            reply: self.reply.to_string(),
            outcome: self.ending.outcome(),
            ses_message_id: message_id,
            ses_session: self.ending.session().map(SessionId::as_str),
            steps: Steps {
                judge_microseconds: microseconds(self.judged),
                deliver_microseconds: microseconds(self.delivered),
            },
        }
    }

    fn effect(&self) -> Effect {
        match self.ending {
            Ending::Delivered(mail, _) | Ending::GivenUp(mail) | Ending::Withheld(mail, _) => {
                match mail.grounds() {
                    Grounds::Allowed => Effect::Allow,
                    Grounds::Unenforced(refusal) => effect_of(refusal),
                }
            }
            Ending::Defective(_) => Effect::NotJudged,
            Ending::Refused(refused) => effect_of(&refused.refusal),
        }
    }
}

/// What a refusal says of the question whether the mail may be sent.
pub fn effect_of(refusal: &Refusal) -> Effect {
    match refusal {
        Refusal::Denied { .. } => Effect::ExplicitDeny,
        Refusal::NotAllowed => Effect::ImplicitDeny,
        Refusal::NullSender
        | Refusal::TooManyRecipients { .. }
        | Refusal::Unverified { .. }
        | Refusal::UnknownApp => Effect::NotJudged,
    }
}

impl Ending {
    pub(super) fn submission(&self) -> &Submission {
        match self {
            Self::Defective(defective) => &defective.0,
            Self::Refused(refused) => &refused.submission,
            Self::Delivered(mail, _) | Self::GivenUp(mail) | Self::Withheld(mail, _) => mail.submission(),
        }
    }

    fn is_enforced(&self) -> bool {
        match self {
            Self::Delivered(mail, _) | Self::GivenUp(mail) | Self::Withheld(mail, _) => {
                matches!(mail.grounds(), Grounds::Allowed)
            }
            Self::Defective(_) | Self::Refused(_) => true,
        }
    }

    fn fields_removed(&self) -> Vec<&str> {
        match self {
            Self::Delivered(mail, _) | Self::GivenUp(mail) | Self::Withheld(mail, _) => {
                mail.removed().iter().map(String::as_str).collect()
            }
            Self::Defective(_) | Self::Refused(_) => Vec::new(),
        }
    }

    fn outcome(&self) -> Option<&'static str> {
        match self {
            Self::Delivered(_, outcome) => Some(outcome.label()),
            Self::Withheld(..) => Some("withheld"),
            Self::GivenUp(_) => Some("given_up"),
            Self::Defective(_) | Self::Refused(_) => None,
        }
    }

    fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Delivered(_, outcome) => outcome.session(),
            Self::GivenUp(_) | Self::Withheld(..) | Self::Defective(_) | Self::Refused(_) => None,
        }
    }
}

/// RFC 5322 section 3.3.
pub(super) fn rfc5322(time: SystemTime) -> String {
    let utc = timestamp(time).to_zoned(jiff::tz::TimeZone::UTC);
    utc.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn rfc3339(time: SystemTime) -> String {
    format!("{:.3}", timestamp(time))
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn judged_resource<'a>(judged: &'a Judged<'a>) -> JudgedResource<'a> {
    JudgedResource {
        resource: &judged.resource,
        effect: match judged.decision.verdict {
            Verdict::Allow => Effect::Allow,
            Verdict::ExplicitDeny => Effect::ExplicitDeny,
            Verdict::ImplicitDeny => Effect::ImplicitDeny,
        },
        statement: judged.decision.statement.map(place),
    }
}

/// `policy/allow.json:4 (Sid)`.
pub(super) fn place(statement: StatementRef<'_>) -> String {
    let line = statement.position.line;
    match statement.sid {
        Some(sid) => format!("{}:{line} ({sid})", statement.document),
        None => format!("{}:{line}", statement.document),
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
