//! Judgements and policies in the words of the page. Nothing is decided here.

use std::collections::HashMap;
use std::sync::Arc;

use crate::admin::{
    ExplainedCondition, ExplainedResource, ExplainedStatement, Explanation, Part, ShownDocument,
    ShownFinding, ShownStatement,
};
use crate::app::{PolicyProblem, Trial, TrialEnding};
use crate::config::PolicyFile;
use crate::gate::{Examined, Fact, statement_name};
use crate::json::{self, Node, Position, Positions, Value};
use crate::policy::{
    self, Cover, Decision, Document, Explained, Missing, Policies, State, StatementRef, Verdict,
};
use crate::relay::place;
use crate::telemetry::{Effect, printable};

/// The whole of what became of a trial.
pub(super) fn explanation(trial: &Trial<'_>) -> Explanation {
    let (defect, facts) = match &trial.ending {
        TrialEnding::Fault => (Some("the dialogue ends before there is a mail".to_owned()), Vec::new()),
        TrialEnding::Defective(defect) => (Some(printable(&defect.to_string())), Vec::new()),
        TrialEnding::Examined(examination) => {
            let fact = |Fact { key, values }: &Fact| (key.clone(), printable(&values.join(", ")));
            (None, examination.facts.iter().map(fact).collect())
        }
    };
    Explanation {
        effect: trial.effect(),
        reply: trial.reply.to_string(),
        defect,
        facts,
        resources: trial.resources().iter().map(resource).collect(),
    }
}

fn resource(examined: &Examined<'_>) -> ExplainedResource {
    let told = &examined.explanation;
    let deciding = told.decision.statement;
    let mut statements: Vec<ExplainedStatement> =
        told.statements.iter().map(|explained| statement(explained, deciding)).collect();
    // In the order of the documents, but what decides first and what is about other things last.
    statements.sort_by_key(|statement| match statement.part {
        Part::Decides => 0,
        Part::Matches | Part::Fails => 1,
        Part::Elsewhere => 2,
    });
    let missing = |missing: &Missing<'_>| {
        let Missing { key, example, decision: with_it } = missing;
        (key.clone(), example.clone(), decision(with_it))
    };
    ExplainedResource {
        resource: examined.resource.to_string(),
        effect: effect(told.decision.verdict),
        decision: decision(&told.decision),
        statements,
        missing: told.missing.iter().map(missing).collect(),
    }
}

fn decision(decision: &Decision<'_>) -> String {
    let by = |statement: StatementRef<'_>| {
        let StatementRef { document, position, .. } = statement;
        format!("{}, {document}:{}", statement_name(statement), position.line)
    };
    match (decision.verdict, decision.statement) {
        (Verdict::Allow, Some(statement)) => format!("Allowed by {}", by(statement)),
        (Verdict::ExplicitDeny, Some(statement)) => format!("Denied by {}", by(statement)),
        (Verdict::Allow | Verdict::ExplicitDeny | Verdict::ImplicitDeny, _) => {
            "No statement allows it".to_owned()
        }
    }
}

fn effect(verdict: Verdict) -> Effect {
    match verdict {
        Verdict::Allow => Effect::Allow,
        Verdict::ExplicitDeny => Effect::ExplicitDeny,
        Verdict::ImplicitDeny => Effect::ImplicitDeny,
    }
}

fn statement(explained: &Explained<'_>, deciding: Option<StatementRef<'_>>) -> ExplainedStatement {
    let is_deciding = deciding == Some(explained.statement);
    let (part, standing) = match (explained.concerns(), explained.matches(), is_deciding) {
        (_, true, true) => (Part::Decides, "matches, and decides".to_owned()),
        (_, true, false) if explained.principal == Cover::Account => {
            (Part::Matches, "matches, but only delegates to the account".to_owned())
        }
        (_, true, false) => (Part::Matches, "matches".to_owned()),
        (true, false, _) => (Part::Fails, "does not match".to_owned()),
        (false, false, _) => (Part::Elsewhere, format!("is not about {}", explained.differs().join(", "))),
    };
    ExplainedStatement {
        title: statement_name(explained.statement),
        effect: word(explained.effect),
        document: explained.statement.document.to_owned(),
        line: explained.statement.position.line,
        standing,
        part,
        conditions: explained.conditions.iter().map(condition).collect(),
    }
}

