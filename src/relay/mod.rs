//! The path of one mail, top to bottom. Everything else serves it.

mod budget;
mod candidate;
mod counts;
mod decision_ids;
mod doubt;
mod record;
mod verdict;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::gate::{Case, DecisionId, Gate, Occasion, PermittedMail, Refused};
use crate::inspect::{self, AddedField, Defect, Protocol, Received};
use crate::mail::{Dialect, Evidence, Submission, Transport};
use crate::relay::budget::Spent;
use crate::relay::doubt::Doubt;
use crate::smtp::Reply;
use crate::telemetry::{Addresses, AuditSink};
use crate::upstream::{Delivery, Progress, Upstream};

pub use budget::{Allowance, Budgets, Left};
pub use candidate::{Disagreement, Disagreements};
pub use counts::Counts;
pub use decision_ids::DecisionIds;
pub use doubt::{DoubtSettings, Doubts};
pub use record::{effect_of, place};
pub use verdict::{reply_to_defect, reply_to_refusal};

/// Settles submissions: each is sent or refused, and the client, the audit log and SES hear the same of it.
///
/// It is there from start to end and remembers what it has learned; the rules come with each mail.
#[derive(Debug)]
pub struct Relay {
    pub upstream: Upstream,
    pub audit: Arc<dyn AuditSink>,
    /// How much of addresses the audit log shows.
    pub addresses: Addresses,
    pub decision_ids: DecisionIds,
    pub doubts: Doubts,
    pub budgets: Budgets,
    pub counts: Counts,
    pub disagreements: Disagreements,
}

/// What mail is judged by, and written into it. They can be others for the next mail, never for one in hand.
#[derive(Debug)]
pub struct Rules {
    /// What the relay calls itself in Received.
    pub hostname: Arc<str>,
    pub header_limits: inspect::Limits,
    pub gate: Gate,
    /// Judges every mail too, and has no say.
    pub candidate: Option<Gate>,
}

/// How a mail ended.
#[derive(Debug)]
enum Ending {
    /// Its header cannot be judged.
    Defective(Box<(Submission, Defect)>),
    Refused(Box<Refused>),
    /// It has to be recorded, and cannot be.
    Unrecorded(Box<Submission>),
    Delivered(Box<PermittedMail>, Delivery),
    /// SES may have it already, and it is too early to send it again.
    Withheld(Box<PermittedMail>, Doubt),
    /// Its app has used up what it may send in a day.
    OverBudget(Box<PermittedMail>, Spent),
    /// There was no time to hear what becomes of it.
    GivenUp(Box<PermittedMail>),
    /// There was no time to send it.
    Unsent(Box<PermittedMail>),
}

impl Relay {
    /// Judges a mail, and sends it if it may be sent. The reply is what the client hears. Once `over` resolves, SES
    /// is waited for no longer.
    pub async fn settle(
        &self,
        submission: Submission,
        rules: &Rules,
        over: impl Future<Output = ()>,
    ) -> Reply {
        let (now, begun) = (SystemTime::now(), Instant::now());
        let decision = self.decision_ids.next(now);
        // The octets are shared, not copied: findings point into them while the submission moves on.
        let header = submission.message.header().clone();

        let findings = inspect::inspect(&header, &rules.header_limits);
        let inspected = begun.elapsed();
        let mut candidate = None;
        let (resources, ruling) = match &findings {
            // Asked before the mail goes on: what is sent is recorded.
            _ if !self.audit.is_ready() => (Vec::new(), Err(Ending::Unrecorded(Box::new(submission)))),
            Err(defect) => (Vec::new(), Err(Ending::Defective(Box::new((submission, defect.clone()))))),
            Ok(findings) => {
                let opinion =
                    rules.candidate.as_ref().map(|gate| gate.opinion(&Case::new(&submission, findings, now)));
                candidate = opinion.as_ref().map(candidate::verdict);
                let received = rules.received(&submission, decision, now);
                let judgement = rules.gate.judge(submission, findings, Occasion { now, decision, received });
                (judgement.resources, judgement.ruling.map_err(Ending::Refused))
            }
        };
        let judged = begun.elapsed();

        let doubt = ruling.as_ref().ok().and_then(|mail| {
            let app = &mail.submission().app.name;
            self.doubts.about(app, mail, Instant::now())
        });
        let ending = match (ruling, doubt) {
            (Err(ending), _) => ending,
            (Ok(mail), Some(doubt)) if !doubt.wait.is_zero() => Ending::Withheld(Box::new(mail), doubt),
            (Ok(mail), _) => self.deliver(Box::new(mail), decision, over).await,
        };
        let reply = verdict::reply(&ending, rules.gate.region(), decision);

        let mail = record::Mail {
            now,
            decision,
            findings: findings.as_ref().ok(),
            resources: &resources,
            ending: &ending,
            candidate,
            addresses: &self.addresses,
            repeats: doubt.map(|doubt| doubt.decision),
            reply: &reply,
            steps: record::steps(inspected, judged, begun.elapsed()),
        };
        let record = mail.record();
        let app = &ending.submission().app.name;
        self.counts.settled(app, &record);
        self.disagreements.compare(app, &record);
        self.audit.record(&record, &record.line());
        reply
    }

    async fn deliver(
        &self,
        mail: Box<PermittedMail>,
        decision: DecisionId,
        over: impl Future<Output = ()>,
    ) -> Ending {
        let (app, recipients) = (&mail.submission().app.name, mail.recipients().len());
        if let Err(spent) = self.budgets.take(app, recipients, Instant::now()) {
            return Ending::OverBudget(mail, spent);
        }
        let progress = Progress::default();
        let delivery = tokio::select! {
            biased;
            delivery = self.upstream.deliver(app, &mail, &progress) => delivery,
            () = over => {
                if !progress.is_in_doubt() {
                    self.budgets.give_back(app, recipients);
                    return Ending::Unsent(mail);
                }
                self.doubts.doubt(app, &mail, decision, Instant::now());
                return Ending::GivenUp(mail);
            }
        };
        if !delivery.outcome.may_be_sent() {
            self.budgets.give_back(app, recipients);
        }
        self.doubts.learn(app, &mail, &delivery.outcome, decision, Instant::now());
        Ending::Delivered(mail, delivery)
    }
}

impl Rules {
    fn received(&self, submission: &Submission, decision: DecisionId, now: SystemTime) -> AddedField {
        Received {
            greeting_name: &submission.greeting.name,
            client: submission.client.address,
            hostname: &self.hostname,
            protocol: match (submission.greeting.dialect, submission.client.transport, submission.app.by) {
                // RFC 3848 names TLS and a login for ESMTP only.
                (Dialect::Smtp, _, _) => Protocol::Smtp,
                (Dialect::Esmtp, Transport::Plain, Evidence::Network | Evidence::Certificate) => {
                    Protocol::Esmtp
                }
                (Dialect::Esmtp, Transport::Plain, Evidence::Login) => Protocol::Esmtpa,
                // A certificate is no AUTH.
                (Dialect::Esmtp, Transport::Tls, Evidence::Network | Evidence::Certificate) => {
                    Protocol::Esmtps
                }
                (Dialect::Esmtp, Transport::Tls, Evidence::Login) => Protocol::Esmtpsa,
            },
            id: &decision.to_string(),
            date: &record::rfc5322(now),
        }
        .field()
    }
}
