//! An explanation for people.

use std::fmt::Write;

use crate::app::{OfflineMail, Trial, TrialEnding};
use crate::cli::paint::{Paint, Tone};
use crate::gate::{Examined, Fact, statement_name};
use crate::policy::{Cover, Decision, Explained, ExplainedCondition, Missing, State, StatementRef, Verdict};
use crate::telemetry::Effect;

/// Keys are shown in a column of this width.
const KEY_WIDTH: usize = 26;

pub fn render(trial: &Trial<'_>, mail: &OfflineMail, paint: Paint) -> String {
    let mut page = Page { text: String::new(), paint };
    page.heading("Mail");
    match &trial.ending {
        TrialEnding::Fault => {
            page.envelope(mail);
            page.line(1, "It gets no further than the dialogue: there is no mail to judge.");
        }
        TrialEnding::Defective(defect) => page.line(1, &format!("It cannot be judged: {defect}.")),
        TrialEnding::Examined(examination) => {
            page.envelope(mail);
            for Fact { key, values } in &examination.facts {
                page.fact(key, &values.join(", "));
            }
            examination.resources.iter().for_each(|examined| page.resource(examined));
        }
    }
    page.gap();
    let (tone, word) = match trial.effect() {
        Effect::Allow => (Tone::Good, "Allowed. If Amazon SES takes it, the client hears"),
        Effect::ExplicitDeny | Effect::ImplicitDeny if trial.reply.code() < 300 => (
            Tone::Bad,
            "Denied, and let pass all the same: policy.mode is `shadow`. If Amazon SES takes it, the client hears",
        ),
        Effect::ExplicitDeny | Effect::ImplicitDeny => (Tone::Bad, "Denied. The client hears"),
        Effect::NotJudged => (Tone::Bad, "Refused before any policy is asked. The client hears"),
    };
    let word = paint.tint(tone, word);
    page.line(0, &word);
    page.line(1, &trial.reply.to_string());
    page.text
}

/// `allow`, `explicit deny`, `implicit deny`.
fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::ExplicitDeny => "explicit deny",
        Verdict::ImplicitDeny => "implicit deny",
    }
}

fn place(statement: &StatementRef<'_>) -> String {
    format!("{}:{}", statement.document, statement.position.line)
}

struct Page {
    text: String,
    paint: Paint,
}

impl Page {
    fn line(&mut self, depth: usize, text: &str) {
        // Writing into memory cannot fail.
        let _ = writeln!(self.text, "{:indent$}{text}", "", indent = depth.saturating_mul(2));
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn heading(&mut self, text: &str) {
        let text = self.paint.tint(Tone::Heading, text);
        self.line(0, &text);
    }

    fn fact(&mut self, key: &str, value: &str) {
        self.line(1, &format!("{key:KEY_WIDTH$}{value}"));
    }

    fn envelope(&mut self, mail: &OfflineMail) {
        let recipients: Vec<String> = mail.rcpt.iter().map(|recipient| format!("<{recipient}>")).collect();
        self.fact("MAIL FROM", &format!("<{}>", mail.mail_from));
        self.fact("RCPT TO", &recipients.join(", "));
    }

    fn resource(&mut self, examined: &Examined<'_>) {
        let explanation = &examined.explanation;
        self.gap();
        self.heading(&examined.resource);
        let decision = self.decision(&explanation.decision);
        self.line(1, &decision);
        let (about, elsewhere): (Vec<_>, Vec<_>) =
            explanation.statements.iter().partition(|explained| explained.concerns());
        for explained in about {
            self.statement(explained, explanation.decision.statement);
        }
        for explained in elsewhere {
            let text = format!("{}: not about {}", title(explained), explained.differs().join(", "));
            let text = self.paint.tint(Tone::Quiet, &text);
            self.line(1, &text);
        }
        if !explanation.missing.is_empty() {
            self.line(1, "Absent keys that would change this, each with a value that would:");
        }
        explanation.missing.iter().for_each(|missing| self.missing(missing));
    }

    fn decision(&self, decision: &Decision<'_>) -> String {
        let tone = if decision.verdict == Verdict::Allow { Tone::Good } else { Tone::Bad };
        let word = self.paint.tint(tone, verdict(decision.verdict));
        match &decision.statement {
            Some(statement) => format!("{word} by {}, {}", statement_name(*statement), place(statement)),
            None => format!("{word}: no statement allows it"),
        }
    }

    fn statement(&mut self, explained: &Explained<'_>, deciding: Option<StatementRef<'_>>) {
        let state = match (explained.matches(), deciding == Some(explained.statement), explained.principal) {
            (true, true, _) => "matches, and decides",
            (true, false, Cover::Account) => "matches, but only delegates to the account",
            (true, false, Cover::Direct | Cover::None) => "matches",
            (false, ..) => "does not match",
        };
        self.line(1, &format!("{}: {state}", title(explained)));
        explained.conditions.iter().for_each(|condition| self.condition(condition));
    }

    fn condition(&mut self, condition: &ExplainedCondition<'_>) {
        let ExplainedCondition { operator, key, wanted, met, variables, why, .. } = condition;
        let word = match condition.state {
            State::Holds => self.paint.tint(Tone::Good, "holds"),
            State::Fails => self.paint.tint(Tone::Bad, "fails"),
        };
        let wanted: Vec<String> = wanted.iter().map(|value| format!("\"{value}\"")).collect();
        self.line(2, &format!("{word}  {operator} {key} {}", wanted.join(", ")));
        if met.len() > 1 {
            self.line(2, &format!("       met {}", met.join(", ")));
        }
        self.line(2, &format!("       {why}"));
        for (name, value) in variables {
            let value = value.as_ref().map_or("absent".to_owned(), |value| format!("`{value}`"));
            self.line(2, &format!("       ${{{name}}} is {value}"));
        }
    }

    fn missing(&mut self, missing: &Missing<'_>) {
        let Missing { key, example, decision } = missing;
        let decision = self.decision(decision);
        self.line(2, &format!("{key} = {example}: {decision}"));
    }
}

/// `Deny OnlyTheAppAddress, policy/from.json:6`
fn title(explained: &Explained<'_>) -> String {
    let Explained { statement, effect, .. } = explained;
    format!("{effect:?} {}, {}", statement_name(*statement), place(statement))
}
