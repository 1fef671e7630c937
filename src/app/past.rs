//! A mail of the past, out of its audit record, to be judged again: by the policies of today, or by others.
//!
//! The record holds all that the gate judged by. What the configuration adds (tags, VPC, verified identities) is
//! that of the gate that judges again.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::app::OfflineMail;
use crate::gate::Case;
use crate::inspect::{Author, Claims};
use crate::mail::{Address, Client, Envelope, ReversePath, Transport};
use crate::telemetry::Record;

#[derive(Debug, Clone)]
pub struct PastMail {
    app: String,
    client: Client,
    envelope: Envelope,
    octets: usize,
    from: Author,
    sender: Option<Address>,
    resent_senders: Vec<Address>,
    reply_to: Vec<Address>,
    recipients: Vec<Address>,
    configuration_set: Option<String>,
    now: SystemTime,
}

/// Why a mail cannot be judged again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecallError {
    #[error("its record does not show its addresses, since `log.addresses` was `{form}`")]
    Masked { form: String },
    #[error("its header could not be read, so no policy was asked")]
    NoHeader,
    #[error("the `{field}` of its record is of no use")]
    Malformed { field: &'static str },
}

impl PastMail {
    pub fn recall(record: &Record<'_>) -> Result<Self, RecallError> {
        if record.addresses != "plain" {
            return Err(RecallError::Masked { form: record.addresses.clone().into_owned() });
        }
        let from = record.from.as_deref().ok_or(RecallError::NoHeader)?;
        let one = |field, text: &str| Address::parse(text).map_err(|_| RecallError::Malformed { field });
        let all = |field, texts: &[Cow<'_, str>]| -> Result<Vec<Address>, RecallError> {
            texts.iter().map(|text| one(field, text)).collect()
        };
        let reverse_path = match record.mail_from.as_ref() {
            "" => ReversePath::Null,
            path => ReversePath::Mailbox(one("mail_from", path)?),
        };
        let envelope = Envelope::new(reverse_path, all("recipients", &record.recipients)?);
        let address = record.client.parse().map_err(|_| RecallError::Malformed { field: "client" })?;
        let transport = if record.tls { Transport::Tls } else { Transport::Plain };
        let now: Timestamp = record.time.parse().map_err(|_| RecallError::Malformed { field: "time" })?;
        Ok(Self {
            app: record.app.clone().into_owned(),
            client: Client::new(SocketAddr::new(address, 0), record.listener.as_ref().into(), transport),
            envelope: envelope.ok_or(RecallError::Malformed { field: "recipients" })?,
            octets: record.octets,
            from: Author {
                address: one("from", from)?,
                display_name: record.from_display_name.as_deref().map(str::to_owned),
            },
            sender: record.sender.as_deref().map(|sender| one("sender", sender)).transpose()?,
            resent_senders: all("resent_senders", &record.resent_senders)?,
            reply_to: all("reply_to", &record.reply_to)?,
            recipients: all("header_recipients", &record.header_recipients)?,
            configuration_set: record.configuration_set.as_deref().map(str::to_owned),
            now: now.into(),
        })
    }

    /// The envelope and the rest as a client said it, without the message.
    pub fn as_said(&self) -> OfflineMail {
        let mail_from = match self.envelope.reverse_path() {
            ReversePath::Mailbox(address) => address.to_string(),
            ReversePath::Null => String::new(),
        };
        OfflineMail {
            client: self.client.clone(),
            app: self.app.as_str().into(),
            mail_from,
            rcpt: self.envelope.recipients().iter().map(Address::to_string).collect(),
            message: Vec::new(),
            author: Some(self.from.address.clone()),
            now: self.now,
        }
    }

    pub fn case(&self) -> Case<'_> {
        Case {
            app: &self.app,
            client: &self.client,
            envelope: &self.envelope,
            octets: self.octets,
            claims: Claims {
                from: &self.from,
                sender: self.sender.as_ref(),
                resent_senders: &self.resent_senders,
                reply_to: &self.reply_to,
                recipients: &self.recipients,
                configuration_set: self.configuration_set.as_deref(),
            },
            now: self.now,
        }
    }
}
