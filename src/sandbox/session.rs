//! One connection from its first octet to its last: the machine's dialogue, on a wire, with faults in between.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::sandbox::answer::{self, Rejection};
use crate::sandbox::checks::Candidate;
use crate::sandbox::faults::Step;
use crate::sandbox::header::Header;
use crate::sandbox::machine::{Action, Channel, Machine, Request, Then};
use crate::sandbox::mailbox::Mail;
use crate::sandbox::message_id::message_id;
use crate::sandbox::random;
use crate::sandbox::service::Service;
use crate::sandbox::settings::{SessionFullAt, Settings};
use crate::sandbox::summary::{Summary, readable};
use crate::sandbox::wire::{Hangup, Line, Message, Wire};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

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

/// One client, as long as it stays.
#[derive(Debug)]
pub struct Session<'a> {
    service: &'a Service,
    /// The last word of the greeting.
    token: String,
    begun: Instant,
    /// Cancelled when no further commands are taken.
    stop: CancellationToken,
    /// Cancelled when all connections are dropped.
    drop: CancellationToken,
}

impl<'a> Session<'a> {
    pub fn new(service: &'a Service, stop: CancellationToken) -> io::Result<Self> {
        let token = random::text::<20>(random::LETTERS_AND_DIGITS)?;
        Ok(Self { service, token, begun: Instant::now(), stop, drop: service.connections() })
    }

    /// Attends to the client until the connection is closed.
    pub async fn attend(
        self,
        mut tcp: TcpStream,
        entrance: Entrance,
        admission: Admission,
    ) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        let greeting = match admission {
            Admission::Admitted => {
                let front_end = random::text::<9>(random::CAPITALS_AND_DIGITS)?;
                Action::say(answer::greeting(&front_end, &self.token))
            }
            Admission::Refused => Action::say_and(answer::TOO_MANY_CONNECTIONS, Then::Close),
        };
        let opening = self.service.around(Step::Connect, Action::silence).await;
        // Whatever comes of it, the fault says what comes next.
        let _ = self.service.say(&mut Wire::new(&mut tcp), &opening).await;
        match opening.then {
            Then::Close | Then::Cut => return Ok(()),
            Then::Reset => return tcp.set_zero_linger(),
            Then::NextCommand | Then::ReadMessage | Then::StartTls => {}
        }
        let greeting = self.service.around(Step::Greeting, || greeting).await;
        let (end, first_in_tls) = match entrance {
            Entrance::ImplicitTls => (Then::StartTls, greeting),
            Entrance::StartTls => {
                let dialogue = self.dialogue(&mut tcp, Channel::AwaitingTls);
                (dialogue.run(greeting).await, Action::silence())
            }
            Entrance::Plain => {
                let dialogue = self.dialogue(&mut tcp, Channel::Plain);
                (dialogue.run(greeting).await, Action::silence())
            }
        };
        match end {
            Then::StartTls => self.attend_in_tls(tcp, first_in_tls).await,
            Then::Reset => tcp.set_zero_linger(),
            Then::Close | Then::Cut | Then::NextCommand | Then::ReadMessage => Ok(()),
        }
    }

    /// What the client sent in the clear beyond STARTTLS went with the old wire (RFC 3207 section 4.2).
    async fn attend_in_tls(&self, tcp: TcpStream, first: Action) -> io::Result<()> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.service.tls));
        let mut tls = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(tcp)).await??;
        let end = self.dialogue(&mut tls, Channel::Tls).run(first).await;
        if end == Then::Reset { tls.get_ref().0.set_zero_linger() } else { Ok(()) }
    }

    fn dialogue<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, channel: Channel) -> Dialogue<'_, S> {
        Dialogue { wire: Wire::new(stream), machine: Machine::new(channel), session: self }
    }

    /// Until the connection is dropped without a word, whatever happens on it.
    async fn dropped(&self) {
        let old_age = async {
            match self.service.settings().connection_age_max {
                Some(age_max) => sleep_until(self.begun + age_max).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.drop.cancelled() => {}
            () = old_age => {}
        }
    }
}

