//! What the audit log is told of a mail. Nothing of its content.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::{rfc2822, temporal};

use crate::gate::{DecisionId, Grounds, Judged, PermittedMail, Refusal};
use crate::inspect::Findings;
use crate::mail::{Address, ReversePath, Submission, Transport};
use crate::policy::{StatementRef, Verdict};
use crate::relay::Ending;
use crate::smtp::Reply;
use crate::telemetry::{Addresses, CandidateVerdict, Effect, JudgedResource, Record, Steps};
use crate::upstream::{Delivery, Outcome, SessionId};

/// All that is known of a mail when it is settled.
pub(super) struct Mail<'a> {
    pub now: SystemTime,
    pub decision: DecisionId,
    pub findings: Option<&'a Findings<'a>>,
    pub resources: &'a [Judged<'a>],
    pub ending: &'a Ending,
    pub candidate: Option<CandidateVerdict>,
    /// How much of addresses may be shown.
    pub addresses: &'a Addresses,
    pub repeats: Option<DecisionId>,
    pub reply: &'a Reply,
    pub steps: Steps,
}

impl Mail<'_> {
    pub(super) fn record(&self) -> Record<'_> {
        let Submission { app, client, greeting, envelope, message } = self.ending.submission();
        let (findings, shows) = (self.findings, self.addresses);
        Record {
            time: rfc3339(self.now),
            decision_id: self.decision.to_string(),
            app: Cow::Borrowed(&app.name),
            known_by: Cow::Borrowed(app.by.word()),
            client: client.address.to_string(),
            listener: Cow::Borrowed(&client.listener),
            tls: client.transport == Transport::Tls,
            greeting_name: shows.text(&greeting.name),
            addresses: Cow::Borrowed(shows.word()),
            mail_from: match envelope.reverse_path() {
                ReversePath::Mailbox(address) => self.one(address),
                ReversePath::Null => Cow::Borrowed(""),
            },
            from: findings.map(|found| self.one(&found.from.address)),
            from_display_name: findings
                .and_then(|found| found.from.display_name.as_deref())
                .and_then(|name| shows.display_name(name)),
            recipients: self.all(envelope.recipients()),
            octets: message.octets(),
            sender: findings.and_then(|found| found.sender.as_ref()).map(|sender| self.one(sender)),
            resent_senders: findings.map_or_else(Vec::new, |found| self.all(&found.resent_senders)),
            reply_to: findings.map_or_else(Vec::new, |found| self.all(&found.reply_to)),
            header_recipients: findings.map_or_else(Vec::new, |found| self.all(&found.recipients)),
            configuration_set: findings
                .and_then(|found| found.configuration_set.as_deref())
                .map(Cow::Borrowed),
            message_id: findings.and_then(|found| found.message_id.as_deref()).map(|id| shows.text(id)),
            ses_mail_from: self.ending.permitted().map(|mail| self.one(mail.sender())),
            repeats: self.repeats.as_ref().map(ToString::to_string),
            effect: self.effect(),
            enforced: self.ending.is_enforced(),
            candidate: self.candidate.clone(),
            resources: self.resources.iter().map(|judged| self.judged(judged)).collect(),
            fields_removed: self.ending.fields_removed(),
            reply: self.reply(),
            outcome: Cow::Borrowed(self.ending.label()),
            ses_message_id: self.ending.message_id().map(Cow::Borrowed),
            ses_session: self.ending.session().map(|session| Cow::Borrowed(session.as_str())),
            ses_endpoint: self.ending.delivered().map(|delivery| Cow::Borrowed(&*delivery.endpoint)),
            steps: self.steps,
        }
    }

    fn one<'b>(&self, address: &'b Address) -> Cow<'b, str> {
        self.addresses.address(address.as_str())
    }

    fn all<'b>(&self, addresses: &'b [Address]) -> Vec<Cow<'b, str>> {
        addresses.iter().map(|address| self.one(address)).collect()
    }

    fn reply(&self) -> String {
        let reply = self.reply.to_string();
        match self.addresses.text(&reply) {
            Cow::Owned(shown) => shown,
            Cow::Borrowed(_) => reply,
        }
    }

    fn judged<'b>(&self, judged: &'b Judged<'_>) -> JudgedResource<'b> {
        JudgedResource {
            resource: self.addresses.resource(&judged.resource),
            effect: match judged.decision.verdict {
                Verdict::Allow => Effect::Allow,
                Verdict::ExplicitDeny => Effect::ExplicitDeny,
                Verdict::ImplicitDeny => Effect::ImplicitDeny,
            },
            statement: judged.decision.statement.map(place),
        }
    }

    fn effect(&self) -> Effect {
        match (self.ending, self.ending.permitted().map(PermittedMail::grounds)) {
            (_, Some(Grounds::Allowed)) => Effect::Allow,
            (_, Some(Grounds::Unenforced(refusal))) => effect_of(refusal),
            (Ending::Refused(refused), None) => effect_of(&refused.refusal),
            (_, None) => Effect::NotJudged,
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
            Self::Unrecorded(submission) => submission,
            Self::Delivered(mail, _)
            | Self::OverBudget(mail, _)
            | Self::GivenUp(mail)
            | Self::Unsent(mail)
            | Self::Withheld(mail, _) => mail.submission(),
        }
    }

    fn is_enforced(&self) -> bool {
        self.permitted().is_none_or(|mail| matches!(mail.grounds(), Grounds::Allowed))
    }

    /// The mail, if the gate gave the right to send it.
    fn permitted(&self) -> Option<&PermittedMail> {
        match self {
            Self::Delivered(mail, _)
            | Self::OverBudget(mail, _)
            | Self::GivenUp(mail)
            | Self::Unsent(mail)
            | Self::Withheld(mail, _) => Some(mail),
            Self::Defective(_) | Self::Refused(_) | Self::Unrecorded(_) => None,
        }
    }

    fn delivered(&self) -> Option<&Delivery> {
        match self {
            Self::Delivered(_, delivery) => Some(delivery),
            Self::OverBudget(..)
            | Self::GivenUp(_)
            | Self::Unsent(_)
            | Self::Withheld(..)
            | Self::Defective(_)
            | Self::Refused(_)
            | Self::Unrecorded(_) => None,
        }
    }

    /// One word: what SES made of the mail, or why it was not asked.
    fn label(&self) -> &'static str {
        match self {
            Self::Delivered(_, delivery) => delivery.outcome.label(),
            Self::OverBudget(..) => "over_budget",
            Self::GivenUp(_) => "given_up",
            Self::Unsent(_) => "unsent",
            Self::Withheld(..) => "withheld",
            Self::Refused(_) => "denied",
            Self::Defective(_) => "defective",
            Self::Unrecorded(_) => "unrecorded",
        }
    }

    fn message_id(&self) -> Option<&str> {
        match &self.delivered()?.outcome {
            Outcome::Accepted { message_id, .. } => Some(message_id.as_str()),
            Outcome::Refused(_)
            | Outcome::Unverified(_)
            | Outcome::Throttled(_)
            | Outcome::Blocked { .. }
            | Outcome::Deferred(_)
            | Outcome::Unconfirmed(_)
            | Outcome::Interrupted { .. }
            | Outcome::InDoubt { .. }
            | Outcome::Unreachable(_)
            | Outcome::LoginRefused(_)
            | Outcome::Busy { .. }
            | Outcome::Paced { .. } => None,
        }
    }

    fn session(&self) -> Option<&SessionId> {
        self.delivered()?.outcome.session()
    }

    fn fields_removed(&self) -> Vec<Cow<'_, str>> {
        let removed = self.permitted().map(PermittedMail::removed).unwrap_or_default();
        removed.iter().map(|name| Cow::Borrowed(name.as_str())).collect()
    }
}

