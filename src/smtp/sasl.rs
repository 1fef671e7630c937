//! The exchanges by which a client says who it is: PLAIN (RFC 4616) and LOGIN, line by line.
//!
//! Text in, a question or credentials out. Whether a login is welcome now is not known here, nor whether the
//! password is right. LOGIN has no RFC; clients compare its two questions octet by octet.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::{self, Secret};

/// RFC 4616 section 2 asks for 255.
const USER_NAME_OCTETS_MAX: usize = 255;
const PASSWORD_OCTETS_MAX: usize = 1024;

/// Who a client says it is.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub user_name: String,
    pub password: Secret,
}

/// How a client wants to say who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    Login,
    /// One that is not offered.
    Other,
}

/// What is awaited of the client, and what it has said before.
#[derive(Debug)]
pub enum Exchange {
    Plain,
    LoginUserName,
    LoginPassword { user_name: String },
}

/// What comes next.
#[derive(Debug)]
pub enum Turn {
    /// The client is to be asked for this.
    Ask(Exchange),
    Claim(Credentials),
}

/// Why an exchange ended without credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslFault {
    Cancelled,
    /// This is not base64 (RFC 4648 section 4) as it has to be.
    Undecodable,
    /// These are no user name and password, or the client wants to act for another user.
    Malformed,
    UnknownMechanism,
}

/// What a client says in an exchange, in base64 and wiped when it is dropped.
#[derive(Clone)]
pub struct Response(Secret);

impl Response {
    pub fn new(text: &str) -> Self {
        Self(Secret::new(text.to_owned()))
    }
}

/// The grammar of AUTH is tested by comparing commands; nothing is decided by it.
impl PartialEq for Response {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for Response {}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Exchange {
    /// What AUTH begins. RFC 4954 section 4: an initial response `=` is an empty one.
    pub fn begin(mechanism: Mechanism, initial_response: Option<&Response>) -> Result<Turn, SaslFault> {
        let exchange = match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Login => Self::LoginUserName,
            Mechanism::Other => return Err(SaslFault::UnknownMechanism),
        };
        match initial_response.map(|response| response.0.expose()) {
            None => Ok(Turn::Ask(exchange)),
            Some("=") => exchange.take(Vec::new()),
            Some(text) => exchange.decode(text.as_bytes()),
        }
    }

    /// Goes on with a line of the client. RFC 4954 section 4: `*` cancels.
    pub fn respond(self, line: &[u8]) -> Result<Turn, SaslFault> {
        if line == b"*" { Err(SaslFault::Cancelled) } else { self.decode(line) }
    }

    fn decode(self, text: &[u8]) -> Result<Turn, SaslFault> {
        // Padding is required, and bits that are left over must be zero: a response has one spelling.
        self.take(STANDARD.decode(text).map_err(|_| SaslFault::Undecodable)?)
    }

    fn take(self, octets: Vec<u8>) -> Result<Turn, SaslFault> {
        let text = String::from_utf8(octets).map_err(|error| {
            secret::wipe(&mut error.into_bytes());
            SaslFault::Malformed
        })?;
        let text = Secret::new(text);
        match self {
            Self::Plain => plain(text.expose()).map(Turn::Claim),
            Self::LoginUserName => {
                let user_name = user_name(text.expose())?;
                Ok(Turn::Ask(Self::LoginPassword { user_name }))
            }
            Self::LoginPassword { user_name } => {
                Ok(Turn::Claim(Credentials { user_name, password: password(text.expose())? }))
            }
        }
    }
}

/// RFC 4616 section 2: `[authzid] NUL authcid NUL passwd`. No user may act for another.
fn plain(message: &str) -> Result<Credentials, SaslFault> {
    let mut parts = message.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(acts_for), Some(name), Some(secret), None) if acts_for.is_empty() || acts_for == name => {
            Ok(Credentials { user_name: user_name(name)?, password: password(secret)? })
        }
        _ => Err(SaslFault::Malformed),
    }
}

fn user_name(text: &str) -> Result<String, SaslFault> {
    let text = bounded(text, USER_NAME_OCTETS_MAX)?;
    if text.chars().any(char::is_control) { Err(SaslFault::Malformed) } else { Ok(text.to_owned()) }
}

fn password(text: &str) -> Result<Secret, SaslFault> {
    bounded(text, PASSWORD_OCTETS_MAX).map(|text| Secret::new(text.to_owned()))
}

fn bounded(text: &str, octets_max: usize) -> Result<&str, SaslFault> {
    let is_fit = (1..=octets_max).contains(&text.len()) && !text.contains('\0');
    if is_fit { Ok(text) } else { Err(SaslFault::Malformed) }
}
