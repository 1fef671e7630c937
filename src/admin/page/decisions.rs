//! The newest decisions, and those among them that somebody looks for.

use std::fmt::Write;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::admin::page::row::{Row, word};
use crate::admin::page::{Frame, Here, html};
use crate::admin::routes::Desk;
use crate::telemetry::{Fate, Record, Seen};

/// A page of more would be slow to read, and to fetch every two seconds.
const ROWS_MAX: usize = 50;

/// What somebody looks for. All that is said must fit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    app: String,
    /// Part of any address of the mail, or of its client's.
    address: String,
    /// A word of [`CHOICES`].
    became: String,
    id: String,
    /// Only mails that were settled before this one.
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "decisions.html", config = "src/admin/askama.toml")]
struct Decisions {
    frame: Frame,
    wanted: Wanted,
    apps: Vec<String>,
    rows: Vec<Row>,
    /// How many are kept.
    kept: usize,
    /// Where the list goes on.
    older: Option<String>,
}

pub(super) async fn show(State(desk): State<Desk>, Query(wanted): Query<Wanted>) -> Response {
    let all = desk.subject().recent().newest();
    let mut fitting = all.iter().filter_map(|seen| Some((seen.number, wanted.record(seen)?))).peekable();
    let mut rows = Vec::new();
    let mut last = None;
    while rows.len() < ROWS_MAX
        && let Some((number, record)) = fitting.next()
    {
        rows.push(Row::of(&record));
        last = Some(number);
    }
    let older = last.filter(|_| fitting.peek().is_some()).map(|last| wanted.address_before(last));
    let frame = Frame::new(desk.subject(), Here::Decisions);
    let apps = desk.subject().setting().apps;
    html(&Decisions { frame, wanted, apps, rows, kept: all.len(), older })
}

impl Wanted {
    /// The record of a mail, if that is looked for. It is read back only where what is known without it fits.
    fn record(&self, seen: &Seen) -> Option<Record<'static>> {
        let (fate, became) = (seen.fate, self.became.trim());
        let is_refused = matches!(fate, Fate::Denied | Fate::NotAllowed | Fate::NotJudged);
        let fits = self.before.is_none_or(|before| seen.number < before)
            && (became.is_empty() || became == word(fate) || (became == "refused" && is_refused));
        let record = fits.then(|| seen.record()).flatten()?;
        let fits = (self.app.is_empty() || self.app == record.app)
            && (self.id.trim().is_empty()
                || record.decision_id.contains(&self.id.trim().to_ascii_uppercase()))
            && names(&record, &self.address.trim().to_lowercase());
        fits.then_some(record)
    }

    fn is_silent(&self) -> bool {
        [&self.app, &self.address, &self.became, &self.id].iter().all(|text| text.trim().is_empty())
    }

    fn address_before(&self, number: u64) -> String {
        let pairs =
            [("app", &self.app), ("address", &self.address), ("became", &self.became), ("id", &self.id)];
        let said = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let said = said.map(|(name, value)| format!("&{name}={}", quoted(value))).collect::<Vec<_>>();
        format!("/decisions?before={number}{}", said.concat())
    }
}

/// Whether any address of the mail holds this text.
fn names(record: &Record<'_>, text: &str) -> bool {
    let single = [Some(&record.mail_from), record.from.as_ref(), record.sender.as_ref()];
    let lists = [&record.recipients, &record.header_recipients, &record.reply_to, &record.resent_senders];
    let mut all = single.into_iter().flatten().chain(lists.into_iter().flatten());
    text.is_empty()
        || record.client.contains(text)
        || all.any(|address| address.to_lowercase().contains(text))
}

/// RFC 3986 section 2.1.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~@".contains(&octet) {
            quoted.push(char::from(octet));
        } else {
            // Writing into memory cannot fail.
            let _ = write!(quoted, "%{octet:02X}");
        }
    }
    quoted
}

impl Decisions {
    /// What a mail can have become, and whether that is looked for.
    fn choices(&self) -> Vec<(&'static str, bool)> {
        let all = ["refused"].into_iter().chain(Fate::ALL.map(word));
        all.map(|word| (word, self.wanted.became == word)).collect()
    }
}
