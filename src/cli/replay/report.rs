//! What a replay found, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cli::replay::judge::{Change, Example, Group, Kind, Replayed};
use crate::telemetry::printable;

/// So many recipients of a mail are named to people.
const RECIPIENTS_MAX: usize = 3;

pub fn text(replayed: &Replayed) -> String {
    let mut text = String::new();
    for (title, change) in [("Newly refused", Change::Refused), ("Newly allowed", Change::Allowed)] {
        let count = replayed.count(change);
        if count == 0 {
            let _ = write!(text, "{title}: nothing\n\n");
            continue;
        }
        let _ = write!(text, "{title}: {}\n\n", mails(count));
        let mut groups: Vec<_> = replayed.changes.iter().filter(|(kind, _)| kind.change == change).collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.mails));
        for (kind, group) in groups {
            push_group(&mut text, kind, group);
        }
    }
    let unchanged = replayed.still_allowed.saturating_add(replayed.still_refused);
    let _ = write!(
        text,
        "Unchanged: {} ({} allowed, {} refused",
        mails(unchanged),
        replayed.still_allowed,
        replayed.still_refused
    );
    let _ = match replayed.for_another_reason {
        0 => writeln!(text, ")"),
        others => writeln!(text, ", {others} of them for another reason)"),
    };
    for (why, count) in &replayed.aside {
        let _ = writeln!(text, "Not judged again: {}: {why}", mails(*count));
    }
    if let (lines, Some(first)) = (replayed.unread.lines, &replayed.unread.first) {
        let _ = writeln!(
            text,
            "No audit record: {lines} line{}, the first at {first}",
            if lines == 1 { "" } else { "s" }
        );
    }
    if let Some((first, last)) = &replayed.span {
        let _ = writeln!(text, "From {first} to {last}");
    }
    text
}

fn push_group(text: &mut String, kind: &Kind, group: &Group) {
    let _ = writeln!(text, "  {} of app {}", mails(group.mails), kind.app);
    let _ = writeln!(text, "    before  {}", printable(&kind.before));
    let _ = writeln!(text, "    now     {}", printable(&kind.after));
    for Example { decision, time, client, from, recipients } in &group.examples {
        let more = recipients.len().saturating_sub(RECIPIENTS_MAX);
        let mut to = recipients.iter().take(RECIPIENTS_MAX).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 {
            let _ = write!(to, " and {more} more");
        }
        let _ = writeln!(text, "    {decision}  {time}  {client}  {from} -> {to}");
    }
    text.push('\n');
}

fn mails(count: usize) -> String {
    format!("{count} mail{}", if count == 1 { "" } else { "s" })
}

pub fn json(replayed: &Replayed) -> Value {
    let list = |change: Change| -> Value {
        replayed.changes.iter().filter(|(kind, _)| kind.change == change).map(group_json).collect()
    };
    json!({
        "judged": replayed.judged(),
        "newly_refused": { "mails": replayed.count(Change::Refused), "groups": list(Change::Refused) },
        "newly_allowed": { "mails": replayed.count(Change::Allowed), "groups": list(Change::Allowed) },
        "still_allowed": replayed.still_allowed,
        "still_refused": replayed.still_refused,
        "refused_for_another_reason": replayed.for_another_reason,
        "not_judged_again": replayed.aside,
        "lines_without_record": replayed.unread.lines,
        "span": replayed.span,
    })
}

fn group_json((kind, group): (&Kind, &Group)) -> Value {
    let example = |example: &Example| {
        json!({
            "decision_id": example.decision,
            "time": example.time,
            "client": example.client,
            "from": example.from,
            "recipients": example.recipients,
        })
    };
    json!({
        "app": kind.app,
        "before": kind.before,
        "now": kind.after,
        "mails": group.mails,
        "examples": group.examples.iter().map(example).collect::<Vec<_>>(),
    })
}
