//! SMTP as the server speaks it, without a socket: octets in, replies and submissions out (RFC 5321).
//!
//! [`Session`] knows the order of things, [`MessageReader`] the framing of messages, [`Reply`] the words. None of
//! them does I/O or knows the time, and nothing here knows of policies or of SES. Extensions: PIPELINING (RFC
//! 2920), SIZE (RFC 1870), 8BITMIME (RFC 6152), ENHANCEDSTATUSCODES (RFC 2034), STARTTLS (RFC 3207), AUTH (RFC
//! 4954). Not offered, because SES cannot do it: SMTPUTF8, DSN, CHUNKING. Stricter than RFC 5321: there is no mailbox
//! `Postmaster`, and no quoted local part, source route or address literal is taken. More lenient: a path may come
//! without angle brackets.
//!
//! Whoever has a connection drives a session like this. Replies gather in `output` until the session has to wait,
//! so that a client that pipelines gets them in one packet (RFC 2920 section 3.2).
//!
//! ```
//! use std::sync::Arc;
//! use bytes::BytesMut;
//! use sesgate::mail::{Client, Evidence, KnownApp, Submission, Transport};
//! use sesgate::smtp::{Action, Event, LoginOffer, LoginOutcome, Reply, Session, Settings, Standing, Welcome};
//!
//! fn settle(mail: Submission) -> Reply {
//!     Reply::accepted(mail.envelope.recipients().len())
//! }
//!
//! let mut packets = ["EHLO app\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n",
//!     "From: a@example.com\r\n\r\nHello\r\n.\r\nQUIT\r\n"].into_iter();
//! let client = Client::new(([127, 0, 0, 1], 4711).into(), "default".into(), Transport::Plain);
//! let standing = Standing::Known(KnownApp { name: "default".into(), by: Evidence::Network });
//! let welcome = Welcome { standing, login: LoginOffer::Never };
//! let settings = Arc::new(Settings::default());
//! let (mut session, greeting) = Session::new(settings, client.clone(), welcome.clone());
//! let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
//! greeting.write_to(&mut output);
//! let mut action = session.step(Event::Input(&mut input));
//! loop {
//!     let event = match action {
//!         Action::Say(reply) => { reply.write_to(&mut output); Event::Input(&mut input) }
//!         // Here `output` is sent, and the next octets are awaited, with a time-out.
//!         Action::Read(_) => match packets.next() {
//!             Some(packet) => { input.extend_from_slice(packet.as_bytes()); Event::Input(&mut input) }
//!             None => Event::Eof,
//!         },
//!         Action::Begin(_app) => Event::Allowed(Ok(())),
//!         // Here, too, before the mail is judged.
//!         Action::Settle(mail) => Event::Settled(settle(*mail)),
//!         // Here, too, before the handshake. It is asked for only if the settings offer it.
//!         Action::StartTls(reply) => { reply.write_to(&mut output); Event::Secured { client: client.clone(), welcome: welcome.clone() } }
//!         Action::Authenticate(_) => Event::Authenticated(LoginOutcome::Refused),
//!         Action::Close(reply) => { if let Some(reply) = reply { reply.write_to(&mut output) } break }
//!     };
//!     action = session.step(event);
//! }
//! assert!(output.ends_with(b"354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok 1\r\n221 2.0.0 Bye\r\n"));
//! ```

mod catalogue;
mod command;
mod data;
mod fault;
mod limit;
mod line;
mod login;
mod reply;
mod sasl;
mod session;
mod settings;
mod stage;

pub use command::Command;
pub use data::{MessageReader, Progress};
pub use fault::{DataFault, Fault};
pub use limit::Limit;
pub use line::take_line;
pub use login::{Auth, LoginOffer, LoginOutcome, Standing, Welcome};
pub use reply::Reply;
pub use sasl::{Credentials, Exchange, Mechanism, Response, SaslFault, Turn};
pub use session::{Action, Awaited, Event, Session};
pub use settings::{BareLf, Settings, StartTls};
