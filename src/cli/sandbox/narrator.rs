//! Shows each mail as it is settled: who to whom, what the client was told and why, and what SES has of it.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdout};
use std::sync::Arc;

use crate::sandbox::Mailbox;
use crate::telemetry::{AuditSink, Effect, Record, printable};

/// Writes to standard output, for a person.
#[derive(Debug)]
pub struct Narrator {
    mailbox: Mailbox,
    colours: Colours,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Shown,
    Left,
}

impl Narrator {
    pub fn new(mailbox: Mailbox) -> Self {
        let colours = if stdout().is_terminal() { Colours::Shown } else { Colours::Left };
        Self { mailbox, colours }
    }

    fn story(&self, record: &Record<'_>) -> String {
        let (word, colour) = match (record.effect, &record.ses_message_id) {
            (Effect::Allow, Some(_)) => ("allowed", 32),
            (Effect::Allow, None) => ("not sent", 33),
            (Effect::ExplicitDeny | Effect::ImplicitDeny | Effect::NotJudged, _) => ("refused", 31),
        };
        let clock = record.time.get(11..19).unwrap_or(&record.time);
        let from = record.from.as_ref().unwrap_or(&record.mail_from);
        let mut story = format!(
            "{clock}  {}  {from} -> {}  (client {}, {} octets)\n",
            self.coloured(word, colour),
            record.recipients.join(", "),
            record.client,
            record.octets,
        );
        let mut line = |label: &str, text: &str| {
            // What a mail says of itself must not move the cursor.
            let _ = writeln!(story, "          {label:<8}  {}", printable(text));
        };
        line("told", &record.reply);
        for judged in &record.resources {
            let name = judged.resource.rsplit(':').next().unwrap_or(&judged.resource);
            match (judged.effect, &judged.statement) {
                (Effect::ExplicitDeny, Some(statement)) => line("why", &format!("{statement} denies {name}")),
                (Effect::Allow, Some(statement)) => line("why", &format!("{statement} allows {name}")),
                (Effect::ImplicitDeny | Effect::NotJudged, _) | (_, None) => {
                    line("why", &format!("no statement allows {name}"));
                }
            }
        }
        let taken = self.mailbox.mails();
        let taken = taken
            .iter()
            .rev()
            .find(|mail| Some(mail.summary.message_id.as_str()) == record.ses_message_id.as_deref());
        if let Some(mail) = taken {
            let summary = &mail.summary;
            line(
                "at SES",
                &format!("{}, subject `{}`, {} octets", summary.from, summary.subject, summary.octets),
            );
        }
        if !record.fields_removed.is_empty() {
            line("removed", &record.fields_removed.join(", "));
        }
        story
    }

    fn coloured(&self, word: &str, colour: u8) -> String {
        match self.colours {
            Colours::Shown => format!("\x1b[1;{colour}m{word:<8}\x1b[0m"),
            Colours::Left => format!("{word:<8}"),
        }
    }
}

impl AuditSink for Narrator {
    fn record(&self, record: &Record<'_>, _: &Arc<[u8]>) {
        // One write, so that stories do not mix. A closed terminal is no reason to stop.
        let _ = stdout().write_all(self.story(record).as_bytes());
    }
}
