//! What does the header claim? Read so strictly that no other reader can read it differently.
//!
//! In order: `header` splits the block into fields, `once_only` refuses doubles, `addresses` reads the fields
//! that name people, `second_reader` has `mail_parser` confirm all of it. [`edit()`] then writes the header
//! that goes on. Nothing here knows of policies, and nothing looks into the body.

mod addresses;
mod defect;
mod display_name;
mod edit;
mod encoded_word;
mod header;
mod lexer;
mod once_only;
mod received;
mod second_reader;

use crate::inspect::addresses::{Mailbox, Shape};
use crate::inspect::header::{Field, Header};
use crate::mail::Address;

pub use defect::{Defect, Excerpt, FieldFault};
pub use edit::{AddedField, AddedFieldError, Edited, Edits, edit};
pub use received::{Protocol, Received};

/// How much of a header is read.
#[derive(Debug, Clone)]
pub struct Limits {
    pub fields_max: usize,
    /// RFC 5322 section 2.1.1, without the CRLF.
    pub line_octets_max: usize,
    pub addresses_max: usize,
    /// A mail that passed so many relays goes in circles (RFC 5321 section 6.3 asks for at least 100).
    pub received_max: usize,
}

/// What a header claims. It holds on to the header, so that no other one can be edited by what was found here.
#[derive(Debug, Clone)]
pub struct Findings<'h> {
    pub from: Author,
    pub sender: Option<Address>,
    /// Those of Resent-From and Resent-Sender, of every resent block (RFC 5322 section 3.6.6).
    pub resent_senders: Vec<Address>,
    pub reply_to: Vec<Address>,
    /// Those of To, Cc, Bcc, Resent-To, Resent-Cc and Resent-Bcc, in the order of the header.
    pub recipients: Vec<Address>,
    /// The mail's own X-SES-CONFIGURATION-SET.
    pub configuration_set: Option<String>,
    /// For logs, and left out if it is too long for them: SES gives the mail another one.
    pub message_id: Option<String>,
    header: Header<'h>,
}

/// What a header claims, without the header: enough to be judged, never to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Claims<'a> {
    pub from: &'a Author,
    pub sender: Option<&'a Address>,
    pub resent_senders: &'a [Address],
    pub reply_to: &'a [Address],
    pub recipients: &'a [Address],
    pub configuration_set: Option<&'a str>,
}

/// The one mailbox of the From field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    pub address: Address,
    /// Decoded. A comment behind the address counts if there is no other name, as mail programs show it.
    pub display_name: Option<String>,
}

/// What an address field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    From,
    Sender,
    ResentFrom,
    ResentSender,
    ReplyTo,
    Recipients,
}

/// An address field as our own reader read it.
#[derive(Debug)]
struct Reading<'h> {
    /// Its place among the fields.
    index: usize,
    name: &'h str,
    line: usize,
    role: Role,
    mailboxes: Vec<Mailbox<'h>>,
}

impl Findings<'_> {
    /// Whether the header has a field of this name, in any letter case.
    pub fn has_field(&self, name: &str) -> bool {
        named(&self.header, name).is_some()
    }

    /// What the gate judges by.
    pub fn claims(&self) -> Claims<'_> {
        Claims {
            from: &self.from,
            sender: self.sender.as_ref(),
            resent_senders: &self.resent_senders,
            reply_to: &self.reply_to,
            recipients: &self.recipients,
            configuration_set: self.configuration_set.as_deref(),
        }
    }
}

/// Reads a header block: every line ended by CRLF, without the empty line behind it.
pub fn inspect<'h>(header: &'h [u8], limits: &Limits) -> Result<Findings<'h>, Defect> {
    let header = Header::split(header, limits)?;
    once_only::check(&header)?;
    check_hops(&header, limits)?;
    let mut readings = read_addresses(&header, limits)?;
    second_reader::agree(&header, &readings)?;
    let configuration_set = configuration_set(&header)?;
    let message_id = named(&header, "Message-ID")
        .map(|field| unfolded(header.value(field)))
        .filter(|message_id| message_id.len() <= limits.line_octets_max);
    let mut findings = Findings {
        from: author(&mut readings)?,
        sender: None,
        resent_senders: Vec::new(),
        reply_to: Vec::new(),
        recipients: Vec::new(),
        configuration_set,
        message_id,
        header,
    };
    for Reading { role, mailboxes, .. } in readings {
        let mut addresses = mailboxes.into_iter().map(|mailbox| mailbox.address);
        match role {
            Role::From => {}
            Role::Sender => findings.sender = addresses.next(),
            Role::ResentFrom | Role::ResentSender => findings.resent_senders.extend(addresses),
            Role::ReplyTo => findings.reply_to.extend(addresses),
            Role::Recipients => findings.recipients.extend(addresses),
        }
    }
    Ok(findings)
}

