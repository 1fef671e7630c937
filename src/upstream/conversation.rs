//! One SMTP session with SES: what is said in which order, and which answer each command must have.
//!
//! The commands' wording is lettre's; sending, hearing and judging are ours. AUTH alone is worded here, because
//! lettre would leave the password in memory that nobody wipes.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Noop, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, RcptParameter};
use tokio::time::Instant;

use crate::credentials::{Login, LoginInUse};
use crate::gate::PermittedMail;
use crate::mail::Address;
use crate::secret::Secret;
use crate::upstream::answer::{Answer, Class};
use crate::upstream::extensions::Extensions;
use crate::upstream::octets::Octets;
use crate::upstream::open::OpenError;
use crate::upstream::progress::Progress;
use crate::upstream::settings::Settings;
use crate::upstream::wire::{Stream, Wire, WireError, Written};

/// SES ends its sessions by itself anyway, so a goodbye is worth no longer wait.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
const SESSION_OCTETS_MAX: usize = 64;

/// What was being said when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Recipient,
    Data,
    /// From the first octet of the message to the answer to its final dot.
    Message,
    /// The request of the API that sends a mail, whole.
    SendEmail,
    /// The request of the API that asks for the account.
    GetAccount,
}

/// The name that SES gives to a session in its greeting and in the Received field that it adds; or to a request of the
/// API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionId(Box<str>);

/// How the attempt to send one mail ended.
#[derive(Debug)]
pub(super) enum Said {
    Answered {
        step: Step,
        answer: Answer,
    },
    /// The connection failed before the final dot: SES cannot have taken the mail.
    Unsaid {
        step: Step,
        why: WireError,
    },
    /// The connection failed after the final dot.
    Doubt {
        why: WireError,
    },
}

/// What may be said next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// MAIL.
    Ready,
    /// RSET: SES keeps a transaction that it refused, and would refuse the next MAIL.
    TransactionOpen,
    /// Nothing: something was cut short, or SES is about to close.
    Spent,
}

/// A session with SES. It is owned by whoever speaks, so that one who is dropped mid-way takes it along.
#[derive(Debug)]
pub(super) struct Conversation {
    wire: Wire,
    command_timeout: Duration,
    write_timeout: Duration,
    verdict_timeout: Duration,
    extensions: Extensions,
    session: Option<SessionId>,
    standing: Standing,
    /// Tells for as long as it is open by which login.
    login: Option<LoginInUse>,
    opened: Instant,
    mails: u32,
}

impl Conversation {
    /// Takes the greeting of a fresh connection.
    pub async fn greeted(stream: Box<dyn Stream>, settings: &Settings) -> Result<Self, OpenError> {
        let mut conversation = Self::resumed(stream, None, settings);
        let heard = conversation.wire.hear(settings.command_timeout).await;
        let greeting = expect(220, heard).map_err(|why| OpenError::at(Step::Greeting, why))?;
        conversation.session = SessionId::of(&greeting);
        Ok(conversation)
    }

    /// Goes on after STARTTLS, where no second greeting comes (RFC 3207 section 4.2).
    pub fn resumed(stream: Box<dyn Stream>, session: Option<SessionId>, settings: &Settings) -> Self {
        Self {
            wire: Wire::new(stream),
            command_timeout: settings.command_timeout,
            write_timeout: settings.write_timeout,
            verdict_timeout: settings.verdict_timeout,
            extensions: Extensions::default(),
            session,
            standing: Standing::Ready,
            login: None,
            opened: Instant::now(),
            mails: 0,
        }
    }

    pub async fn hello(&mut self, name: &str) -> Result<(), OpenError> {
        let ehlo = Ehlo::new(ClientId::Domain(name.to_owned())).to_string();
        let answer = self.ask(&ehlo, 250).await.map_err(|why| OpenError::at(Step::Ehlo, why))?;
        self.extensions = Extensions::of(&answer);
        Ok(())
    }

    /// Gives the stream back, ready for the handshake. Of what was heard in clear only the session's name is
    /// kept, which is never more than a word in a log.
    pub async fn start_tls(mut self) -> Result<(Box<dyn Stream>, Option<SessionId>), OpenError> {
        let Some(command) = self.extensions.starttls else { return Err(OpenError::NoStartTls) };
        let started = match self.ask(&command.to_string(), 220).await {
            Ok(_) => self.wire.into_stream(),
            Err(why) => Err(why),
        };
        let stream = started.map_err(|why| OpenError::at(Step::StartTls, why))?;
        Ok((stream, self.session))
    }

