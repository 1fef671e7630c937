//! One connection from its first octet to its last: the machine's dialogue, on a wire, with faults in between.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::sandbox::answer::{self, Rejection};
use crate::sandbox::checks::{Account, Candidate};
use crate::sandbox::faults::{Effect, Faults, Step};
use crate::sandbox::header::Header;
use crate::sandbox::machine::{Action, Channel, Machine, Then};
use crate::sandbox::mailbox::{Mail, Mailbox};
use crate::sandbox::message_id::message_id;
use crate::sandbox::random;
use crate::sandbox::settings::{Login, Settings};
use crate::sandbox::summary::{Summary, readable};
use crate::sandbox::tally::Tally;
use crate::sandbox::wire::{Hangup, Line, Message, Wire};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What all sessions share.
#[derive(Debug)]
pub struct Service {
    pub settings: Arc<Settings>,
    pub login: Arc<Login>,
    pub account: Mutex<Account>,
    pub mailbox: Mailbox,
    pub faults: Faults,
    pub tally: Tally,
    pub tls: Arc<ServerConfig>,
    /// Cancelled when the stand-in takes no further commands.
    pub stop: CancellationToken,
}

/// The three ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    ImplicitTls,
    StartTls,
    Plain,
}

/// Whether there was a place left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Admitted,
    Refused,
}

impl Service {
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attends to one client until the connection is closed.
    pub async fn attend(
        &self,
        mut tcp: TcpStream,
        entrance: Entrance,
        admission: Admission,
    ) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        let session_token = random::text::<20>(random::LETTERS_AND_DIGITS)?;
        let greeting = match admission {
            Admission::Admitted => {
                let front_end = random::text::<9>(random::CAPITALS_AND_DIGITS)?;
                Action::say(answer::greeting(&front_end, &session_token))
            }
            Admission::Refused => Action::say_and(answer::TOO_MANY_CONNECTIONS, Then::Close),
        };
        let opening = self.around(Step::Connect, Action::silence).await;
        if let Some(words) = opening.words {
            // Whatever comes of it, the fault says what comes next.
            let _ = Wire::new(&mut tcp, self.settings.idle_timeout).say(&words).await;
        }
        match opening.then {
            Then::Close => return Ok(()),
            Then::Reset => return tcp.set_zero_linger(),
            Then::NextCommand | Then::ReadMessage | Then::StartTls => {}
        }
        let greeting = self.around(Step::Greeting, || greeting).await;
        let (end, first_in_tls) = match entrance {
            Entrance::ImplicitTls => (Then::StartTls, greeting),
            Entrance::StartTls => {
                let dialogue = self.dialogue(&mut tcp, Channel::AwaitingTls, &session_token);
                (dialogue.run(greeting).await, Action::silence())
            }
            Entrance::Plain => {
                let dialogue = self.dialogue(&mut tcp, Channel::Plain, &session_token);
                (dialogue.run(greeting).await, Action::silence())
            }
        };
        match end {
            Then::StartTls => self.attend_in_tls(tcp, &session_token, first_in_tls).await,
            Then::Reset => tcp.set_zero_linger(),
            Then::Close | Then::NextCommand | Then::ReadMessage => Ok(()),
        }
    }

    /// What the client sent in the clear beyond STARTTLS went with the old wire (RFC 3207 section 4.2).
    async fn attend_in_tls(&self, tcp: TcpStream, session_token: &str, first: Action) -> io::Result<()> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.tls));
        let mut tls = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(tcp)).await??;
        let end = self.dialogue(&mut tls, Channel::Tls, session_token).run(first).await;
        if end == Then::Reset { tls.get_ref().0.set_zero_linger() } else { Ok(()) }
    }

    fn dialogue<'a, S: AsyncRead + AsyncWrite + Unpin>(
        &'a self,
        stream: S,
        channel: Channel,
        session_token: &'a str,
    ) -> Dialogue<'a, S> {
        Dialogue {
            wire: Wire::new(stream, self.settings.idle_timeout),
            machine: Machine::new(Arc::clone(&self.login), channel, self.settings.session_mails_max),
            service: self,
            session_token,
        }
    }

    /// A step of the dialogue, as the script of faults will have it.
    async fn around(&self, step: Step, take: impl FnOnce() -> Action) -> Action {
        self.tally.count(step);
        match self.faults.strike(step) {
            None => take(),
            Some(Effect::Delay(duration)) => {
                sleep(duration).await;
                take()
            }
            Some(Effect::Answer(words)) if answer::is_positive(&words) => match take() {
                action if action.is_success() => Action::say_and(words, action.then),
                action => action,
            },
            Some(Effect::Answer(words)) => Action::say(words),
            Some(Effect::AnswerAndClose(words)) => Action::say_and(words, Then::Close),
            Some(Effect::Close) => Action { words: None, then: Then::Close },
            Some(Effect::Reset) => Action { words: None, then: Then::Reset },
            Some(Effect::CloseAfter) => {
                take();
                Action { words: None, then: Then::Close }
            }
        }
    }
}

