//! The dialogue: a command in, an action out. No sockets, no clock, no faults: those are the session's.
//!
//! It is `SubEthaSMTP`'s dialogue, with its leniency and its trap: after a refused mail the transaction stays
//! open, and the next MAIL is told `503 Sender already specified.`

use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::sandbox::addresses;
use crate::sandbox::answer::{self, Rejection};
use crate::sandbox::command::Command;
use crate::sandbox::faults::Step;
use crate::sandbox::logins::Logins;
use crate::sandbox::settings::{SessionFullAt, Settings};

/// `SubEthaSMTP`'s own limit. SES's 50 are counted after the final dot.
const RECIPIENTS_MAX: usize = 1000;

/// What carries the dialogue, and what must come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// In the clear until STARTTLS.
    AwaitingTls,
    Tls,
    /// In the clear, which is all there is on this port.
    Plain,
}

/// One envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub sender: String,
    pub recipients: Vec<String>,
}

/// What to say (if anything), and what comes next.
#[derive(Debug, PartialEq, Eq)]
pub struct Action {
    pub words: Option<String>,
    pub then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    NextCommand,
    ReadMessage,
    StartTls,
    Close,
    /// The same, without the end of the line that was said last.
    Cut,
    /// Close with RST, so that the client may lose what it has not read yet.
    Reset,
}

/// A line of the client, in the light of what came before it.
pub enum Request {
    Command(Command),
    /// The answer to a challenge. The exchange is in here, so whoever drops the request ends the exchange.
    Response(Exchange, String),
}

/// An AUTH that waits for the client's response.
#[derive(Debug)]
pub enum Exchange {
    Plain,
    UserName,
    Password { user_name: String },
}

/// What holds at SES while a line is answered.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub settings: &'a Settings,
    pub logins: &'a Logins,
    pub now: Instant,
}

/// The state of one session.
#[derive(Debug)]
pub struct Machine {
    channel: Channel,
    client_name: String,
    is_authenticated: bool,
    exchange: Option<Exchange>,
    transaction: Option<Transaction>,
    mails_accepted: u32,
}

impl Action {
    pub fn silence() -> Self {
        Self { words: None, then: Then::NextCommand }
    }

    pub fn say(words: impl Into<String>) -> Self {
        Self { words: Some(words.into()), then: Then::NextCommand }
    }

    pub fn say_and(words: impl Into<String>, then: Then) -> Self {
        Self { words: Some(words.into()), then }
    }

    /// Whether the client hears that its step was taken.
    pub fn is_success(&self) -> bool {
        self.words.as_deref().is_some_and(answer::is_positive)
    }
}

impl Request {
    /// The step of the dialogue that this line would complete, which is where a fault can strike.
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Command(Command::Ehlo(_) | Command::Helo(_)) => Some(Step::Ehlo),
            Self::Command(Command::StartTls { .. }) => Some(Step::StartTls),
            Self::Response(Exchange::Plain | Exchange::Password { .. }, _) => Some(Step::Auth),
            Self::Command(Command::Auth { mechanism, initial_response: Some(_) }) if mechanism == "PLAIN" => {
                Some(Step::Auth)
            }
            Self::Command(Command::Mail { .. }) => Some(Step::Mail),
            Self::Command(Command::Recipient { .. }) => Some(Step::Recipient),
            Self::Command(Command::Data) => Some(Step::Data),
            Self::Command(Command::Reset) => Some(Step::Reset),
            Self::Command(Command::Noop) => Some(Step::Noop),
            Self::Command(Command::Quit) => Some(Step::Quit),
            Self::Command(Command::Auth { .. } | Command::Verify | Command::TooShort | Command::Unknown)
            | Self::Response(Exchange::UserName, _) => None,
        }
    }
}

