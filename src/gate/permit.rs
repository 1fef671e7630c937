//! The right to send one mail, as a value, and its opposite.

use bytes::Bytes;

use crate::mail::{Address, Body, Submission};

/// SES's bound on one message, which no support request lifts (SES developer guide, "Service quotas").
pub const RECIPIENTS_MAX: usize = 50;

/// A mail that may be sent, in the very octets that were judged. Only the gate builds it, and nothing else can be
/// delivered.
#[derive(Debug)]
pub struct PermittedMail {
    submission: Submission,
    sender: Address,
    header: Bytes,
    removed: Vec<String>,
    right: Right,
}

/// Why a mail may be sent, and where.
#[derive(Debug)]
pub(super) struct Right {
    pub grounds: Grounds,
    /// The gate's own region, and others that policy permits too.
    pub regions: Vec<String>,
    pub configuration_set: Option<String>,
}

/// Why a mail may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// Policy allows it.
    Allowed,
    /// Policy refuses it so, and its refusals are not enforced.
    Unenforced(Refusal),
}

/// A mail that may not be sent, and why.
#[derive(Debug)]
pub struct Refused {
    pub submission: Submission,
    pub refusal: Refusal,
}

/// Our no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `MAIL FROM:<>`, and no address is configured to stand in for it.
    NullSender,
    TooManyRecipients {
        recipients_max: usize,
    },
    /// No verified identity covers these, so SES would refuse.
    Unverified {
        addresses: Vec<Address>,
    },
    /// A statement denies: by its Sid, or else by its document and number.
    Denied {
        statement: String,
    },
    /// No statement allows this.
    NotAllowed,
    /// The app is not, or no more, one of ours.
    UnknownApp,
}

impl PermittedMail {
    pub(super) fn new(
        submission: Submission,
        sender: Address,
        (header, removed): (Bytes, Vec<String>),
        right: Right,
    ) -> Self {
        Self { submission, sender, header, removed, right }
    }

    pub fn grounds(&self) -> &Grounds {
        &self.right.grounds
    }

    pub fn submission(&self) -> &Submission {
        &self.submission
    }

    /// MAIL FROM. Never null.
    pub fn sender(&self) -> &Address {
        &self.sender
    }

    /// Never empty.
    pub fn recipients(&self) -> &[Address] {
        self.submission.envelope.recipients()
    }

    /// The edited header block, dot-stuffed, without the empty line that ends it.
    pub fn header(&self) -> &Bytes {
        &self.header
    }

    /// All that follows, dot-stuffed; begins with the empty line unless it is empty.
    pub fn body(&self) -> &Body {
        self.submission.message.body()
    }

    /// The names of the fields that were taken out.
    pub fn removed(&self) -> &[String] {
        &self.removed
    }

    /// The one that was judged. The header names it too.
    pub fn configuration_set(&self) -> Option<&str> {
        self.right.configuration_set.as_deref()
    }

    pub fn may_go_to(&self, region: &str) -> bool {
        self.right.regions.iter().any(|permitted| permitted == region)
    }

    /// A permit that no policy gave, so that delivery can be tested by itself.
    #[cfg(test)]
    pub fn for_tests(sender: &str, recipients: &[&str], message: &crate::mail::Message) -> Self {
        use crate::mail::{Client, Dialect, Envelope, Evidence, Greeting, KnownApp, ReversePath, Transport};

        let sender = Address::parse(sender).unwrap();
        let recipients = recipients.iter().map(|text| Address::parse(text).unwrap()).collect();
        let submission = Submission {
            app: KnownApp { name: "default".into(), by: Evidence::Network },
            client: Client::new(([127, 0, 0, 1], 4711).into(), "default".into(), Transport::Plain),
            greeting: Greeting { name: "app".to_owned(), dialect: Dialect::Esmtp },
            envelope: Envelope::new(ReversePath::Mailbox(sender.clone()), recipients).unwrap(),
            message: message.clone(),
        };
        let edited = (message.header().clone(), Vec::new());
        let regions = vec!["us-east-1".to_owned()];
        let right = Right { grounds: Grounds::Allowed, regions, configuration_set: None };
        Self::new(submission, sender, edited, right)
    }
}
