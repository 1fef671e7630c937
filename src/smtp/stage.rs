//! What may follow what: the order of commands of RFC 5321 section 4.1.4.
//!
//! A stage owns what belongs to it and is given up for the next, so that a transaction that ends is dropped and
//! cannot leave anything behind for the next one.

use std::sync::Arc;

use crate::mail::{Address, Dialect, Envelope, Greeting, KnownApp, ReversePath, Transport};
use crate::smtp::login::{Answer, Visitor};
use crate::smtp::sasl::Exchange;
use crate::smtp::{Command, MessageReader, Reply, Settings, StartTls};

/// Where a session stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// A command is awaited.
    Dialogue(Dialogue),
    /// AUTH was said, and the next line of its exchange is awaited.
    Login {
        greeting: Greeting,
        exchange: Exchange,
    },
    /// Credentials are handed over, and what became of them is awaited.
    Proving {
        greeting: Greeting,
    },
    /// A sender is given, and whether its app may send another mail is awaited.
    Beginning(Draft),
    /// A message is on its way.
    Message(Incoming),
    /// A mail is handed over, and what became of it is awaited.
    Settling {
        greeting: Greeting,
    },
    /// The client was told to begin TLS.
    Securing,
    Closed,
}

/// Where a session stands between commands.
#[derive(Debug)]
pub(super) enum Dialogue {
    /// The client has not said who it is.
    Greeted,
    /// Between transactions.
    Idle { greeting: Greeting },
    /// In a transaction.
    Draft(Draft),
}

/// An envelope in the making.
#[derive(Debug)]
pub(super) struct Draft {
    greeting: Greeting,
    app: KnownApp,
    reverse_path: ReversePath,
    recipients: Vec<Address>,
}

/// An envelope whose message is being read.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) greeting: Greeting,
    pub(super) app: KnownApp,
    pub(super) envelope: Envelope,
    pub(super) reader: MessageReader,
}

impl Dialogue {
    /// One command: the next stage, and what the client is told.
    pub(super) fn obey(self, command: Command, settings: &Settings, visitor: &Visitor) -> (Stage, Answer) {
        let transport = visitor.client().transport;
        let (next, reply) = match (self, command) {
            (_, Command::Quit) => return (Stage::Closed, Answer::Say(Reply::BYE)),
            (now, Command::Noop) | (now @ (Self::Greeted | Self::Idle { .. }), Command::Rset) => {
                (now, Reply::OK)
            }
            (now, Command::Help) => (now, Reply::HELP),
            (now, Command::Vrfy) => (now, Reply::NOT_VERIFIED),

            // RFC 5321 section 4.1.4: EHLO in the middle of a transaction ends it, as RSET does.
            (_, Command::Ehlo(name)) => {
                (Self::greeted_by(name, Dialect::Esmtp), extensions(settings, visitor))
            }
            (_, Command::Helo(name)) => {
                (Self::greeted_by(name, Dialect::Smtp), Reply::hello(&settings.hostname))
            }
            (Self::Draft(Draft { greeting, .. }), Command::Rset) => (Self::Idle { greeting }, Reply::OK),

            (now, Command::StartTls) => {
                let (stage, reply) = now.start_tls(settings, transport);
                return (stage, Answer::Say(reply));
            }

            (
                now @ Self::Greeted,
                Command::Mail { .. } | Command::Rcpt(_) | Command::Data | Command::Auth(_),
            ) => (now, Reply::NEED_HELLO),
            (now @ Self::Idle { .. }, Command::Rcpt(_) | Command::Data) => (now, Reply::NEED_SENDER),
            (now @ Self::Draft(_), Command::Mail { .. }) => (now, Reply::SENDER_GIVEN),
            (now @ Self::Draft(_), Command::Auth(_)) => (now, Reply::LOGIN_IN_TRANSACTION),

            (now @ Self::Idle { .. }, Command::Mail { .. } | Command::Auth(_))
                if must_start_tls(settings, transport) =>
            {
                (now, Reply::NEED_TLS)
            }
            (Self::Idle { greeting }, Command::Auth(auth)) => {
                return visitor.begin_login(greeting, &auth);
            }
            (Self::Idle { greeting }, Command::Mail { reverse_path, size }) => match visitor.app() {
                Ok(app) => return begin(Draft::new(greeting, app, reverse_path), size, settings),
                Err(refusal) => (Self::Idle { greeting }, refusal),
            },
            (Self::Draft(draft), Command::Rcpt(recipient)) => draft.add(recipient, settings),
            (Self::Draft(draft), Command::Data) => {
                let (stage, reply) = draft.send(settings);
                return (stage, Answer::Say(reply));
            }
        };
        (Stage::Dialogue(next), Answer::Say(reply))
    }

