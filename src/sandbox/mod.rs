//! A stand-in for the Amazon SES SMTP endpoint: what SES says, checks and forgets, on loopback.
//!
//! `sesgate sandbox` runs it so that people can try the relay, an app and a policy without an AWS account; the
//! tests run it because the real one cannot be part of a test. It speaks in SES's exact words and has SES's
//! habits: nearly every verdict comes after the final dot, a refused mail leaves its transaction open, an idle
//! connection is closed after ten seconds. It delivers nothing: an accepted mail is kept in a [`Mailbox`], to
//! be looked at.
//!
//! It reads mail with eyes of its own, more leniently than the relay does, and shares no parser with it: a
//! mail that the two would read differently shows here.

mod addresses;
mod answer;
mod authority;
mod checks;
mod command;
mod control;
mod delivered;
mod doors;
mod fault_syntax;
mod faults;
mod header;
mod logins;
mod machine;
mod mailbox;
mod message_id;
mod quota;
mod random;
mod reading;
mod server;
mod service;
mod session;
mod settings;
mod summary;
mod tally;
mod wire;

pub use authority::AuthorityError;
pub use doors::ListenError;
pub use fault_syntax::{FaultSyntaxError, answer_names, parse_duration, step_names};
pub use faults::{Effect, Fault, Faults, Step, Times};
pub use mailbox::{Mail, Mailbox};
pub use reading::Reading;
pub use server::{StandIn, StartError};
pub use settings::{
    Certificate, Endpoints, Extensions, Login, Oversize, Reach, Sending, SessionFullAt, Settings, TlsVersions,
};
pub use summary::Summary;
