//! One decision in full: what came, what became of it, and why.

use std::borrow::Cow;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::admin::page::decisions::quoted;
use crate::admin::page::row::{tone, word};
use crate::admin::page::source::Told;
use crate::admin::page::{Frame, Here, html, missing};
use crate::admin::routes::Desk;
use crate::admin::shown::{Explanation, ShownDocument, effect_word};
use crate::telemetry::{Fate, Record, printable};

#[derive(Template)]
#[template(path = "decision.html", config = "src/admin/askama.toml")]
struct Decision {
    frame: Frame,
    id: String,
    time: String,
    tone: &'static str,
    word: &'static str,
    reply: String,
    facts: Vec<(&'static str, String)>,
    judged: Vec<(String, String)>,
    told: Result<Told, String>,
    /// Whether what is in force now says otherwise.
    differs: bool,
    /// Whether the explanation does not say what was decided.
    shows_record: bool,
    /// Where the same mail can be tried.
    again: String,
}

pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Response {
    let Some(record) = desk.subject().recent().find(&id).and_then(|seen| seen.record()) else {
        let what = format!(
            "No decision {} is kept: the page remembers the newest 1,000 mails since the start.",
            printable(&id)
        );
        return missing(&desk, Here::Decisions, &what);
    };
    let record = Arc::new(record);
    let asked = Arc::clone(&record);
    let explained = desk.ponder(move |subject| (subject.explain(&asked), subject.documents())).await;
    let (explanation, documents): (Result<Explanation, String>, Vec<ShownDocument>) = match explained {
        Ok((explanation, documents)) => (explanation, documents),
        Err(busy) => (Err(busy.to_string()), Vec::new()),
    };
    let record = &*record;
    let differs = explanation.as_ref().is_ok_and(|explanation| differs(explanation, record));
    let is_unexplained = explanation.is_err();
    let fate = Fate::of(record);
    html(&Decision {
        frame: Frame::new(desk.subject(), Here::Decisions),
        id: record.decision_id.clone(),
        time: record.time.clone(),
        tone: tone(fate),
        word: word(fate),
        reply: printable(&record.reply),
        facts: facts(record),
        judged: judged(record),
        told: explanation.map(|explanation| Told::new(explanation, &documents, None)),
        differs,
        shows_record: differs || is_unexplained,
        again: again(record),
    })
}

/// Whether what is in force now says otherwise than what was.
fn differs(explanation: &Explanation, record: &Record<'_>) -> bool {
    explanation.effect != record.effect
        || explanation.resources.len() != record.resources.len()
        || explanation
            .resources
            .iter()
            .zip(&record.resources)
            .any(|(now, then)| now.effect != then.effect || now.resource != then.resource)
}

/// What the record says, in the order in which one asks.
fn facts(record: &Record<'_>) -> Vec<(&'static str, String)> {
    let list =
        |texts: &[Cow<'_, str>]| texts.iter().map(|text| printable(text)).collect::<Vec<_>>().join(", ");
    let text = |text: Option<&Cow<'_, str>>| text.map_or_else(String::new, |text| printable(text));
    let transport = if record.tls { "TLS" } else { "clear text" };
    let steps = record.steps;
    let milliseconds = |microseconds: u64| format!("{}.{:03} ms", microseconds / 1000, microseconds % 1000);
    let all = [
        ("From", text(record.from.as_ref())),
        ("Display name", text(record.from_display_name.as_ref())),
        (
            "MAIL FROM",
            if record.mail_from.is_empty() { "<>".to_owned() } else { printable(&record.mail_from) },
        ),
        ("RCPT TO", list(&record.recipients)),
        ("In the header", list(&record.header_recipients)),
        ("Sender", text(record.sender.as_ref())),
        ("Resent by", list(&record.resent_senders)),
        ("Reply-To", list(&record.reply_to)),
        ("Own configuration set", text(record.configuration_set.as_ref())),
        ("Message-ID", text(record.message_id.as_ref())),
        ("App", format!("{}, known by its {}", printable(&record.app), record.known_by)),
        ("Client", format!("{}, which said {}", record.client, printable(&record.greeting_name))),
        ("Listener", format!("{}, {transport}", printable(&record.listener))),
        ("Size", format!("{} octets", record.octets)),
        ("Fields removed", list(&record.fields_removed)),
        ("Repeats", record.repeats.clone().unwrap_or_default()),
        ("Outcome", record.outcome.replace('_', " ")),
        (
            "Candidate policies",
            record.candidate.as_ref().map_or_else(String::new, |said| match &said.statement {
                Some(statement) => format!("{} by {statement}", said.effect.word()),
                None => said.effect.word().to_owned(),
            }),
        ),
        ("MAIL FROM at SES", text(record.ses_mail_from.as_ref())),
        ("SES message id", text(record.ses_message_id.as_ref())),
        ("SES session", text(record.ses_session.as_ref())),
        ("SES endpoint", text(record.ses_endpoint.as_ref())),
        (
            "Took",
            format!(
                "{} to read, {} to judge, {} to deliver",
                milliseconds(steps.inspect_microseconds),
                milliseconds(steps.judge_microseconds),
                milliseconds(steps.deliver_microseconds)
            ),
        ),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// Each resource, and what was said of it then.
fn judged(record: &Record<'_>) -> Vec<(String, String)> {
    let judged = record.resources.iter().map(|judged| {
        let effect = effect_word(judged.effect);
        let by = judged.statement.as_ref().map_or_else(String::new, |statement| format!(" by {statement}"));
        (printable(&judged.resource), format!("{effect}{by}"))
    });
    judged.collect()
}

/// The playground with this mail typed in.
fn again(record: &Record<'_>) -> String {
    let from = match (&record.from, &record.from_display_name) {
        (Some(from), Some(name)) => {
            format!("\"{}\" <{from}>", name.replace('\\', "\\\\").replace('"', "\\\""))
        }
        (Some(from), None) => from.to_string(),
        (None, _) => String::new(),
    };
    let in_header = |address: &&Cow<'_, str>| record.header_recipients.contains(address);
    let join =
        |texts: Vec<&Cow<'_, str>>| texts.into_iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
    let (to, bcc): (Vec<_>, Vec<_>) = record.recipients.iter().partition(in_header);
    let pairs = [
        ("from", from),
        ("to", join(to)),
        ("bcc", join(bcc)),
        (
            "mail_from",
            if record.mail_from.is_empty() { "<>".to_owned() } else { record.mail_from.to_string() },
        ),
        ("client", record.client.clone()),
        ("listener", record.listener.to_string()),
        ("app", record.app.to_string()),
    ];
    let said = pairs.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
    format!("/playground?{}", said.collect::<Vec<_>>().join("&"))
}
