//! One connection: octets of a socket to and from a session, every wait under a time-out.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::mail::{Client, Submission};
use crate::server::Drain;
use crate::server::commons::Commons;
use crate::server::course::Course;
use crate::server::door::{Door, TurnedAway};
use crate::server::handshake::HandshakeFailure;
use crate::server::incoming::Incoming;
use crate::server::settings::Settings;
use crate::server::survive::{Panic, survive};
use crate::server::terms::{Terms, Way};
use crate::server::wire::Wire;
use crate::smtp::{self, Action, Awaited, Credentials, Event, Limit, Reply, Session, Welcome};

/// How long a client that is turned away may take to hear why.
const LAST_WORD_TIME: Duration = Duration::from_secs(1);

/// The connections of one listener.
#[derive(Debug)]
pub struct Connections {
    listener: Arc<str>,
    commons: Arc<Commons>,
}

/// One connection, under the terms that it began under.
struct Visit<'c> {
    commons: &'c Commons,
    terms: &'c Terms,
    door: &'c Door,
    sessions: &'c Arc<smtp::Settings>,
}

/// What became of waiting for input.
enum Read {
    Input,
    OutOfMemory,
    TimedOut,
    ShuttingDown,
    Withdrawn,
    Ended,
}

/// How a connection ended that did not break.
enum End {
    /// With the last word, unless the client had gone.
    Closed(Option<Reply>),
    /// The relay stops, and nothing was said.
    Stopped,
    TurnedAway(TurnedAway),
}

impl Connections {
    /// Those of the listener of this name, which all terms have an entrance for.
    pub fn new(listener: Arc<str>, commons: Arc<Commons>) -> Self {
        Self { listener, commons }
    }

    /// The name of the listener.
    pub fn name(&self) -> &str {
        &self.listener
    }

    pub(super) fn drain(&self) -> &Drain {
        &self.commons.drain
    }

    pub(super) fn count_accept_error(&self) {
        self.commons.counts.not_accepted((&self.listener).into());
    }

    /// Carries on with an accepted connection in a task of its own.
    pub(super) fn begin(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let (terms, counts) = (self.commons.terms(), &self.commons.counts);
        counts.connected((&self.listener).into());
        let Some(place) = self.commons.places.take(terms.settings.connections_max) else {
            tracing::warn!(client = %peer, "too many connections; turning one away");
            counts.met(Limit::Connections);
            if terms.way(&self.listener).is_some_and(|way| way.door.greets_in_clear()) {
                counts.said(&Reply::TOO_MANY_CONNECTIONS);
                turn_away(&stream);
            }
            return;
        };
        if let Err(error) = stream.set_nodelay(true) {
            // Only a socket that is gone already refuses this.
            tracing::debug!(client = %peer, %error, "the connection ended at once");
            return;
        }
        let connections = Arc::clone(self);
        self.commons.drain.spawn(async move {
            connections.welcome(stream, peer).await;
            drop(place);
        });
    }

    /// Has the whole dialogue on a stream from its first octet on, be it of a PROXY header or of a TLS handshake,
    /// and closes it.
    pub async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: SocketAddr) {
        let terms = self.commons.terms();
        let Some(visit) = self.visit(&terms) else { return };
        let mut wire = Wire::new(stream);
        let (mut client, mut course) = (peer, Course::begin());
        let ended = survive(pin!(visit.enter_and_speak(&mut wire, &mut client, &mut course))).await;
        visit.conclude(wire, client, &course, ended).await;
    }

    /// The same on a stream whose client is known already.
    pub async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, client: Client) {
        let terms = self.commons.terms();
        let Some(visit) = self.visit(&terms) else { return };
        let mut wire = Wire::new(stream);
        let address = SocketAddr::new(client.address, client.port);
        let mut course = Course::begin();
        let ended = survive(pin!(visit.speak(&mut wire, client, &mut course))).await;
        visit.conclude(wire, address, &course, ended).await;
    }

    /// `None` under terms that do not know the listener, which is then as good as closed.
    fn visit<'c>(&'c self, terms: &'c Terms) -> Option<Visit<'c>> {
        let Way { door, sessions, .. } = terms.way(&self.listener)?;
        Some(Visit { commons: &self.commons, terms, door, sessions })
    }
}

