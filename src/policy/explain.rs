//! The whole answer to one question, for people: every statement, every condition, and what made the difference.
//!
//! Whether something matches or holds is asked of the very functions that [`Policies::decide`] asks.

use crate::json::Position;
use crate::policy::compile::Kind;
use crate::policy::condition::Condition;
use crate::policy::context::{Context, Value, Values};
use crate::policy::key::KeyName;
use crate::policy::missing::{Missing, missing};
use crate::policy::policies::{Asked, Decision, Policies, Request, StatementRef};
use crate::policy::principal::Cover;
use crate::policy::syntax::Effect;

/// A decision with all that bears on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'p> {
    pub decision: Decision<'p>,
    /// All of them, in the order of the documents.
    pub statements: Vec<Explained<'p>>,
    /// Keys whose absence made the difference: were one there, the verdict could be another.
    pub missing: Vec<Missing<'p>>,
}

/// What one statement has to do with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained<'p> {
    pub statement: StatementRef<'p>,
    pub kind: Kind,
    pub effect: Effect,
    /// How it covers the principal, whatever else it says.
    pub principal: Cover,
    pub action: Fit,
    pub resource: Fit,
    pub conditions: Vec<ExplainedCondition<'p>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Matches,
    Differs,
}

/// One key of one operator, held against the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedCondition<'p> {
    /// As it is written, like the values.
    pub operator: &'p str,
    pub key: String,
    pub wanted: Vec<&'p str>,
    /// Where the key stands.
    pub position: Position,
    /// What the request holds for the key; nothing if it is absent.
    pub met: Vec<String>,
    /// What the request holds for each variable in the values; nothing if it has no single value.
    pub variables: Vec<(String, Option<String>)>,
    pub state: State,
    /// One clause.
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Holds,
    Fails,
}

impl Explained<'_> {
    /// Whether it is about this principal, action and resource, whatever its conditions say.
    pub fn concerns(&self) -> bool {
        self.principal > Cover::None && self.action == Fit::Matches && self.resource == Fit::Matches
    }

    /// What it is not about: of action, principal and resource those that differ.
    pub fn differs(&self) -> Vec<&'static str> {
        let parts = [
            (self.action == Fit::Differs, "this action"),
            (self.principal == Cover::None, "this principal"),
            (self.resource == Fit::Differs, "this resource"),
        ];
        parts.into_iter().filter(|(differs, _)| *differs).map(|(_, part)| part).collect()
    }

    pub fn matches(&self) -> bool {
        self.concerns() && self.conditions.iter().all(|condition| condition.state == State::Holds)
    }
}

impl Policies {
    /// The answer of [`Policies::decide`], and why it is so.
    pub fn explain(&self, request: &Request<'_>) -> Explanation<'_> {
        let decision = self.decide(request);
        let asked = Asked::new(request);
        let statements = self.places().filter_map(|place| {
            let statement = self.statement(place)?;
            let explain = |condition| explained(condition, statement.effect, request.context);
            Some(Explained {
                statement: self.reference(place)?,
                kind: if statement.principals.is_some() { Kind::Resource } else { Kind::Identity },
                effect: statement.effect,
                principal: statement.names(request.principal),
                action: Fit::from(statement.acts_on(request.action)),
                resource: Fit::from(statement.is_about(&asked.names, request.context)),
                conditions: statement.conditions.iter().map(explain).collect(),
            })
        });
        let statements = statements.collect();
        Explanation { decision, statements, missing: missing(self, request, decision.verdict) }
    }
}

fn explained<'p>(condition: &'p Condition, effect: Effect, context: &Context<'_>) -> ExplainedCondition<'p> {
    let text = |value: &Value<'_>| value.as_str().to_owned();
    let met = context.values(&condition.key).map(Values::as_slice).unwrap_or_default();
    let variable = |key: &KeyName| {
        let value = match context.values(key) {
            Some(Values::One(value)) => Some(text(value)),
            Some(Values::Many(_)) | None => None,
        };
        (key.to_string(), value)
    };
    ExplainedCondition {
        operator: &condition.wording.operator,
        key: condition.key.to_string(),
        wanted: condition.wording.values.iter().map(|value| &**value).collect(),
        position: condition.wording.position,
        met: met.iter().map(text).collect(),
        variables: condition.keys().skip(1).map(variable).collect(),
        state: condition.holds(effect, context).into(),
        why: condition.why(context),
    }
}

impl From<bool> for Fit {
    fn from(matches: bool) -> Self {
        if matches { Self::Matches } else { Self::Differs }
    }
}

impl From<bool> for State {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}
