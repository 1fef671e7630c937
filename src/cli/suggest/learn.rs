//! What was seen of each app, by the address that it sends from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::cli::suggest::patterns::{Addresses, Locals, escaped};
use crate::telemetry::Record;

/// More addresses of one domain than this, from which an app sends, stand for all of it.
const AUTHORS_MAX: usize = 10;

/// App, domain and local part of From.
#[derive(Debug, Default)]
pub struct Learned(BTreeMap<String, BTreeMap<String, BTreeMap<String, Seen>>>);

/// Some mails of one app.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub mails: usize,
    pub recipients: Addresses,
    /// MAIL FROM as SES hears it.
    pub senders: Addresses,
    pub clients: BTreeSet<IpAddr>,
    pub resources: BTreeSet<String>,
}

/// What one statement will allow.
#[derive(Debug)]
pub struct Statement {
    pub sid: String,
    pub app: String,
    /// A pattern.
    pub from: String,
    pub seen: Seen,
}

impl Learned {
    pub fn add(&mut self, record: &Record<'_>) {
        let Some((local, domain)) = record.from.as_deref().and_then(|from| from.rsplit_once('@')) else {
            return;
        };
        let domains = self.0.entry(record.app.clone().into_owned()).or_default();
        domains.entry(domain.to_owned()).or_default().entry(local.to_owned()).or_default().add(record);
    }

    pub fn statements(self) -> Vec<Statement> {
        let mut statements = Vec::new();
        for (app, domains) in self.0 {
            let mut groups = Vec::new();
            for (domain, authors) in domains {
                if authors.len() > AUTHORS_MAX {
                    let mut all = Seen::default();
                    for seen in authors.values() {
                        all.join(seen);
                    }
                    groups.push((format!("*@{domain}"), all));
                } else {
                    let one = |(local, seen): (String, Seen)| (format!("{}@{domain}", escaped(&local)), seen);
                    groups.extend(authors.into_iter().map(one));
                }
            }
            for (number, (from, seen)) in (1_usize..).zip(groups) {
                let sid = format!("{}{number}", word(&app));
                statements.push(Statement { sid, app: app.clone(), from, seen });
            }
        }
        tell_apart(&mut statements);
        statements
    }
}

impl Seen {
    fn add(&mut self, record: &Record<'_>) {
        self.mails = self.mails.saturating_add(1);
        for recipient in record.recipients.iter().chain(&record.header_recipients) {
            self.recipients.add(recipient);
        }
        match record
            .ses_mail_from
            .as_deref()
            .or(Some(record.mail_from.as_ref()).filter(|path| !path.is_empty()))
        {
            Some(sender) => self.senders.add(sender),
            // What would stand in for `<>` is not in the record of a mail that was denied.
            None => self.senders = Addresses::Everybody,
        }
        self.clients.extend(record.client.parse::<IpAddr>());
        for judged in &record.resources {
            if !self.resources.contains(judged.resource.as_ref()) {
                self.resources.insert(judged.resource.clone().into_owned());
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.mails = self.mails.saturating_add(other.mails);
        self.recipients.join(&other.recipients);
        self.senders.join(&other.senders);
        self.clients.extend(&other.clients);
        self.resources.extend(other.resources.iter().cloned());
    }

    /// How many addresses were written to, in words.
    pub fn recipients_in_words(&self) -> String {
        match &self.recipients {
            Addresses::Everybody => "anybody: too many domains to list".to_owned(),
            Addresses::Some(domains) => {
                let whole = domains.values().filter(|locals| matches!(locals, Locals::All)).count();
                let one = |locals: &Locals| if let Locals::Some(locals) = locals { locals.len() } else { 0 };
                let single: usize = domains.values().map(one).sum();
                let words = |count, one: &str, many: &str| match count {
                    0 => None,
                    1 => Some(format!("1 {one}")),
                    _ => Some(format!("{count} {many}")),
                };
                let parts =
                    [words(single, "address", "addresses"), words(whole, "whole domain", "whole domains")];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
            }
        }
    }
}

/// A Sid is made of letters and digits (IAM user guide, "IAM JSON policy elements: Sid").
fn word(app: &str) -> String {
    let mut word = String::new();
    let mut is_start = true;
    for character in app.chars() {
        if character.is_ascii_alphanumeric() {
            word.push(if is_start { character.to_ascii_uppercase() } else { character });
        }
        is_start = !character.is_ascii_alphanumeric();
    }
    if word.is_empty() { "App".to_owned() } else { word }
}

/// `a-b` and `aB` are two apps, and `a1` with a second statement is none of `a` with a twelfth.
fn tell_apart(statements: &mut [Statement]) {
    let mut taken = BTreeSet::new();
    for statement in statements {
        let mut sid = statement.sid.clone();
        while !taken.insert(sid.clone()) {
            sid.push('x');
        }
        statement.sid = sid;
    }
}
