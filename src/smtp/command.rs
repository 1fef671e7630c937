//! One command line in, a typed command out: RFC 5321 section 4.1.1, read strictly.
//!
//! What is tolerated because honest clients send it: any case, white space at the end, spaces behind `FROM:` and
//! `TO:`, and a path without angle brackets. Whether a command may come now is not known here.

use crate::mail::{Address, ReversePath};
use crate::smtp::Fault;
use crate::smtp::login::Auth;
use crate::smtp::sasl::{Mechanism, Response};

/// What the client calls itself is kept up to the length of a domain (RFC 5321 section 4.5.3.1.2).
const GREETING_NAME_OCTETS_MAX: usize = 255;
/// RFC 1870 section 3.
const SIZE_DIGITS_MAX: usize = 20;

const USAGE_EHLO: &str = "EHLO name";
const USAGE_HELO: &str = "HELO name";
const USAGE_MAIL: &str = "MAIL FROM:<address> [SIZE=octets] [BODY=7BIT|8BITMIME]";
const USAGE_RCPT: &str = "RCPT TO:<address>";
const USAGE_AUTH: &str = "AUTH PLAIN|LOGIN [initial response]";

/// A command, its arguments read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// With what the client calls itself, which nobody judges: names of files and containers all occur.
    Ehlo(String),
    Helo(String),
    /// BODY= is checked and forgotten: the octets go on as they are, eighth bit and all (RFC 6152).
    Mail {
        reverse_path: ReversePath,
        size: Option<u64>,
    },
    Rcpt(Address),
    Auth(Auth),
    Data,
    /// RFC 3207.
    StartTls,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

impl Command {
    /// Reads a line without its CRLF.
    pub fn parse(line: &[u8]) -> Result<Self, Fault> {
        // RFC 5321 section 4.1.1: white space before the CRLF is to be tolerated.
        let text =
            std::str::from_utf8(line).map_err(|_| Fault::ForbiddenOctet)?.trim_end_matches([' ', '\t']);
        if !text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
            return Err(Fault::ForbiddenOctet);
        }
        let (verb, argument) = text.split_once(' ').unwrap_or((text, ""));
        let argument = argument.trim_start_matches(' ');
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => greeting_name(argument, USAGE_EHLO).map(Self::Ehlo),
            "HELO" => greeting_name(argument, USAGE_HELO).map(Self::Helo),
            "MAIL" => mail(argument),
            "RCPT" => rcpt(argument),
            "AUTH" => auth(argument),
            "DATA" => alone(Self::Data, argument, "DATA"),
            "STARTTLS" => alone(Self::StartTls, argument, "STARTTLS"),
            "RSET" => alone(Self::Rset, argument, "RSET"),
            "QUIT" => alone(Self::Quit, argument, "QUIT"),
            "NOOP" => Ok(Self::Noop),
            "VRFY" => Ok(Self::Vrfy),
            "HELP" => Ok(Self::Help),
            "BDAT" | "BURL" | "EXPN" | "ETRN" | "SEND" | "SOML" | "SAML" | "TURN" => {
                Err(Fault::NotImplemented)
            }
            "GET" | "POST" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "CONNECT" | "PATCH" | "TRACE"
            | "PRI" | "PROXY" => Err(Fault::OtherProtocol),
            _ => Err(Fault::UnknownCommand),
        }
    }
}

fn greeting_name(argument: &str, usage: &'static str) -> Result<String, Fault> {
    if argument.is_empty() {
        return Err(Fault::Syntax { usage });
    }
    Ok(argument.chars().take(GREETING_NAME_OCTETS_MAX).collect())
}

fn alone(command: Command, argument: &str, usage: &'static str) -> Result<Command, Fault> {
    if argument.is_empty() { Ok(command) } else { Err(Fault::Syntax { usage }) }
}

