//! A decision in one line.

use crate::telemetry::{Fate, Record, printable};

/// What a list shows of a mail.
pub struct Row {
    pub id: String,
    pub time: String,
    pub fate: Fate,
    pub app: String,
    pub client: String,
    pub from: String,
    pub to: String,
    pub others: usize,
    pub why: String,
}

impl Row {
    pub fn of(record: &Record<'_>) -> Self {
        let from = record.from.as_ref().unwrap_or(&record.mail_from);
        Self {
            id: record.decision_id.clone(),
            time: record.time.clone(),
            fate: Fate::of(record),
            app: record.app.to_string(),
            client: record.client.clone(),
            from: if from.is_empty() { "<>".to_owned() } else { printable(from) },
            to: record.recipients.first().map_or_else(String::new, |to| printable(to)),
            others: record.recipients.len().saturating_sub(1),
            why: why(record),
        }
    }

    pub fn clock(&self) -> &str {
        clock(&self.time)
    }

    pub fn word(&self) -> &'static str {
        word(self.fate)
    }

    pub fn tone(&self) -> &'static str {
        tone(self.fate)
    }
}

/// `22:40:07`
pub fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}

pub fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Sent => "sent",
        Fate::NotSent => "not sent",
        Fate::LetThrough => "let through",
        Fate::Denied => "denied",
        Fate::NotAllowed => "not allowed",
        Fate::NotJudged => "not judged",
    }
}

pub fn tone(fate: Fate) -> &'static str {
    match fate {
        Fate::Sent => "good",
        Fate::NotSent | Fate::LetThrough => "doubt",
        Fate::Denied | Fate::NotAllowed | Fate::NotJudged => "bad",
    }
}

/// The statement that made the difference, or what the client heard.
fn why(record: &Record<'_>) -> String {
    let statement = record.resources.iter().find(|judged| judged.effect == record.effect);
    let statement = statement.and_then(|judged| judged.statement.as_deref()).map(sid);
    match (Fate::of(record), statement) {
        (Fate::Sent | Fate::LetThrough | Fate::Denied, Some(statement)) => statement.to_owned(),
        (Fate::NotAllowed | Fate::LetThrough, _) => "no statement allows it".to_owned(),
        (Fate::Sent | Fate::Denied | Fate::NotSent | Fate::NotJudged, _) => {
            let decision = format!(" (decision {})", record.decision_id);
            printable(record.reply.strip_suffix(&decision).unwrap_or(&record.reply))
        }
    }
}

/// Of `policy/deny.json:4 (Sid)` the Sid, or all of it.
fn sid(place: &str) -> &str {
    let named = place.strip_suffix(')').and_then(|place| place.rsplit_once(" (")).map(|(_, sid)| sid);
    named.unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::{clock, sid};

    #[test]
    fn a_statement_is_called_by_its_sid() {
        assert_eq!(sid("policy/a (1).json:4 (OnlyTheApp)"), "OnlyTheApp");
        assert_eq!(sid("policy/a.json:4"), "policy/a.json:4");
        assert_eq!(clock("2026-11-21T22:40:07.123Z"), "22:40:07");
    }
}
