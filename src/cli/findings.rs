//! How `diff` and `who` say what they found: regions of mail, reasons, and what is not proven.

use std::fmt::Write as _;
use std::io::{Write as _, stdout};

use serde_json::{Value, json};

use crate::cli::problems::Shown;
use crate::cli::{Exit, problems};
use crate::compare::{Bound, Examined, Example, Reason};
use crate::policy::Verdict;

/// So many members of a class are written out for people; programs get all.
const LABELS_MAX: usize = 8;

/// Prints an answer, or why there is none.
pub fn tell(answer: Result<(String, Exit), Vec<Shown>>) -> Exit {
    match answer {
        Ok((text, exit)) => {
            // Whoever reads may have read enough.
            let _ = stdout().write_all(text.as_bytes());
            exit
        }
        Err(found) => problems::refuse(&found),
    }
}

pub fn bounds_text(bounds: &[Bound]) -> String {
    let one = |bound: &Bound| {
        let mut labels = bound.labels.clone();
        let left_out = labels.len().saturating_sub(LABELS_MAX);
        labels.truncate(LABELS_MAX);
        if left_out > 0 {
            labels.push(format!("{left_out} more"));
        }
        let indent = format!("\n{:23}or ", "");
        format!("     {:<18}{}\n", bound.axis, labels.join(&indent))
    };
    if bounds.is_empty() { "     all mail\n".to_owned() } else { bounds.iter().map(one).collect() }
}

pub fn bounds_json(bounds: &[Bound]) -> Value {
    bounds.iter().map(|bound| (bound.axis.replace([' ', '-'], "_"), json!(bound.labels))).collect()
}

pub fn example_text(example: &Example) -> String {
    let parts: Vec<String> = example
        .parts()
        .into_iter()
        .map(|(name, value)| format!("{} {value}", name.replace('_', " ")))
        .collect();
    format!("     {:<18}{}\n", "for example", parts.join(" · "))
}

pub fn example_json(example: &Example) -> Value {
    let mut value: Value =
        example.parts().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    for (name, list) in [("to", &example.to), ("reply_to", &example.reply_to)] {
        if !list.is_empty()
            && let Some(parts) = value.as_object_mut()
        {
            parts.insert(name.to_owned(), json!(list));
        }
    }
    value
}

pub fn reason_text(reason: &Reason<'_>) -> String {
    let verdict = match reason.verdict {
        Verdict::Allow => "allowed",
        Verdict::ExplicitDeny => "denied",
        Verdict::ImplicitDeny => "not allowed by any statement",
    };
    let Some(statement) = reason.statement else { return verdict.to_owned() };
    let name = statement
        .sid
        .map_or_else(|| format!("statement {}", statement.index.saturating_add(1)), |sid| format!("`{sid}`"));
    format!("{verdict} by {name} ({}:{})", statement.document, statement.position.line)
}

pub fn reason_json(reason: &Reason<'_>) -> Value {
    let verdict = match reason.verdict {
        Verdict::Allow => "allow",
        Verdict::ExplicitDeny => "explicit-deny",
        Verdict::ImplicitDeny => "implicit-deny",
    };
    let statement = reason.statement.map(|statement| {
        json!({
            "file": statement.document,
            "line": statement.position.line,
            "column": statement.position.column,
            "sid": statement.sid,
            "statement": statement.index,
        })
    });
    json!({ "decision": verdict, "statement": statement })
}

/// What was looked at, and what was not.
pub fn examined_text(examined: &Examined) -> String {
    let axes: Vec<String> = examined.axes.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let mut text = format!(
        "Examined: {} class{} of mail{}\n",
        examined.combinations,
        if examined.combinations == 1 { "" } else { "es" },
        if axes.is_empty() { String::new() } else { format!(" ({})", axes.join(", ")) }
    );
    for (title, list) in [("Assumed", &examined.assumed), ("Not proven", &examined.unproven)] {
        for line in list {
            let _ = writeln!(text, "{title}: {line}.");
        }
    }
    if examined.unproven.is_empty() {
        text.push_str("Proven: every mail is of one of these classes.\n");
    }
    text
}

pub fn examined_json(examined: &Examined) -> Value {
    let axes: Value =
        examined.axes.iter().map(|(name, count)| (name.replace([' ', '-'], "_"), json!(count))).collect();
    json!({ "classes": examined.combinations, "by": axes })
}
