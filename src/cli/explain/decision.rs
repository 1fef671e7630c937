//! `sesgate explain --decision`: what was decided of a mail that an audit log tells of, and what would be today.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::path::PathBuf;

use serde_json::json;

use crate::app::{Offline, PastMail, Trial};
use crate::cli::explain::{json, text};
use crate::cli::format::Format;
use crate::cli::paint::{Paint, Tone};
use crate::cli::problems::{self, Severity, Shown};
use crate::cli::{Exit, explain, named_config_file, records, replay};
use crate::config::PolicyFile;
use crate::telemetry::{Effect, Record, printable};

/// A mail's record, and by what it is to be judged again.
pub struct Question<'a> {
    pub decision: &'a str,
    pub audit: &'a [PathBuf],
    pub config: Option<PathBuf>,
    pub policies: Vec<PolicyFile>,
    pub format: Format,
}

pub fn run(question: Question<'_>) -> Exit {
    match answer(question) {
        Ok((text, effect)) => {
            let _ = stdout().write_all(text.as_bytes());
            if effect == Effect::Allow { Exit::Done } else { Exit::Denied }
        }
        Err(found) => problems::refuse(&found),
    }
}

fn answer(question: Question<'_>) -> Result<(String, Effect), Vec<Shown>> {
    let Question { decision, audit, format, .. } = question;
    let mut found = None;
    records::read(audit, |record| {
        if record.decision_id.eq_ignore_ascii_case(decision) {
            found = serde_json::to_value(record).ok();
        }
    })?;
    let found = found.ok_or_else(|| vec![absent(decision)])?;
    let record: Record<'_> =
        serde_json::from_value(found.clone()).map_err(|error| vec![problems::of_error("", &error)])?;
    let mail = PastMail::recall(&record);
    let offline = judge(question)?;
    let (effect, again) = match (&mail, &offline) {
        (Ok(mail), Some(offline)) => {
            let trial = offline.judge_again(mail);
            (trial.effect(), Ok((trial, mail)))
        }
        (Err(why), _) => (record.effect, Err(why.to_string())),
        (Ok(_), None) => {
            (record.effect, Err("no policies were named; say --config FILE or --policy FILE...".to_owned()))
        }
    };
    let text = match format {
        Format::Text => told(&record, &again, Paint::detect()),
        Format::Json => {
            let differs = again.is_ok() && is_sent(effect) != is_sent(record.effect);
            let (now, why) = match &again {
                Ok((trial, mail)) => (Some(json::render(trial, &mail.as_said())), None),
                Err(why) => (None, Some(why)),
            };
            format!(
                "{:#}\n",
                json!({ "record": found, "now": now, "not_judged_again": why, "differs": differs })
            )
        }
    };
    Ok((text, effect))
}

fn judge(question: Question<'_>) -> Result<Option<Offline>, Vec<Shown>> {
    let Question { config, policies, audit, .. } = question;
    let offline = match named_config_file(config.as_deref()) {
        Some(path) => {
            let (config, documents) = explain::configured(&path, policies)?;
            Offline::new(&config, documents)
        }
        None if policies.is_empty() => return Ok(None),
        None => {
            let (config, documents) = replay::recorded(audit, policies)?;
            Offline::new(&config, documents)
        }
    };
    offline.map(Some).map_err(|error| problems::of_start(&error.into()))
}

fn is_sent(effect: Effect) -> bool {
    effect == Effect::Allow
}

fn told(record: &Record<'_>, again: &Result<(Trial<'_>, &PastMail), String>, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.tint(Tone::Heading, &format!("Decision {}", record.decision_id)));
    let mut line = |name: &str, value: &str| {
        // Writing into memory cannot fail.
        let _ = writeln!(text, "  {name:26}{}", printable(value));
    };
    let list = |list: &[Cow<'_, str>]| list.join(", ");
    line("time", &record.time);
    line("app", &record.app);
    line("client", &format!("{} ({})", record.client, record.greeting_name));
    line("MAIL FROM", &format!("<{}>", record.mail_from));
    line("From", record.from.as_deref().unwrap_or("its header could not be read"));
    line("RCPT TO", &list(&record.recipients));
    for judged in &record.resources {
        let by = judged.statement.as_deref().unwrap_or("no statement allows it");
        line(
            &words(judged.effect),
            &format!("{} by {by}", judged.resource).replace("by no statement", "since no statement"),
        );
    }
    line("outcome", &record.outcome);
    line("the client heard", &record.reply);
    if let Some(id) = &record.ses_message_id {
        line("SES calls it", id);
    }
    text.push('\n');
    match again {
        Err(why) => {
            let _ = writeln!(text, "It is not judged again: {why}.");
        }
        Ok((trial, mail)) => {
            let same = match (is_sent(record.effect), is_sent(trial.effect())) {
                (true, false) => paint.tint(Tone::Bad, "By these policies it would be refused now:"),
                (false, true) => paint.tint(Tone::Good, "By these policies it would be allowed now:"),
                (true, true) | (false, false) => "By these policies the answer is the same:".to_owned(),
            };
            let _ = write!(text, "{same}\n\n{}", text::render(trial, &mail.as_said(), paint));
        }
    }
    text
}

fn words(effect: Effect) -> String {
    match effect {
        Effect::Allow => "allowed",
        Effect::ExplicitDeny => "denied",
        Effect::ImplicitDeny => "not allowed",
        Effect::NotJudged => "not judged",
    }
    .to_owned()
}

fn absent(decision: &str) -> Shown {
    let message = format!("there is no record of decision `{decision}`");
    let help = Some("records are rotated: name the older files too, such as audit.jsonl.1".to_owned());
    Shown { severity: Severity::Error, code: None, message, help, path: "--decision".to_owned(), place: None }
}