impl Machine {
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            client_name: String::new(),
            is_authenticated: false,
            exchange: None,
            transaction: None,
            mails_accepted: 0,
        }
    }

    pub fn read(&mut self, line: String) -> Request {
        match self.exchange.take() {
            Some(exchange) => Request::Response(exchange, line),
            None => Request::Command(Command::parse(&line)),
        }
    }

    pub fn take(&mut self, request: Request, terms: Terms<'_>) -> Action {
        match request {
            Request::Command(command) => self.command(command, terms),
            Request::Response(exchange, response) => self.respond(exchange, &response, terms),
        }
    }

    /// What the client called itself.
    pub fn client_name(&self) -> &str {
        &self.client_name
    }

    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// Whether SES takes no further mail in this session.
    pub fn is_full(&self, settings: &Settings) -> bool {
        self.mails_accepted >= settings.session_mails_max
    }

    /// After the final dot.
    pub fn verdict(&mut self, verdict: Result<&str, &Rejection>) -> Action {
        match verdict {
            Ok(message_id) => {
                self.transaction = None;
                self.mails_accepted = self.mails_accepted.saturating_add(1);
                Action::say(answer::accepted(message_id))
            }
            Err(rejection) => Action::say(rejection.to_string()),
        }
    }

    fn command(&mut self, command: Command, terms: Terms<'_>) -> Action {
        match (command, self.channel) {
            (Command::Ehlo(name), channel) => {
                self.hello(name, answer::EHLO_SYNTAX, answer::extensions(channel, terms.settings.extensions))
            }
            (Command::Helo(name), _) => self.hello(name, answer::HELO_SYNTAX, answer::HELO.to_owned()),
            (Command::StartTls { parameters }, channel) => start_tls(&parameters, channel),
            (Command::Reset, _) => {
                self.transaction = None;
                Action::say(answer::OK)
            }
            (Command::Noop, _) => Action::say(answer::OK),
            (Command::Quit, _) => Action::say_and(answer::BYE, Then::Close),
            (Command::Verify, _) => Action::say(answer::VRFY_DISABLED),
            (Command::TooShort, _) => Action::say(answer::BAD_SYNTAX),
            (Command::Unknown, _) => Action::say(answer::NOT_IMPLEMENTED),
            (
                Command::Auth { .. } | Command::Mail { .. } | Command::Recipient { .. } | Command::Data,
                Channel::AwaitingTls,
            ) => Action::say(answer::MUST_START_TLS),
            (Command::Auth { .. }, _) if self.is_authenticated => Action::say(answer::ALREADY_AUTHENTICATED),
            (Command::Auth { mechanism, initial_response }, _) => {
                self.authenticate(&mechanism, initial_response.as_deref(), terms)
            }
            (Command::Mail { .. } | Command::Recipient { .. } | Command::Data, _)
                if !self.is_authenticated =>
            {
                Action::say(answer::MUST_AUTHENTICATE)
            }
            (Command::Mail { parameters }, _) => self.mail(&parameters, terms.settings),
            (Command::Recipient { parameters }, _) => self.recipient(&parameters),
            (Command::Data, _) => self.data(),
        }
    }

    fn hello(&mut self, name: String, syntax: &str, answer: String) -> Action {
        if name.is_empty() {
            return Action::say(syntax);
        }
        self.client_name = name;
        self.transaction = None;
        Action::say(answer)
    }

    fn authenticate(&mut self, mechanism: &str, initial_response: Option<&str>, terms: Terms<'_>) -> Action {
        match (mechanism, initial_response) {
            ("", _) => Action::say(answer::AUTH_SYNTAX),
            ("PLAIN", Some(response)) => self.respond(Exchange::Plain, response, terms),
            ("PLAIN", None) => self.challenge(Exchange::Plain, answer::PLAIN_CHALLENGE),
            ("LOGIN", Some(response)) => self.respond(Exchange::UserName, response, terms),
            ("LOGIN", None) => self.challenge(Exchange::UserName, answer::USER_NAME_CHALLENGE),
            (_, _) => Action::say(answer::MECHANISM_UNKNOWN),
        }
    }

    fn challenge(&mut self, exchange: Exchange, words: &str) -> Action {
        self.exchange = Some(exchange);
        Action::say(words)
    }

    fn respond(&mut self, exchange: Exchange, response: &str, terms: Terms<'_>) -> Action {
        let response = response.trim();
        if response == "*" {
            return Action::say(answer::AUTH_CANCELED);
        }
        let Ok(octets) = BASE64_STANDARD.decode(response) else {
            return Action::say(answer::NOT_BASE64);
        };
        let text = String::from_utf8_lossy(&octets);
        match exchange {
            Exchange::UserName => {
                let user_name = text.into_owned();
                self.challenge(Exchange::Password { user_name }, answer::PASSWORD_CHALLENGE)
            }
            Exchange::Password { user_name } => self.prove(&user_name, &text, terms),
            // RFC 4616 section 2: authorization identity, user name and password, with a NUL between.
            Exchange::Plain => {
                let mut parts = text.split('\0').skip(1);
                self.prove(parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), terms)
            }
        }
    }

    fn prove(&mut self, user_name: &str, password: &str, terms: Terms<'_>) -> Action {
        if terms.logins.accept(user_name, password, terms.now) {
            self.is_authenticated = true;
            Action::say(answer::AUTHENTICATED)
        } else {
            Action::say(answer::CREDENTIALS_INVALID)
        }
    }

    fn mail(&mut self, parameters: &str, settings: &Settings) -> Action {
        if self.is_full(settings) && settings.session_full_at == SessionFullAt::Mail {
            return Action::say_and(answer::SESSION_FULL, Then::Close);
        }
        if self.transaction.is_some() {
            return Action::say(answer::SENDER_SPECIFIED);
        }
        let Some(text) = strip_keyword(parameters, "FROM:") else {
            return Action::say(answer::mail_syntax(parameters));
        };
        let sender = addresses::path(text);
        if !sender.contains('@') {
            return Action::say(answer::INVALID_SENDER);
        }
        if !is_mailbox(sender) {
            return Action::say(answer::sender_unreadable(sender));
        }
        self.transaction = Some(Transaction { sender: sender.to_owned(), recipients: Vec::new() });
        Action::say(answer::OK)
    }

    fn recipient(&mut self, parameters: &str) -> Action {
        let Some(transaction) = &mut self.transaction else {
            return Action::say(answer::NEED_MAIL);
        };
        if transaction.recipients.len() >= RECIPIENTS_MAX {
            return Action::say(answer::TOO_MANY_RECIPIENTS);
        }
        let Some(text) = strip_keyword(parameters, "TO:") else {
            return Action::say(answer::recipient_syntax(parameters));
        };
        let recipient = addresses::path(text);
        if !is_mailbox(recipient) {
            return Action::say(answer::recipient_unknown(recipient));
        }
        transaction.recipients.push(recipient.to_owned());
        Action::say(answer::OK)
    }

    fn data(&self) -> Action {
        match &self.transaction {
            None => Action::say(answer::NEED_MAIL),
            Some(transaction) if transaction.recipients.is_empty() => Action::say(answer::NEED_RECIPIENT),
            Some(_) => Action::say_and(answer::START_MAIL, Then::ReadMessage),
        }
    }
}

