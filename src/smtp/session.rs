//! The dialogue with one client: one event in, one action out.

use std::sync::Arc;

use bytes::BytesMut;

use crate::mail::{Client, Greeting, Submission};
use crate::secret;
use crate::smtp::login::{self, Answer, LoginOutcome, Visitor, Welcome};
use crate::smtp::sasl::{Credentials, Exchange};
use crate::smtp::stage::{Dialogue, Incoming, Stage};
use crate::smtp::{Command, DataFault, Progress, Reply, Settings, take_line};

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// There may be input: octets that came, or that were left when the session had something to say.
    Input(&'a mut BytesMut),
    /// What became of the mail of [`Action::Settle`].
    Settled(Reply),
    /// Whether the mail of [`Action::Begin`] may be begun, or what the client hears instead.
    Allowed(Result<(), Reply>),
    /// What became of the credentials of [`Action::Authenticate`].
    Authenticated(LoginOutcome),
    /// The handshake of [`Action::StartTls`] is done, and what awaits the client now. What was sent in clear is gone.
    Secured {
        client: Client,
        welcome: Welcome,
    },
    /// There is no room to hold more of the message that is being read.
    OutOfMemory,
    TimedOut,
    ShuttingDown,
    /// Who may come in, and as which app, is not what it was when the client was welcomed.
    Withdrawn,
    /// The client sends nothing more. This is no error, not even without QUIT.
    Eof,
}

/// What is to be done now.
#[derive(Debug)]
pub enum Action {
    /// Send what is to be sent, and wait for more input.
    Read(Awaited),
    /// Say this, then offer the input again. It may be sent later, together with what is said next.
    Say(Reply),
    /// Find out whether this app may begin one mail more. What there is to say may wait until after
    /// [`Event::Allowed`].
    Begin(Arc<str>),
    /// Say what there is to say, and judge and deliver this mail. The client waits for [`Event::Settled`].
    Settle(Box<Submission>),
    /// Say what there is to say, and find out whose credentials these are. The client waits for
    /// [`Event::Authenticated`].
    Authenticate(Credentials),
    /// Say this, send it, and begin TLS. The client waits for [`Event::Secured`].
    StartTls(Reply),
    /// Say this, if anything, and close the connection.
    Close(Option<Reply>),
}

/// What the input will be: its time-out and its buffer depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    Command,
    Message,
}

/// One session. It does no I/O and knows no time.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    visitor: Visitor,
    stage: Stage,
    commands: u32,
    errors: u32,
}

impl Session {
    /// Begins a session. The greeting is to be said at once.
    pub fn new(settings: Arc<Settings>, client: Client, welcome: Welcome) -> (Self, Reply) {
        let greeting = Reply::greeting(&settings.hostname);
        let (visitor, stage) = (Visitor::new(client, welcome), Stage::Dialogue(Dialogue::Greeted));
        (Self { settings, visitor, stage, commands: 0, errors: 0 }, greeting)
    }

    pub fn step(&mut self, event: Event<'_>) -> Action {
        match (std::mem::replace(&mut self.stage, Stage::Closed), event) {
            (Stage::Securing, Event::Secured { client, welcome }) => {
                // RFC 3207 section 4.2: nothing that was said in clear is known any more.
                self.visitor.secure(client, welcome);
                self.stage = Stage::Dialogue(Dialogue::Greeted);
                Action::Read(Awaited::Command)
            }
            // Within a handshake there is no way to say anything.
            (Stage::Closed | Stage::Securing, _) | (_, Event::Eof) => Action::Close(None),
            (Stage::Message(_), Event::TimedOut) => Action::Close(Some(Reply::TOO_SLOW)),
            (_, Event::TimedOut) => Action::Close(Some(Reply::IDLE)),
            (_, Event::Withdrawn) => Action::Close(Some(Reply::WITHDRAWN)),
            (_, Event::ShuttingDown) => Action::Close(Some(Reply::SHUTTING_DOWN)),
            (Stage::Dialogue(dialogue), Event::Input(input)) => self.read_command(dialogue, input),
            (Stage::Login { greeting, exchange }, Event::Input(input)) => {
                self.read_response(greeting, exchange, input)
            }
            (Stage::Proving { greeting }, Event::Authenticated(outcome)) => {
                let reply = self.visitor.admit(outcome, &self.settings);
                self.answer(Stage::Dialogue(Dialogue::Idle { greeting }), reply)
            }
            (Stage::Message(incoming), Event::Input(input)) => self.read_message(incoming, input),
            (Stage::Message(mut incoming), Event::OutOfMemory) => {
                incoming.reader.give_up(DataFault::OutOfMemory);
                self.stage = Stage::Message(incoming);
                Action::Read(Awaited::Message)
            }
            (Stage::Beginning(draft), Event::Allowed(Ok(()))) => {
                self.say(Stage::Dialogue(Dialogue::Draft(draft)), Reply::SENDER_OK)
            }
            (Stage::Beginning(draft), Event::Allowed(Err(refusal))) => {
                self.say(Stage::Dialogue(draft.into_idle()), refusal)
            }
            (Stage::Settling { greeting }, Event::Settled(reply)) => {
                self.say(Stage::Dialogue(Dialogue::Idle { greeting }), reply)
            }
            // Whoever drives the session answers what it has asked, and nothing else.
            (
                Stage::Dialogue(_) | Stage::Login { .. } | Stage::Message(_),
                Event::OutOfMemory
                | Event::Allowed(_)
                | Event::Settled(_)
                | Event::Authenticated(_)
                | Event::Secured { .. },
            )
            | (
                Stage::Beginning(_) | Stage::Settling { .. } | Stage::Proving { .. },
                Event::Input(_)
                | Event::OutOfMemory
                | Event::Allowed(_)
                | Event::Settled(_)
                | Event::Authenticated(_)
                | Event::Secured { .. },
            ) => Action::Close(Some(Reply::INTERNAL_ERROR)),
        }
    }