impl Default for Limits {
    fn default() -> Self {
        Self { fields_max: 1000, line_octets_max: 998, addresses_max: 1000, received_max: 100 }
    }
}

impl Role {
    fn of(name: &str) -> Option<Self> {
        const ROLES: [(&str, Role); 11] = [
            ("From", Role::From),
            ("Sender", Role::Sender),
            ("Resent-From", Role::ResentFrom),
            ("Resent-Sender", Role::ResentSender),
            ("Reply-To", Role::ReplyTo),
            ("To", Role::Recipients),
            ("Cc", Role::Recipients),
            ("Bcc", Role::Recipients),
            ("Resent-To", Role::Recipients),
            ("Resent-Cc", Role::Recipients),
            ("Resent-Bcc", Role::Recipients),
        ];
        ROLES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, role)| *role)
    }

    fn shape(self) -> Shape {
        match self {
            Self::From | Self::Sender | Self::ResentSender => Shape::Sender,
            Self::ResentFrom => Shape::Senders,
            Self::ReplyTo | Self::Recipients => Shape::List,
        }
    }
}

impl Reading<'_> {
    fn defect(&self, fault: FieldFault) -> Defect {
        Defect::Field { line: self.line, field: Excerpt::new(self.name), fault }
    }
}

fn read_addresses<'h>(header: &Header<'h>, limits: &Limits) -> Result<Vec<Reading<'h>>, Defect> {
    let mut readings = Vec::new();
    let mut addresses = 0_usize;
    for (index, field) in header.fields().iter().enumerate() {
        let name = header.name(field);
        let Some(role) = Role::of(name) else { continue };
        let mailboxes = addresses::read(header.value(field), role.shape())
            .map_err(|fault| defect_in(header, field, fault))?;
        addresses = addresses.saturating_add(mailboxes.len());
        if addresses > limits.addresses_max {
            return Err(Defect::TooManyAddresses { addresses_max: limits.addresses_max });
        }
        readings.push(Reading { index, name, line: field.line, role, mailboxes });
    }
    Ok(readings)
}

fn check_hops(header: &Header<'_>, limits: &Limits) -> Result<(), Defect> {
    let is_received = |field: &&Field| header.name(field).eq_ignore_ascii_case("Received");
    if header.fields().iter().filter(is_received).count() > limits.received_max {
        return Err(Defect::TooManyHops { received_max: limits.received_max });
    }
    Ok(())
}

fn author(readings: &mut [Reading<'_>]) -> Result<Author, Defect> {
    let from = readings.iter_mut().find(|reading| reading.role == Role::From).ok_or(Defect::NoFrom)?;
    let [mailbox] = from.mailboxes.as_mut_slice() else {
        return Err(from.defect(FieldFault::NoAddress));
    };
    let display_name = match (mailbox.display_name.take(), mailbox.comment.take()) {
        (Some(_), Some(_)) => return Err(from.defect(FieldFault::NameAndComment)),
        (name, comment) => name.or(comment),
    };
    Ok(Author { address: mailbox.address.clone(), display_name })
}

/// The value of X-SES-CONFIGURATION-SET. The fields of this family are ASCII, whether they go on or not.
fn configuration_set(header: &Header<'_>) -> Result<Option<String>, Defect> {
    let mut found = None;
    for field in header.fields() {
        let name = header.name(field);
        if !once_only::is_of_ses(name) {
            continue;
        }
        let value = unfolded(header.value(field));
        if !value.is_ascii() {
            return Err(defect_in(header, field, FieldFault::NotAscii));
        }
        if !name.eq_ignore_ascii_case("X-SES-CONFIGURATION-SET") {
            continue;
        }
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
        if value.is_empty() || value.len() > 64 || !value.bytes().all(is_name) {
            let name = Excerpt::new(&value);
            return Err(defect_in(header, field, FieldFault::ConfigurationSetName { name }));
        }
        found = Some(value);
    }
    Ok(found)
}

fn named<'f>(header: &'f Header<'_>, name: &str) -> Option<&'f Field> {
    header.fields().iter().find(|field| header.name(field).eq_ignore_ascii_case(name))
}

/// RFC 5322 section 2.2.3, without the space around the value.
fn unfolded(value: &str) -> String {
    value.trim_matches([' ', '\t', '\r', '\n']).replace("\r\n", "")
}

fn defect_in(header: &Header<'_>, field: &Field, fault: FieldFault) -> Defect {
    Defect::Field { line: field.line, field: Excerpt::new(header.name(field)), fault }
}