fn start_tls(parameters: &str, channel: Channel) -> Action {
    match channel {
        _ if !parameters.is_empty() => Action::say(answer::NO_PARAMETERS),
        Channel::AwaitingTls => Action::say_and(answer::START_TLS, Then::StartTls),
        Channel::Tls => Action::say(answer::TLS_ACTIVE),
        Channel::Plain => Action::say(answer::TLS_NOT_SUPPORTED),
    }
}

fn strip_keyword<'a>(parameters: &'a str, keyword: &str) -> Option<&'a str> {
    let (start, rest) = parameters.split_at_checked(keyword.len())?;
    start.eq_ignore_ascii_case(keyword).then_some(rest)
}

/// SES has no SMTPUTF8 (RFC 6531): an envelope is ASCII.
fn is_mailbox(address: &str) -> bool {
    address.is_ascii() && addresses::check(address).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::{ProptestConfig, any, prop, prop_oneof, proptest};

    use super::{Channel, Machine, Terms};
    use crate::sandbox::logins::Logins;
    use crate::sandbox::settings::{Login, Settings};
    use crate::secret::Secret;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn whatever_is_said_is_answered_with_a_code(lines in prop::collection::vec(
            prop_oneof![
                any::<String>(),
                "(?i)(mail from:|rcpt to:|ehlo|auth plain|auth login|data|starttls) ?[<>@a-z\"\\\\= ]{0,20}",
            ],
            1..20,
        )) {
            let login = Login { user_name: String::new(), password: Secret::new(String::new()) };
            let now = Instant::now();
            let (settings, logins) = (Settings::default(), Logins::new(login, now));
            let terms = Terms { settings: &settings, logins: &logins, now };
            let mut machine = Machine::new(Channel::Plain);
            // No credentials are credentials here, so that the lines get somewhere.
            for line in ["AUTH PLAIN AAA=".to_owned()].into_iter().chain(lines) {
                let line = line.replace(['\r', '\n'], "");
                let request = machine.read(line);
                let words = machine.take(request, terms).words.unwrap();
                assert!(words.chars().take(3).all(|letter| letter.is_ascii_digit()), "{words}");
                assert!(!words.replace("\r\n250", "").contains(['\r', '\n']), "{words}");
            }
        }
    }
}