    /// Whether closing now costs the client nothing: no transaction has begun.
    pub fn is_between_transactions(&self) -> bool {
        match &self.stage {
            Stage::Dialogue(Dialogue::Greeted | Dialogue::Idle { .. })
            | Stage::Login { .. }
            | Stage::Proving { .. }
            | Stage::Securing
            | Stage::Closed => true,
            Stage::Dialogue(Dialogue::Draft(_))
            | Stage::Beginning(_)
            | Stage::Message(_)
            | Stage::Settling { .. } => false,
        }
    }

    /// Which app speaks, as far as is known now.
    pub fn app(&self) -> Option<&Arc<str>> {
        self.visitor.known_as()
    }

    /// What the session holds of a message that is not complete.
    pub fn octets_held(&self) -> usize {
        match &self.stage {
            Stage::Message(incoming) => incoming.reader.octets_held(),
            Stage::Dialogue(_)
            | Stage::Login { .. }
            | Stage::Proving { .. }
            | Stage::Securing
            | Stage::Beginning(_)
            | Stage::Settling { .. }
            | Stage::Closed => 0,
        }
    }

    fn read_command(&mut self, dialogue: Dialogue, input: &mut BytesMut) -> Action {
        let Some(line) = take_line(input, self.settings.line_octets_max) else {
            self.stage = Stage::Dialogue(dialogue);
            return Action::Read(Awaited::Command);
        };
        if self.has_said_enough() {
            return Action::Close(Some(Reply::TOO_MANY_COMMANDS));
        }
        match line.and_then(|line| read_once(line, Command::parse)) {
            Ok(command) => {
                let (stage, answer) = dialogue.obey(command, &self.settings, &self.visitor);
                match stage {
                    // What stands here was sent before the handshake and would be read as if within TLS
                    // (CVE-2011-0411).
                    Stage::Securing if !input.is_empty() => {
                        Action::Close(Some(Reply::OCTETS_BEHIND_STARTTLS))
                    }
                    stage => self.go_on(stage, answer),
                }
            }
            Err(fault) => self.answer(Stage::Dialogue(dialogue), fault.into()),
        }
    }

    /// A line of an exchange that AUTH began.
    fn read_response(&mut self, greeting: Greeting, exchange: Exchange, input: &mut BytesMut) -> Action {
        let Some(line) = take_line(input, self.settings.line_octets_max) else {
            self.stage = Stage::Login { greeting, exchange };
            return Action::Read(Awaited::Command);
        };
        if self.has_said_enough() {
            return Action::Close(Some(Reply::TOO_MANY_COMMANDS));
        }
        match line {
            Ok(line) => {
                let turn = read_once(line, |line| exchange.respond(line));
                let (stage, answer) = login::proceed(greeting, turn);
                self.go_on(stage, answer)
            }
            Err(fault) => self.answer(Stage::Dialogue(Dialogue::Idle { greeting }), fault.into()),
        }
    }

    fn has_said_enough(&mut self) -> bool {
        self.commands = self.commands.saturating_add(1);
        self.commands > self.settings.commands_max
    }

    fn read_message(&mut self, mut incoming: Incoming, input: &mut BytesMut) -> Action {
        match incoming.reader.read(input) {
            Progress::NeedMore => {
                self.stage = Stage::Message(incoming);
                Action::Read(Awaited::Message)
            }
            Progress::Done(Ok(message)) => {
                let Incoming { greeting, app, envelope, .. } = incoming;
                self.stage = Stage::Settling { greeting: greeting.clone() };
                let client = self.visitor.client().clone();
                Action::Settle(Box::new(Submission { app, client, greeting, envelope, message }))
            }
            Progress::Done(Err(fault)) => {
                let idle = Dialogue::Idle { greeting: incoming.greeting };
                self.answer(Stage::Dialogue(idle), fault.into())
            }
        }
    }

    fn go_on(&mut self, stage: Stage, answer: Answer) -> Action {
        match answer {
            Answer::Say(reply) => self.answer(stage, reply),
            Answer::Begin(app) => {
                self.stage = stage;
                Action::Begin(app)
            }
            Answer::Prove(credentials) => {
                self.stage = stage;
                Action::Authenticate(credentials)
            }
        }
    }

    /// Says what the session itself has to say. Faults are counted: a client that cannot stop is a broken one.
    /// What policy or SES refuse is none, nor is a 4xx, after which clients are right to come again.
    fn answer(&mut self, stage: Stage, reply: Reply) -> Action {
        if reply.code() >= 500 {
            self.errors = self.errors.saturating_add(1);
        }
        if self.errors > self.settings.errors_max && !reply.is_last() {
            return Action::Close(Some(Reply::TOO_MANY_ERRORS));
        }
        self.say(stage, reply)
    }

    fn say(&mut self, stage: Stage, reply: Reply) -> Action {
        if reply.is_last() {
            return Action::Close(Some(reply));
        }
        self.stage = stage;
        match self.stage {
            Stage::Securing => Action::StartTls(reply),
            Stage::Dialogue(_)
            | Stage::Login { .. }
            | Stage::Proving { .. }
            | Stage::Beginning(_)
            | Stage::Message(_)
            | Stage::Settling { .. }
            | Stage::Closed => Action::Say(reply),
        }
    }
}

/// A line may hold a password, so it is wiped as soon as it is read.
fn read_once<T>(mut line: BytesMut, read: impl FnOnce(&[u8]) -> T) -> T {
    let read = read(&line);
    secret::wipe(&mut line);
    read
}
