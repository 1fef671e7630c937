//! The mails that the stand-in took, for the page.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::admin::{Mails, TakenMail, WholeMail};
use crate::sandbox::{Mail, Mailbox, Reading};

/// Longer ones are shown in part.
const SOURCE_OCTETS_MAX: usize = 24 * 1024;

#[derive(Debug)]
pub struct Taken(Mailbox);

impl Taken {
    pub fn new(mailbox: Mailbox) -> Self {
        Self(mailbox)
    }
}

impl Mails for Taken {
    fn newest(&self) -> Vec<TakenMail> {
        self.0.mails().iter().rev().map(|mail| summary(mail)).collect()
    }

    fn find(&self, id: &str) -> Option<WholeMail> {
        let mails = self.0.mails();
        let mail = mails.iter().find(|mail| mail.summary.message_id == id)?;
        let Reading { fields, text } = Reading::of(&mail.octets);
        let shown = mail.octets.get(..SOURCE_OCTETS_MAX);
        let mut source = String::from_utf8_lossy(shown.unwrap_or(&mail.octets)).into_owned();
        if shown.is_some() {
            source.push_str("\n[…]");
        }
        Some(WholeMail {
            summary: summary(mail),
            mail_from: mail.summary.sender.clone(),
            fields,
            text,
            source,
        })
    }
}

fn summary(mail: &Mail) -> TakenMail {
    let summary = &mail.summary;
    TakenMail {
        id: summary.message_id.clone(),
        time: rfc3339(summary.accepted_at),
        from: summary.from.clone(),
        recipients: summary.recipients.clone(),
        subject: summary.subject.clone(),
        octets: summary.octets,
    }
}

fn rfc3339(time: SystemTime) -> String {
    format!("{:.3}", Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH))
}