    pub async fn log_in(&mut self, login: &Login) -> Result<(), OpenError> {
        let name = login.user_name();
        let password = login.password().expose();
        let asked = match self.extensions.mechanism {
            Some(Mechanism::Plain) => {
                let response = Secret::new(["\0", name, "\0", password].concat());
                self.ask_secretly(&encoded("AUTH PLAIN ", response.expose()), 235).await
            }
            Some(Mechanism::Login) => self.log_in_word_by_word(name, password).await,
            Some(Mechanism::Xoauth2) | None => return Err(OpenError::NoMechanism),
        };
        asked.map(drop).map_err(|why| OpenError::at(Step::Auth, why))
    }

    pub fn keep(&mut self, login: LoginInUse) {
        self.login = Some(login);
    }

    /// Says a whole mail: to all its recipients or to none.
    pub async fn say(&mut self, mail: &PermittedMail, progress: &Progress) -> Said {
        self.standing = Standing::Spent;
        self.mails = self.mails.saturating_add(1);
        match self.say_envelope(mail).await {
            Ok(()) => self.say_message(mail, progress).await,
            Err(said) => {
                self.stand_after(&said);
                said
            }
        }
    }

    /// Clears a transaction that SES refused.
    pub async fn reset(&mut self) -> Result<(), WireError> {
        self.standing = Standing::Spent;
        self.ask(&Rset.to_string(), 250).await?;
        self.standing = Standing::Ready;
        Ok(())
    }

    /// Breaks the silence.
    pub async fn noop(&mut self) -> Result<(), WireError> {
        let standing = std::mem::replace(&mut self.standing, Standing::Spent);
        self.ask(&Noop.to_string(), 250).await?;
        self.standing = standing;
        Ok(())
    }

    /// Takes leave and closes. The answer makes no difference.
    pub async fn quit(mut self) {
        if self.standing != Standing::Spent {
            // RFC 5321 section 4.1.1.10 wants the answer awaited; what it says changes nothing.
            let _ = self.wire.ask(&Quit.to_string(), GOODBYE_TIMEOUT).await;
        }
        self.wire.shut(GOODBYE_TIMEOUT).await;
    }

    pub async fn is_quiet(&mut self) -> bool {
        self.wire.is_quiet().await
    }

    pub fn standing(&self) -> Standing {
        self.standing
    }

    pub fn session(&self) -> Option<&SessionId> {
        self.session.as_ref()
    }

    pub fn is_worn(&self, settings: &Settings) -> bool {
        self.mails >= settings.connection_mails_max || self.opened.elapsed() >= settings.connection_age_max
    }

    async fn say_envelope(&mut self, mail: &PermittedMail) -> Result<(), Said> {
        let sender = Mail::new(Some(path(mail.sender())), self.extensions.parameters(mail)).to_string();
        self.ask(&sender, 250).await.map_err(|why| Said::at(Step::Mail, why))?;
        for recipient in mail.recipients() {
            let recipient = Rcpt::new(path(recipient), Vec::<RcptParameter>::new()).to_string();
            self.ask(&recipient, 250).await.map_err(|why| Said::at(Step::Recipient, why))?;
        }
        self.ask(&Data.to_string(), 354).await.map_err(|why| Said::at(Step::Data, why))?;
        Ok(())
    }

    async fn say_message(&mut self, mail: &PermittedMail, progress: &Progress) -> Said {
        let mut octets = Octets::of(mail);
        let written = self.wire.write(&mut octets, self.write_timeout, progress).await;
        let is_whole = matches!(written, Ok(Written::Whole));
        let heard = match written {
            Ok(Written::Whole) => self.wire.hear(self.verdict_timeout).await,
            Ok(Written::Interrupted) => self.wire.hear(self.command_timeout).await,
            Err(why @ WireError::Stuck(_)) => Err(why),
            // A connection that broke may still hold SES's reason.
            Err(why) => self.wire.hear(self.command_timeout).await.map_err(|_| why),
        };
        // From here on, what is known of the mail is in what is returned.
        progress.answered();
        let step = Step::Message;
        match heard {
            Err(why) if octets.is_empty() => Said::Doubt { why },
            Err(why) => Said::Unsaid { step, why },
            Ok(answer) if !octets.is_empty() && is_welcome(&answer) => {
                Said::Unsaid { step, why: WireError::Unfitting(answer) }
            }
            Ok(answer) => {
                let said = Said::Answered { step, answer };
                if is_whole {
                    self.stand_after(&said);
                }
                said
            }
        }
    }