fn condition(condition: &policy::ExplainedCondition<'_>) -> ExplainedCondition {
    let variable = |(name, value): &(String, Option<String>)| {
        (name.clone(), value.as_deref().map_or_else(|| "absent".to_owned(), printable))
    };
    ExplainedCondition {
        holds: condition.state == State::Holds,
        operator: condition.operator.to_owned(),
        key: condition.key.clone(),
        wanted: condition.wanted.iter().map(|value| (*value).to_owned()).collect(),
        met: condition.met.iter().map(|value| printable(value)).collect(),
        variables: condition.variables.iter().map(variable).collect(),
        why: printable(&condition.why),
    }
}

fn word(effect: policy::Effect) -> &'static str {
    match effect {
        policy::Effect::Allow => "Allow",
        policy::Effect::Deny => "Deny",
    }
}

/// Documents with their source, and what was found in them.
pub(super) fn documents(
    files: &[PolicyFile],
    documents: Vec<Arc<Document>>,
    problems: &[PolicyProblem],
) -> Vec<ShownDocument> {
    let policies = Policies::new(documents);
    let mut statements: HashMap<&str, Vec<StatementRef<'_>>> = HashMap::new();
    for statement in policies.references() {
        statements.entry(statement.document).or_default().push(statement);
    }
    let shown = |file: &PolicyFile| {
        let name = file.path.display().to_string();
        let statements = statements.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        document(&name, &file.text, statements, problems)
    };
    files.iter().map(shown).collect()
}

fn document(
    name: &str,
    text: &str,
    statements: &[StatementRef<'_>],
    problems: &[PolicyProblem],
) -> ShownDocument {
    let extents = extents(text);
    let shown = |(statement, extent): (&StatementRef<'_>, &Extent)| ShownStatement {
        title: statement_name(*statement),
        effect: extent.effect,
        first_line: extent.first_line,
        last_line: extent.last_line,
        place: place(*statement),
    };
    let here = problems.iter().filter(|problem| &*problem.file == name);
    ShownDocument {
        name: name.to_owned(),
        text: text.to_owned(),
        statements: statements.iter().zip(&extents).map(shown).collect(),
        findings: here.map(finding).collect(),
    }
}

fn finding(problem: &PolicyProblem) -> ShownFinding {
    let found = &problem.finding;
    ShownFinding {
        line: Position::of(&problem.text, found.span.start).line,
        level: found.level.to_string(),
        code: found.code,
        message: found.message.clone(),
        fix: found.fix.clone(),
    }
}

/// From where to where a statement stands in its document.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    effect: &'static str,
    first_line: usize,
    last_line: usize,
}

/// Of each statement, in the order of the text.
fn extents(text: &str) -> Vec<Extent> {
    let Ok(Node { value: Value::Object(members), .. }) = json::parse(text) else { return Vec::new() };
    let node = members.iter().find(|member| member.key == "Statement").map(|member| &member.node);
    let statements = match node.map(|node| (&node.value, node)) {
        Some((Value::Array(statements), _)) => statements.iter().collect(),
        Some((_, one)) => vec![one],
        None => Vec::new(),
    };
    let mut positions = Positions::new(text);
    let extent = |node: &Node<'_>| Extent {
        effect: if denies(node) { "Deny" } else { "Allow" },
        first_line: positions.at(node.span.start).line,
        last_line: positions.at(node.span.end.saturating_sub(1)).line,
    };
    statements.into_iter().map(extent).collect()
}

fn denies(statement: &Node<'_>) -> bool {
    let Value::Object(members) = &statement.value else { return false };
    members.iter().any(|member| {
        member.key == "Effect" && matches!(&member.node.value, Value::String(text) if text == "Deny")
    })
}

#[cfg(test)]
mod tests {
    use super::{Extent, extents};

    #[test]
    fn a_statement_stands_from_its_brace_to_its_brace() {
        let text = "{\"Version\": \"2012-10-17\",\n\"Statement\": [\n  {\"Effect\": \"Deny\",\n   \"x\": \"}\"},\n {\"Effect\": \"Allow\"}\n]}";
        let deny = Extent { effect: "Deny", first_line: 3, last_line: 4 };
        let allow = Extent { effect: "Allow", first_line: 5, last_line: 5 };
        assert_eq!(extents(text), [deny, allow]);
        let one = Extent { effect: "Allow", first_line: 1, last_line: 2 };
        assert_eq!(extents("{\"Statement\": {\n}}"), [one]);
        assert_eq!(extents("["), []);
    }
}