    fn greeted_by(name: String, dialect: Dialect) -> Self {
        Self::Idle { greeting: Greeting { name, dialect } }
    }

    /// RFC 3207 section 4.
    fn start_tls(self, settings: &Settings, transport: Transport) -> (Stage, Reply) {
        let reply = match (&self, settings.start_tls, transport) {
            (_, _, Transport::Tls) => Reply::WITHIN_TLS,
            (_, StartTls::NotOffered, Transport::Plain) => Reply::NOT_IMPLEMENTED,
            (Self::Draft(_), StartTls::Offered | StartTls::Required, Transport::Plain) => {
                Reply::TLS_WITHIN_TRANSACTION
            }
            (Self::Greeted | Self::Idle { .. }, StartTls::Offered | StartTls::Required, Transport::Plain) => {
                return (Stage::Securing, Reply::READY_FOR_TLS);
            }
        };
        (Stage::Dialogue(self), reply)
    }
}

/// STARTTLS is offered only where it can be had (RFC 3207 section 4.2: never within TLS): several clients take any
/// offer, and fail if they do not trust the certificate.
///
/// A password is not asked for where it would be refused.
fn extensions(settings: &Settings, visitor: &Visitor) -> Reply {
    let reply = Reply::extensions(&settings.hostname, settings.message_octets_max);
    match (settings.start_tls, visitor.client().transport) {
        (StartTls::Required, Transport::Plain) => reply.offering("STARTTLS"),
        (StartTls::Offered, Transport::Plain) => visitor.offered(reply.offering("STARTTLS")),
        (StartTls::NotOffered, _) | (_, Transport::Tls) => visitor.offered(reply),
    }
}

fn must_start_tls(settings: &Settings, transport: Transport) -> bool {
    matches!((settings.start_tls, transport), (StartTls::Required, Transport::Plain))
}

/// RFC 1870 section 6.1: what is declared too long is refused before it is sent. What is not declared, or less
/// than it is, is counted when it comes.
fn begin(draft: Draft, size: Option<u64>, settings: &Settings) -> (Stage, Answer) {
    let octets_max = settings.message_octets_max;
    if size.is_some_and(|size| usize::try_from(size).map_or(true, |size| size > octets_max)) {
        return (Stage::Dialogue(draft.into_idle()), Answer::Say(Reply::message_too_long(octets_max)));
    }
    let app = Arc::clone(&draft.app.name);
    (Stage::Beginning(draft), Answer::Begin(app))
}

impl Draft {
    fn new(greeting: Greeting, app: KnownApp, reverse_path: ReversePath) -> Self {
        Self { greeting, app, reverse_path, recipients: Vec::new() }
    }

    /// No mail comes of it.
    pub(super) fn into_idle(self) -> Dialogue {
        Dialogue::Idle { greeting: self.greeting }
    }

    /// A recipient named twice gets one copy. Only equal addresses are one recipient: what a local part means, and
    /// whether its case matters, is known to its own domain alone.
    fn add(mut self, recipient: Address, settings: &Settings) -> (Dialogue, Reply) {
        let reply = if self.recipients.contains(&recipient) {
            Reply::RECIPIENT_OK
        } else if self.recipients.len() >= settings.recipients_max {
            Reply::recipients_full(settings.recipients_max)
        } else {
            self.recipients.push(recipient);
            Reply::RECIPIENT_OK
        };
        (Dialogue::Draft(self), reply)
    }

    /// RFC 2920 section 3.1: a client that pipelines says DATA before it knows whether any recipient was taken.
    fn send(self, settings: &Settings) -> (Stage, Reply) {
        let Self { greeting, app, reverse_path, recipients } = self;
        match Envelope::new(reverse_path.clone(), recipients) {
            None => {
                let draft = Self::new(greeting, app, reverse_path);
                (Stage::Dialogue(Dialogue::Draft(draft)), Reply::NEED_RECIPIENT)
            }
            Some(envelope) => {
                let reader = MessageReader::new(settings);
                (Stage::Message(Incoming { greeting, app, envelope, reader }), Reply::SEND_MESSAGE)
            }
        }
    }
}
