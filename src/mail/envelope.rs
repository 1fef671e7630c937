//! Where a mail goes and where its bounces go: the transaction of RFC 5321, complete.

use std::fmt;

use crate::mail::Address;

/// MAIL FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReversePath {
    /// `MAIL FROM:<>`, the sender of bounces (RFC 5321 section 4.5.5).
    Null,
    Mailbox(Address),
}

/// A sender and at least one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    reverse_path: ReversePath,
    recipients: Vec<Address>,
}

impl Envelope {
    /// An envelope without recipients is none.
    pub fn new(reverse_path: ReversePath, recipients: Vec<Address>) -> Option<Self> {
        if recipients.is_empty() { None } else { Some(Self { reverse_path, recipients }) }
    }

    pub fn reverse_path(&self) -> &ReversePath {
        &self.reverse_path
    }

    /// Never empty.
    pub fn recipients(&self) -> &[Address] {
        &self.recipients
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(address) => write!(f, "<{address}>"),
        }
    }
}