impl Visit<'_> {
    async fn enter_and_speak<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        address: &mut SocketAddr,
        course: &mut Course,
    ) -> io::Result<End> {
        let (Commons { drain, places, .. }, settings) = (self.commons, &self.terms.settings);
        let entering = async {
            *address = self.door.ask(wire, *address, &settings.timeouts).await?;
            self.door.enter(wire, *address, places, settings).await
        };
        let entered = tokio::select! {
            biased;
            () = drain.begun() => return Ok(End::Stopped),
            entered = entering => entered,
        };
        match entered {
            Ok((client, _place)) => self.speak(wire, client, course).await,
            Err(turned_away) => Ok(End::TurnedAway(turned_away)),
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        mut client: Client,
        course: &mut Course,
    ) -> io::Result<End> {
        let settings = &self.terms.settings;
        let idle = settings.timeouts.idle;
        let end = Instant::now() + settings.timeouts.session;
        let welcome = self.welcome(&client, course);
        let (mut session, greeting) = Session::new(Arc::clone(self.sessions), client.clone(), welcome);
        let mut action = Action::Say(greeting);
        let (mut incoming, mut place) = (None, None);
        loop {
            if let Err(reply) = self.commons.take_place(&session, &mut place) {
                action = Action::Close(Some(reply));
            }
            let event = match action {
                Action::Say(reply) => {
                    incoming = None;
                    self.say(wire, &reply);
                    Event::Input(&mut wire.input)
                }
                Action::Read(awaited) => {
                    wire.send(idle).await?;
                    match self.read(wire, awaited, &session, &mut incoming, end).await? {
                        Read::Input => Event::Input(&mut wire.input),
                        Read::OutOfMemory => Event::OutOfMemory,
                        Read::TimedOut => Event::TimedOut,
                        Read::ShuttingDown => Event::ShuttingDown,
                        Read::Withdrawn => Event::Withdrawn,
                        Read::Ended => Event::Eof,
                    }
                }
                Action::Begin(app) => Event::Allowed(self.commons.begin(&app, &client, course)),
                Action::Settle(submission) => {
                    wire.send(idle).await?;
                    self.settle(*submission, course).await
                }
                Action::StartTls(reply) => {
                    self.say(wire, &reply);
                    wire.send(idle).await?;
                    match self.start_tls(wire, &mut client, course).await {
                        Ok(secured) => secured,
                        Err(turned_away) => return Ok(End::TurnedAway(turned_away)),
                    }
                }
                Action::Authenticate(credentials) => {
                    wire.send(idle).await?;
                    self.authenticate(&client, credentials, course).await
                }
                Action::Close(reply) => return self.close(wire, reply).await,
            };
            action = session.step(event);
        }
    }

    fn say<S: AsyncRead + AsyncWrite + Unpin>(&self, wire: &mut Wire<S>, reply: &Reply) {
        self.commons.counts.said(reply);
        wire.say(reply);
    }

    async fn close<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        last_word: Option<Reply>,
    ) -> io::Result<End> {
        if let Some(reply) = &last_word {
            self.commons.counts.said(reply);
        }
        wire.close(last_word.as_ref(), self.terms.settings.timeouts.idle).await?;
        Ok(End::Closed(last_word))
    }

    fn welcome(&self, client: &Client, course: &mut Course) -> Welcome {
        let welcome = self.terms.admission.welcome(client);
        course.welcomed(&welcome);
        welcome
    }

    async fn settle(&self, submission: Submission, course: &mut Course) -> Event<'static> {
        let (Commons { relay, drain, .. }, now) = (self.commons, self.commons.terms());
        // In a box, which is there for no longer than the mail: or every connection would hold the room for it.
        let reply = Box::pin(relay.settle(submission, &now.rules, drain.over())).await;
        course.settled(&reply);
        Event::Settled(reply)
    }

    async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        client: &mut Client,
        course: &mut Course,
    ) -> Result<Event<'static>, TurnedAway> {
        self.door.start(wire, client, &self.terms.settings.timeouts).await?;
        Ok(Event::Secured { welcome: self.welcome(client, course), client: client.clone() })
    }

    /// Finds out whose credentials these are. Nothing is lost if the drain ends it.
    async fn authenticate(
        &self,
        client: &Client,
        credentials: Credentials,
        course: &mut Course,
    ) -> Event<'static> {
        let now = self.commons.terms();
        tokio::select! {
            biased;
            outcome = now.admission.prove(client, credentials) => {
                course.logged_in(&outcome);
                self.commons.counts.logged_in(&outcome);
                Event::Authenticated(outcome)
            }
            () = self.commons.drain.begun() => Event::ShuttingDown,
        }
    }

    /// Waits for input. Between transactions the drain ends the wait, and so do new terms that take back the welcome;
    /// within one, only the drain when its time is over.
    async fn read<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        awaited: Awaited,
        session: &Session,
        incoming: &mut Option<Incoming>,
        session_end: Instant,
    ) -> io::Result<Read> {
        let (Commons { drain, memory, counts, .. }, terms) = (self.commons, self.terms);
        let Settings { timeouts, message_rate_min, .. } = &terms.settings;
        let now = Instant::now();
        let (end, limit) = match awaited {
            Awaited::Command => (now + timeouts.idle, Limit::IdleTime),
            Awaited::Message => {
                let incoming = incoming.get_or_insert_with(|| Incoming::new(now));
                if incoming.make_room(memory, session.octets_held(), timeouts.memory).await.is_err() {
                    return Ok(Read::OutOfMemory);
                }
                incoming.end(timeouts, *message_rate_min)
            }
        };
        let (end, limit) = if session_end < end { (session_end, Limit::SessionTime) } else { (end, limit) };
        let told_to_stop = async {
            if session.is_between_transactions() {
                tokio::select! {
                    biased;
                    () = drain.begun() => Read::ShuttingDown,
                    () = terms.withdrawn() => Read::Withdrawn,
                }
            } else {
                drain.over().await;
                Read::ShuttingDown
            }
        };
        tokio::select! {
            biased;
            why = told_to_stop => Ok(why),
            read = timeout_at(end, wire.receive(awaited)) => match read {
                Ok(Ok(0)) => Ok(Read::Ended),
                Ok(Ok(octets)) => {
                    if let Some(incoming) = incoming {
                        incoming.count(octets);
                    }
                    Ok(Read::Input)
                }
                Ok(Err(error)) => Err(error),
                Err(_) => {
                    counts.met(limit);
                    Ok(Read::TimedOut)
                }
            },
        }
    }

    /// Tells the log how a connection ended, and the client if it does not know.
    async fn conclude<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut wire: Wire<S>,
        client: SocketAddr,
        course: &Course,
        ended: Result<io::Result<End>, Panic>,
    ) {
        let (listener, counts) = (self.door.name(), &self.commons.counts);
        let tell = |ended: &str| course.tell(client, listener, &wire, ended);
        let last_word = match ended {
            Ok(Ok(End::Closed(reply))) => {
                tell(&reply.map_or_else(|| "the client left".to_owned(), |reply| reply.to_string()));
                None
            }
            Ok(Ok(End::TurnedAway(TurnedAway::Gone))) => {
                tell("the client left");
                None
            }
            Ok(Ok(End::Stopped)) => {
                tell("the relay stops");
                None
            }
            Ok(Ok(End::TurnedAway(TurnedAway::Broken(error))) | Err(error)) => {
                if error.kind() == io::ErrorKind::TimedOut {
                    // The client did not take what it was told.
                    counts.met(Limit::IdleTime);
                }
                tell(&format!("it broke: {error}"));
                None
            }
            Ok(Ok(End::TurnedAway(why))) => {
                if let TurnedAway::Handshake(error) = &why {
                    counts.handshake_failed(HandshakeFailure::of(error));
                }
                if let Some(limit) = why.limit() {
                    counts.met(limit);
                }
                let cause = why.source().map(ToString::to_string);
                tracing::warn!(%client, listener, reason = %why, cause, "turned a client away");
                // To a client that begins with TLS, clear text would only be noise.
                why.reply().filter(|_| self.door.greets_in_clear())
            }
            Err(Panic(words)) => {
                let panics = counts.panicked();
                tracing::error!(%client, listener, panics, words, "a session panicked; the others go on");
                Some(Reply::INTERNAL_ERROR)
            }
        };
        if let Some(reply) = last_word {
            self.say(&mut wire, &reply);
            // Nobody who is turned away may hold a place for longer.
            let _ = wire.send(LAST_WORD_TIME).await;
        }
    }
}

/// Says that there are too many connections, if the socket takes it at once, which a fresh one does.
fn turn_away(stream: &TcpStream) {
    let mut reply = BytesMut::new();
    Reply::TOO_MANY_CONNECTIONS.write_to(&mut reply);
    let _ = stream.try_write(&reply);
}