/// The dialogue on one wire, in the clear or in TLS.
struct Dialogue<'a, S> {
    wire: Wire<S>,
    machine: Machine,
    service: &'a Service,
    session_token: &'a str,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<'_, S> {
    /// Says what ends the dialogue, and closes the wire unless TLS or RST is to follow.
    async fn run(mut self, first: Action) -> Then {
        let end = match self.converse(first).await {
            Ok(then) => then,
            Err(hangup) => {
                let words = match hangup {
                    Hangup::Idle => Some(answer::IDLE),
                    Hangup::Stopped => Some(answer::SERVICE_NOT_AVAILABLE),
                    Hangup::Gone => None,
                };
                if let Some(words) = words {
                    // The client may be gone as well, and nothing follows either way.
                    let _ = self.wire.say(words).await;
                }
                Then::Close
            }
        };
        if end == Then::Close {
            self.wire.close().await;
        }
        end
    }

    async fn converse(&mut self, first: Action) -> Result<Then, Hangup> {
        let mut action = first;
        loop {
            if let Some(words) = &action.words {
                self.wire.say(words).await?;
            }
            action = match action.then {
                Then::NextCommand => self.command().await?,
                Then::ReadMessage => self.message().await?,
                end @ (Then::StartTls | Then::Close | Then::Reset) => return Ok(end),
            };
        }
    }

    async fn command(&mut self) -> Result<Action, Hangup> {
        let line = tokio::select! {
            biased;
            () = self.service.stop.cancelled() => return Err(Hangup::Stopped),
            line = self.wire.line() => line?,
        };
        let request = match line {
            Line::Text(text) => self.machine.read(text),
            Line::BareLineEnd { position } => {
                return Ok(Action::say_and(answer::bare_line_end(position), Then::Close));
            }
            Line::TooLong => return Ok(Action::say_and(answer::LINE_TOO_LONG, Then::Close)),
        };
        Ok(match request.step() {
            None => self.machine.take(request),
            Some(step) => self.service.around(step, || self.machine.take(request)).await,
        })
    }

    async fn message(&mut self) -> Result<Action, Hangup> {
        self.wire.message_begins().await?;
        let fault = self.service.around(Step::Message, Action::silence).await;
        if fault.then != Then::NextCommand {
            return Ok(fault);
        }
        if let Some(words) = fault.words {
            self.wire.say(&words).await?;
        }
        let message = self.wire.message(self.service.settings.message_octets_max).await?;
        let service = self.service;
        let verdict = service.around(Step::EndOfData, || self.judge(message)).await;
        if !verdict.is_success() || verdict.then != Then::NextCommand {
            return Ok(verdict);
        }
        if let Some(words) = verdict.words {
            self.wire.say(&words).await?;
        }
        Ok(service.around(Step::AfterAcceptance, Action::silence).await)
    }

    fn judge(&mut self, message: Message) -> Action {
        let (Some(transaction), Ok(random)) = (self.machine.transaction(), random::octets()) else {
            return Action::say(answer::TEMPORARY_FAILURE);
        };
        let header = Header::read(&message.unstuffed);
        let candidate = Candidate { transaction, header: &header, octets: message.octets };
        let verdict = self.service.account().judge(candidate, Instant::now().into_std());
        let header = match verdict.and_then(|()| header.map_err(Rejection::Header)) {
            Ok(header) => header,
            Err(rejection) => return self.machine.verdict(Err(&rejection)),
        };
        let accepted_at = SystemTime::now();
        let message_id = message_id(&self.service.settings.region, accepted_at, random);
        let text = |name| readable(header.all(name).next().unwrap_or_default());
        self.service.mailbox.store(Mail {
            summary: Summary {
                accepted_at,
                message_id: message_id.clone(),
                sender: transaction.sender.clone(),
                recipients: transaction.recipients.clone(),
                from: text("From"),
                subject: text("Subject"),
                octets: message.octets,
            },
            ses_fields: header.ses_fields(),
            octets: message.unstuffed,
            session_token: self.session_token.to_owned(),
            client_name: self.machine.client_name().to_owned(),
        });
        self.machine.verdict(Ok(&message_id))
    }
}
