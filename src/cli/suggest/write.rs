//! A policy in JSON, and beside it in words how often each of its statements was used.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::cli::suggest::learn::Statement;
use crate::cli::suggest::patterns::networks;
use crate::telemetry::printable;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: Vec<Allow>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Allow {
    sid: String,
    effect: &'static str,
    action: &'static str,
    resource: Vec<String>,
    condition: BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>,
}

pub fn policy(statements: &[Statement]) -> String {
    let policy = Policy { version: "2012-10-17", statement: statements.iter().map(allow).collect() };
    // Texts in lists cannot fail to be JSON.
    serde_json::to_string_pretty(&policy).unwrap_or_default() + "\n"
}

fn allow(statement: &Statement) -> Allow {
    let Statement { sid, app, from, seen } = statement;
    let mut like = BTreeMap::from([("ses:FromAddress", vec![from.clone()])]);
    like.extend(seen.senders.patterns().map(|patterns| ("ses:FeedbackAddress", patterns)));
    let mut condition = BTreeMap::from([
        ("StringEquals", BTreeMap::from([("aws:username", vec![app.clone()])])),
        ("StringLike", like),
        ("IpAddress", BTreeMap::from([("aws:SourceIp", networks(&seen.clients))])),
    ]);
    if let Some(recipients) = seen.recipients.patterns() {
        condition.insert("ForAllValues:StringLike", BTreeMap::from([("ses:Recipients", recipients)]));
        // A set that is empty fits every list.
        condition.insert("Null", BTreeMap::from([("ses:Recipients", vec!["false".to_owned()])]));
    }
    Allow {
        sid: sid.clone(),
        effect: "Allow",
        action: "ses:SendRawEmail",
        resource: seen.resources.iter().cloned().collect(),
        condition,
    }
}

pub fn report(statements: &[Statement], masked: usize) -> String {
    let mails: usize = statements.iter().map(|statement| statement.seen.mails).sum();
    let mut report = format!("Learned from {mails} mails; the policy allows all of them:\n");
    for Statement { sid, app, from, seen } in statements {
        // Writing into memory cannot fail.
        let _ = writeln!(
            report,
            "  {sid:20} {:>7} mails of app {app} from {} to {}",
            seen.mails,
            printable(from),
            seen.recipients_in_words()
        );
    }
    if masked > 0 {
        let _ =
            writeln!(report, "Not learned from: {masked} mails whose records do not show their addresses");
    }
    report
}