fn mail(argument: &str) -> Result<Command, Fault> {
    let syntax = Fault::Syntax { usage: USAGE_MAIL };
    let path = Path::parse(argument, "FROM:").ok_or(syntax)?;
    let reverse_path = match path.address {
        "" => ReversePath::Null,
        address => ReversePath::Mailbox(Address::parse(address).map_err(Fault::Sender)?),
    };
    let mut size = None;
    let mut body = None;
    let mut author = None;
    for parameter in path.parameters().ok_or(syntax)? {
        let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let repeated = match keyword.to_ascii_uppercase().as_str() {
            "SIZE" => size.replace(octets(value)?).is_some(),
            "BODY" => body.replace(body_type(value)?).is_some(),
            // RFC 4954 section 5: whose mail it was is taken from nobody, so the value is as good as `<>`.
            "AUTH" => author.replace(()).is_some(),
            _ => return Err(Fault::UnknownParameter),
        };
        if repeated {
            return Err(Fault::ParameterValue);
        }
    }
    Ok(Command::Mail { reverse_path, size })
}

/// `TO:<Postmaster>` (RFC 5321 section 4.1.1.3) is an address without a domain and refused as such: the relay has
/// no mailboxes of its own.
fn rcpt(argument: &str) -> Result<Command, Fault> {
    let syntax = Fault::Syntax { usage: USAGE_RCPT };
    let path = Path::parse(argument, "TO:").ok_or(syntax)?;
    let recipient = Address::parse(path.address).map_err(Fault::Recipient)?;
    match path.parameters().ok_or(syntax)?.next() {
        None => Ok(Command::Rcpt(recipient)),
        Some(_) => Err(Fault::UnknownParameter),
    }
}

/// RFC 4954 section 4.
fn auth(argument: &str) -> Result<Command, Fault> {
    let mut words = argument.split(' ').filter(|word| !word.is_empty());
    let (Some(mechanism), initial_response, None) = (words.next(), words.next(), words.next()) else {
        return Err(Fault::Syntax { usage: USAGE_AUTH });
    };
    let mechanism = match mechanism.to_ascii_uppercase().as_str() {
        "PLAIN" => Mechanism::Plain,
        "LOGIN" => Mechanism::Login,
        _ => Mechanism::Other,
    };
    Ok(Command::Auth(Auth { mechanism, initial_response: initial_response.map(Response::new) }))
}

/// The argument of MAIL or RCPT in its parts.
struct Path<'a> {
    /// Without brackets; empty for `<>`.
    address: &'a str,
    rest: &'a str,
}

impl<'a> Path<'a> {
    /// A path in brackets ends at the first `>`: no [`Address`] holds one. A path without brackets, as devices
    /// send it, ends at the first space and is never empty, so that only `<>` is the null path.
    fn parse(argument: &'a str, keyword: &str) -> Option<Self> {
        let (head, path) = argument.split_at_checked(keyword.len())?;
        if !head.eq_ignore_ascii_case(keyword) {
            return None;
        }
        let path = path.trim_start_matches(' ');
        let (address, rest) = match path.strip_prefix('<') {
            Some(bracketed) => bracketed.split_once('>')?,
            None if path.is_empty() => return None,
            None => path.split_at_checked(path.find(' ').unwrap_or(path.len()))?,
        };
        Some(Self { address, rest })
    }

    /// `None` if what follows the path is not set off by a space.
    fn parameters(&self) -> Option<impl Iterator<Item = &'a str>> {
        let is_set_off = self.rest.is_empty() || self.rest.starts_with(' ');
        is_set_off.then(|| self.rest.split(' ').filter(|parameter| !parameter.is_empty()))
    }
}

/// A number too big for us to hold is certainly too big for us to take.
fn octets(value: &str) -> Result<u64, Fault> {
    let is_number =
        (1..=SIZE_DIGITS_MAX).contains(&value.len()) && value.bytes().all(|octet| octet.is_ascii_digit());
    if is_number { Ok(value.parse().unwrap_or(u64::MAX)) } else { Err(Fault::ParameterValue) }
}

/// RFC 6152 section 2. BINARYMIME (RFC 3030) is not offered.
fn body_type(value: &str) -> Result<(), Fault> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" | "8BITMIME" => Ok(()),
        _ => Err(Fault::UnknownParameter),
    }
}
