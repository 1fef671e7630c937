//! The relay without SES: a mail goes through the session, the inspection and the gate that a client's mail goes
//! through, and what the client would have heard is told. Nothing is sent, and no secret is needed.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::BytesMut;

use crate::app::{PastMail, wiring};
use crate::config::{Config, Listener, ListenerTls};
use crate::gate::{Case, Examination, Examined, Gate, GateError, Grounds};
use crate::inspect::{self, Defect};
use crate::mail::{Address, Client, Evidence, KnownApp, Submission, Transport};
use crate::policy::Document;
use crate::relay::{effect_of, reply_to_defect, reply_to_refusal};
use crate::smtp::{self, Action, Event, LoginOffer, Reply, Session, Standing, StartTls, Welcome};
use crate::telemetry::Effect;

/// Stands in a reply where the decision's id would.
const DECISION: &str = "offline";
/// Stands in a reply where the id would that SES gives a mail.
const MESSAGE_ID: &str = "<message id of Amazon SES>";

#[derive(Debug)]
pub struct Offline {
    sessions: smtp::Settings,
    listeners: Vec<Listener>,
    header_limits: inspect::Limits,
    gate: Gate,
}

/// A mail as a client would say it.
#[derive(Debug, Clone)]
pub struct OfflineMail {
    pub client: Client,
    /// Who sends. What shows it is not asked here.
    pub app: Arc<str>,
    /// What stands between the angle brackets of MAIL FROM.
    pub mail_from: String,
    pub rcpt: Vec<String>,
    pub message: Vec<u8>,
    /// The address of From, if the header can be read.
    pub author: Option<Address>,
    pub now: SystemTime,
}

/// What would become of a mail.
#[derive(Debug)]
pub struct Trial<'o> {
    pub ending: TrialEnding<'o>,
    /// What the client would have heard; if the mail is allowed, or let pass, when SES takes it.
    pub reply: Reply,
}

#[derive(Debug)]
pub enum TrialEnding<'o> {
    /// The dialogue failed before there was a mail to judge.
    Fault,
    /// The header has no reading that all readers share.
    Defective(Defect),
    Examined(Examination<'o>),
}

impl Trial<'_> {
    pub fn effect(&self) -> Effect {
        match &self.ending {
            TrialEnding::Fault | TrialEnding::Defective(_) => Effect::NotJudged,
            TrialEnding::Examined(Examination { refusal: None, .. }) => Effect::Allow,
            TrialEnding::Examined(Examination { refusal: Some(refusal), .. }) => effect_of(refusal),
        }
    }

    /// What policy said of each resource; nothing if it was not asked.
    pub fn resources(&self) -> &[Examined<'_>] {
        match &self.ending {
            TrialEnding::Fault | TrialEnding::Defective(_) => &[],
            TrialEnding::Examined(examination) => &examination.resources,
        }
    }
}

impl Offline {
    pub fn new(config: &Config, documents: Vec<Arc<Document>>) -> Result<Self, GateError> {
        Ok(Self {
            sessions: wiring::session_settings(config),
            listeners: config.listeners.clone(),
            header_limits: wiring::header_limits(config),
            gate: Gate::new(wiring::gate_settings(config), documents)?,
        })
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    pub fn judge(&self, mail: &OfflineMail) -> Trial<'_> {
        let submission = match self.submit(mail) {
            Ok(submission) => submission,
            Err(reply) => return Trial { ending: TrialEnding::Fault, reply },
        };
        match inspect::inspect(submission.message.header(), &self.header_limits) {
            Err(defect) => {
                let reply = reply_to_defect(&defect, DECISION);
                Trial { ending: TrialEnding::Defective(defect), reply }
            }
            Ok(findings) => {
                let examination = self.gate.examine(&Case::new(&submission, &findings, mail.now));
                let reply = self.reply(&examination, &mail.client);
                Trial { ending: TrialEnding::Examined(examination), reply }
            }
        }
    }

    /// Judges a mail of the past. Its dialogue is over, and its header was read.
    pub fn judge_again(&self, mail: &PastMail) -> Trial<'_> {
        let case = mail.case();
        let examination = self.gate.examine(&case);
        let reply = self.reply(&examination, case.client);
        Trial { ending: TrialEnding::Examined(examination), reply }
    }

    /// What the client hears; if the mail is allowed, when SES takes it.
    fn reply(&self, examination: &Examination<'_>, client: &Client) -> Reply {
        let ruling = examination.refusal.clone().map_or(Ok(()), Err);
        match self.gate.grounds(ruling) {
            Ok(Grounds::Allowed | Grounds::Unenforced(_)) => Reply::accepted(MESSAGE_ID),
            Err(refusal) => reply_to_refusal(&refusal, client, self.gate.region(), DECISION),
        }
    }

    /// Has the dialogue, up to the mail or to the first no.
    fn submit(&self, mail: &OfflineMail) -> Result<Box<Submission>, Reply> {
        let settings = smtp::Settings { start_tls: self.start_tls(mail), ..self.sessions.clone() };
        let app = KnownApp { name: Arc::clone(&mail.app), by: Evidence::Network };
        let welcome = Welcome { standing: Standing::Known(app), login: LoginOffer::Never };
        let (mut session, _greeting) = Session::new(Arc::new(settings), mail.client.clone(), welcome);
        let mut input = dialogue(mail);
        let mut action = session.step(Event::Input(&mut input));
        loop {
            let event = match action {
                Action::Settle(submission) => return Ok(submission),
                Action::Say(reply) | Action::Close(Some(reply)) if reply.code() >= 400 => return Err(reply),
                Action::Say(_) => Event::Input(&mut input),
                // Nobody's allowance is spent on a question.
                Action::Begin(_) => Event::Allowed(Ok(())),
                // All that there is to say was said, so this is not reached.
                Action::Read(_) | Action::Authenticate(_) | Action::StartTls(_) | Action::Close(_) => {
                    return Err(Reply::INTERNAL_ERROR);
                }
            };
            action = session.step(event);
        }
    }

    /// A client that comes over TLS has begun it; one that does not may have to.
    fn start_tls(&self, mail: &OfflineMail) -> StartTls {
        let name = &*mail.client.listener;
        let tls = self.listeners.iter().find(|listener| listener.name == name).map(|listener| listener.tls);
        match (tls, mail.client.transport) {
            (Some(ListenerTls::RequiredStartTls), Transport::Plain) => StartTls::Required,
            (Some(ListenerTls::StartTls), Transport::Plain) => StartTls::Offered,
            (Some(_) | None, _) => StartTls::NotOffered,
        }
    }
}

/// All that the client would say, in one piece.
fn dialogue(mail: &OfflineMail) -> BytesMut {
    let mut said = BytesMut::with_capacity(mail.message.len().saturating_add(1024));
    said.extend_from_slice(b"EHLO offline\r\n");
    said.extend_from_slice(format!("MAIL FROM:<{}>\r\n", mail.mail_from).as_bytes());
    for recipient in &mail.rcpt {
        said.extend_from_slice(format!("RCPT TO:<{recipient}>\r\n").as_bytes());
    }
    said.extend_from_slice(b"DATA\r\n");
    for line in mail.message.split_inclusive(|octet| *octet == b'\n') {
        // RFC 5321 section 4.5.2.
        if line.starts_with(b".") {
            said.extend_from_slice(b".");
        }
        said.extend_from_slice(line);
    }
    if !mail.message.ends_with(b"\r\n") {
        said.extend_from_slice(b"\r\n");
    }
    said.extend_from_slice(b".\r\n");
    said
}