/// The dialogue on one wire, in the clear or in TLS.
struct Dialogue<'a, S> {
    wire: Wire<S>,
    machine: Machine,
    session: &'a Session<'a>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<'_, S> {
    /// Says what ends the dialogue, and closes the wire unless TLS or RST is to follow.
    async fn run(mut self, first: Action) -> Then {
        let session = self.session;
        let conversed = tokio::select! {
            biased;
            () = session.dropped() => Ok(Then::Reset),
            conversed = self.converse(first) => conversed,
        };
        let end = match conversed {
            Ok(then) => then,
            Err(hangup) => {
                let last = match hangup {
                    Hangup::Idle => Action::say_and(answer::IDLE, Then::Close),
                    Hangup::Stopped => Action::say_and(answer::SERVICE_NOT_AVAILABLE, Then::Close),
                    Hangup::TooLong => Action { words: None, then: Then::Reset },
                    Hangup::Gone => Action { words: None, then: Then::Close },
                };
                // The client may be gone as well, and nothing follows either way.
                let _ = session.service.say(&mut self.wire, &last).await;
                last.then
            }
        };
        if matches!(end, Then::Close | Then::Cut) {
            self.wire.close().await;
        }
        end
    }

    async fn converse(&mut self, first: Action) -> Result<Then, Hangup> {
        let mut action = first;
        loop {
            self.session.service.say(&mut self.wire, &action).await?;
            action = match action.then {
                Then::NextCommand => self.command().await?,
                Then::ReadMessage => self.message().await?,
                end @ (Then::StartTls | Then::Close | Then::Cut | Then::Reset) => return Ok(end),
            };
        }
    }

    async fn command(&mut self) -> Result<Action, Hangup> {
        let idle_timeout = self.session.service.settings().idle_timeout;
        let line = tokio::select! {
            biased;
            () = self.session.stop.cancelled() => return Err(Hangup::Stopped),
            line = self.wire.line(idle_timeout) => line?,
        };
        let request = match line {
            Line::Text(text) => self.machine.read(text),
            Line::BareLineEnd { position } => {
                return Ok(Action::say_and(answer::bare_line_end(position), Then::Close));
            }
            Line::TooLong => return Ok(Action::say_and(answer::LINE_TOO_LONG, Then::Close)),
        };
        Ok(match request.step() {
            None => self.take(request),
            Some(step) => self.session.service.around(step, || self.take(request)).await,
        })
    }

    fn take(&mut self, request: Request) -> Action {
        self.session.service.on_terms(|terms| self.machine.take(request, terms))
    }

    async fn message(&mut self) -> Result<Action, Hangup> {
        let service = self.session.service;
        let settings = service.settings();
        self.wire.message_begins(settings.idle_timeout).await?;
        let fault = service.around(Step::Message, Action::silence).await;
        if fault.then != Then::NextCommand {
            return Ok(fault);
        }
        service.say(&mut self.wire, &fault).await?;
        let message = self.wire.message(&settings).await?;
        let verdict = service.around(Step::EndOfData, || self.judge(message, &settings)).await;
        if !verdict.is_success() || verdict.then != Then::NextCommand {
            return Ok(verdict);
        }
        service.say(&mut self.wire, &verdict).await?;
        Ok(service.around(Step::AfterAcceptance, Action::silence).await)
    }

    fn judge(&mut self, message: Message, settings: &Settings) -> Action {
        if self.machine.is_full(settings) && settings.session_full_at == SessionFullAt::EndOfData {
            return Action::say_and(answer::SESSION_FULL, Then::Close);
        }
        let (Some(transaction), Ok(random)) = (self.machine.transaction(), random::octets()) else {
            return Action::say(answer::TEMPORARY_FAILURE);
        };
        let header = Header::read(&message.unstuffed);
        let now = Instant::now().into_std();
        let candidate = Candidate { transaction, header: &header, octets: message.octets, settings, now };
        let verdict = self.session.service.account().judge(candidate);
        let header = match verdict.and_then(|()| header.map_err(Rejection::Header)) {
            Ok(header) => header,
            Err(rejection) => return self.machine.verdict(Err(&rejection)),
        };
        let accepted_at = SystemTime::now();
        let message_id = message_id(&settings.region, accepted_at, random);
        let text = |name| readable(header.all(name).next().unwrap_or_default());
        self.session.service.mailbox.store(Mail {
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
            session_token: self.session.token.clone(),
            client_name: self.machine.client_name().to_owned(),
        });
        self.machine.verdict(Ok(&message_id))
    }
}