/// RFC 5322 section 3.3.
pub(super) fn rfc5322(time: SystemTime) -> String {
    // RFC 9110 section 5.6.7: a date of HTTP is the same but for the name of its zone.
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp(time));
    date.unwrap_or_default().replace("GMT", "+0000")
}

fn rfc3339(time: SystemTime) -> String {
    temporal::DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&timestamp(time))
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `policy/allow.json:4 (Sid)`.
pub fn place(statement: StatementRef<'_>) -> String {
    let line = statement.position.line.to_string();
    match statement.sid {
        Some(sid) => [statement.document, ":", &line, " (", sid, ")"].concat(),
        None => [statement.document, ":", &line].concat(),
    }
}

/// From when each step had ended.
pub(super) fn steps(inspected: Duration, judged: Duration, delivered: Duration) -> Steps {
    Steps {
        inspect_microseconds: microseconds(inspected),
        judge_microseconds: microseconds(judged.saturating_sub(inspected)),
        deliver_microseconds: microseconds(delivered.saturating_sub(judged)),
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{rfc3339, rfc5322};

    #[test]
    fn a_time_is_told_as_either_rfc_has_it() {
        let time = UNIX_EPOCH + Duration::from_millis(1_772_420_645_020);
        assert_eq!(rfc5322(time), "Mon, 02 Mar 2026 03:04:05 +0000");
        assert_eq!(rfc3339(time), "2026-03-02T03:04:05.020Z");
        assert_eq!(rfc3339(UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }
}