    fn stand_after(&mut self, said: &Said) {
        self.standing = match said {
            Said::Answered { answer, .. } => match (answer.class(), answer.code()) {
                (Class::Positive, 250) => Standing::Ready,
                // RFC 5321 section 3.8: who says 421 closes the connection.
                (Class::Positive | Class::Intermediate, _) | (Class::Transient, 421) => Standing::Spent,
                (Class::Transient | Class::Permanent, _) => Standing::TransactionOpen,
            },
            Said::Unsaid { .. } | Said::Doubt { .. } => Standing::Spent,
        };
    }

    async fn log_in_word_by_word(&mut self, name: &str, password: &str) -> Result<Answer, WireError> {
        self.ask(&format!("AUTH {}\r\n", Mechanism::Login), 334).await?;
        self.ask_secretly(&encoded("", name), 334).await?;
        self.ask_secretly(&encoded("", password), 235).await
    }

    /// Says a line that nobody else may see, not even in an answer that repeats it.
    async fn ask_secretly(&mut self, line: &Secret, code: u16) -> Result<Answer, WireError> {
        let said = line.expose().trim_end();
        let word = said.rsplit_once(' ').map_or(said, |(_, word)| word);
        self.ask(line.expose(), code).await.map_err(|why| match why {
            WireError::Unfitting(answer) if answer.says(word) => WireError::Unfitting(answer.without_text()),
            why => why,
        })
    }

    async fn ask(&mut self, line: &str, code: u16) -> Result<Answer, WireError> {
        expect(code, self.wire.ask(line, self.command_timeout).await)
    }
}

impl Said {
    /// An answer that refuses is an answer; one that makes no sense here leaves both sides out of step.
    fn at(step: Step, why: WireError) -> Self {
        match why {
            WireError::Unfitting(answer) if !is_welcome(&answer) => Self::Answered { step, answer },
            why => Self::Unsaid { step, why },
        }
    }
}

impl SessionId {
    /// The last word of `220 email-smtp.amazonaws.com ESMTP SimpleEmailService-d-GI38EMLB2 hkD7YwduxMJw9KrXpof7`.
    fn of(greeting: &Answer) -> Option<Self> {
        let line = greeting.lines().first().filter(|line| line.contains(" SimpleEmailService"))?;
        let word = line.split(' ').next_back()?;
        let is_id = word.len() <= SESSION_OCTETS_MAX && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_id.then(|| Self(word.into()))
    }

    #[cfg(feature = "aws")]
    pub(super) fn of_request(id: &str) -> Option<Self> {
        let is_id = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (is_id && (1..=SESSION_OCTETS_MAX).contains(&id.len())).then(|| Self(id.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the greeting",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
            Self::SendEmail => "SendEmail",
            Self::GetAccount => "GetAccount",
        })
    }
}

/// INVARIANT: an [`Address`] is stricter than lettre's own check, and holds nothing that could end the path.
fn path(address: &Address) -> lettre::Address {
    lettre::Address::new_dangerous(address.local(), address.domain())
}

/// `start` and the base64 of `text`, in memory that is wiped.
fn encoded(start: &str, text: &str) -> Secret {
    // Reserved in full: a buffer that grows leaves copies behind.
    let mut line = String::with_capacity(start.len() + text.len().div_ceil(3) * 4 + 2);
    line.push_str(start);
    STANDARD.encode_string(text, &mut line);
    line.push_str("\r\n");
    Secret::new(line)
}

fn expect(code: u16, heard: Result<Answer, WireError>) -> Result<Answer, WireError> {
    heard
        .and_then(|answer| if answer.code() == code { Ok(answer) } else { Err(WireError::Unfitting(answer)) })
}

fn is_welcome(answer: &Answer) -> bool {
    match answer.class() {
        Class::Positive | Class::Intermediate => true,
        Class::Transient | Class::Permanent => false,
    }
}
