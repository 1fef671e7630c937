//! An explanation for programs.

use serde_json::{Map, Value, json};

use crate::app::{OfflineMail, Trial, TrialEnding};
use crate::gate::{Examined, Fact};
use crate::policy::{Cover, Explained, ExplainedCondition, Fit, Missing, State, StatementRef, Verdict};

pub fn render(trial: &Trial<'_>, mail: &OfflineMail) -> Value {
    let (defect, facts) = match &trial.ending {
        TrialEnding::Fault => (None, Map::new()),
        TrialEnding::Defective(defect) => (Some(defect.to_string()), Map::new()),
        TrialEnding::Examined(examination) => {
            let fact = |Fact { key, values }: &Fact| (key.clone(), json!(values));
            (None, examination.facts.iter().map(fact).collect())
        }
    };
    json!({
        "effect": trial.effect(),
        "reply": trial.reply.to_string(),
        "mail_from": mail.mail_from,
        "rcpt": mail.rcpt,
        "defect": defect,
        "facts": facts,
        "resources": trial.resources().iter().map(resource).collect::<Vec<_>>(),
    })
}

fn resource(examined: &Examined<'_>) -> Value {
    let explanation = &examined.explanation;
    json!({
        "resource": examined.resource,
        "decision": verdict(explanation.decision.verdict),
        "statement": explanation.decision.statement.map(reference),
        "statements": explanation.statements.iter().map(statement).collect::<Vec<_>>(),
        "missing": explanation.missing.iter().map(missing).collect::<Vec<_>>(),
    })
}

pub fn reference(statement: StatementRef<'_>) -> Value {
    json!({
        "document": statement.document,
        "sid": statement.sid,
        "statement": statement.index,
        "line": statement.position.line,
        "column": statement.position.column,
    })
}

fn statement(explained: &Explained<'_>) -> Value {
    json!({
        "statement": reference(explained.statement),
        "effect": format!("{:?}", explained.effect),
        "matches": explained.matches(),
        "principal": match explained.principal {
            Cover::None => "differs",
            Cover::Account => "account",
            Cover::Direct => "matches",
        },
        "action": fit(explained.action),
        "resource": fit(explained.resource),
        "conditions": explained.conditions.iter().map(condition).collect::<Vec<_>>(),
    })
}

fn condition(condition: &ExplainedCondition<'_>) -> Value {
    let variables: Map<String, Value> =
        condition.variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "operator": condition.operator,
        "key": condition.key,
        "wanted": condition.wanted,
        "met": condition.met,
        "variables": variables,
        "holds": condition.state == State::Holds,
        "why": condition.why,
        "line": condition.position.line,
        "column": condition.position.column,
    })
}

fn missing(missing: &Missing<'_>) -> Value {
    json!({
        "key": missing.key,
        "example": missing.example,
        "decision": verdict(missing.decision.verdict),
        "statement": missing.decision.statement.map(reference),
    })
}

fn fit(fit: Fit) -> &'static str {
    match fit {
        Fit::Matches => "matches",
        Fit::Differs => "differs",
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::ExplicitDeny => "explicit-deny",
        Verdict::ImplicitDeny => "implicit-deny",
    }
}
