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
        let mut line = line;
        while let [rest @ .., b' ' | b'\t'] = line {
            line = rest;
        }
        if line.iter().any(u8::is_ascii_control) {
            return Err(Fault::ControlOctet);
        }
        let space = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
        let (verb, mut argument) = line.split_at(space);
        while let [b' ', rest @ ..] = argument {
            argument = rest;
        }
        match verb.to_ascii_uppercase().as_slice() {
            b"EHLO" => greeting_name(argument, USAGE_EHLO).map(Self::Ehlo),
            b"HELO" => greeting_name(argument, USAGE_HELO).map(Self::Helo),
            b"MAIL" => mail(ascii(argument).ok_or(Fault::NotAsciiPath)?),
            b"RCPT" => rcpt(ascii(argument).ok_or(Fault::NotAsciiPath)?),
            b"AUTH" => auth(ascii(argument).ok_or(Fault::Syntax { usage: USAGE_AUTH })?),
            b"DATA" => alone(Self::Data, argument, "DATA"),
            b"STARTTLS" => alone(Self::StartTls, argument, "STARTTLS"),
            b"RSET" => alone(Self::Rset, argument, "RSET"),
            b"QUIT" => alone(Self::Quit, argument, "QUIT"),
            b"NOOP" => Ok(Self::Noop),
            b"VRFY" => Ok(Self::Vrfy),
            b"HELP" => Ok(Self::Help),
            b"BDAT" | b"BURL" | b"EXPN" | b"ETRN" | b"SEND" | b"SOML" | b"SAML" | b"TURN" => {
                Err(Fault::NotImplemented)
            }
            b"GET" | b"POST" | b"HEAD" | b"PUT" | b"DELETE" | b"OPTIONS" | b"CONNECT" | b"PATCH"
            | b"TRACE" | b"PRI" | b"PROXY" => Err(Fault::OtherProtocol),
            _ => Err(Fault::UnknownCommand),
        }
    }
}

fn ascii(argument: &[u8]) -> Option<&str> {
    std::str::from_utf8(argument).ok().filter(|text| text.is_ascii())
}

/// Hosts and files are named in any script and in any encoding of it; `?` stands for what is not ASCII.
fn greeting_name(argument: &[u8], usage: &'static str) -> Result<String, Fault> {
    if argument.is_empty() {
        return Err(Fault::Syntax { usage });
    }
    let ascii = |octet: &u8| if octet.is_ascii() { char::from(*octet) } else { '?' };
    Ok(argument.iter().take(GREETING_NAME_OCTETS_MAX).map(ascii).collect())
}

fn alone(command: Command, argument: &[u8], usage: &'static str) -> Result<Command, Fault> {
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
