//! Why a condition holds or not, in one clause.
//!
//! Says in words what [`Condition::holds`] decides; it decides nothing itself.

use crate::policy::condition::{Condition, Wanted};
use crate::policy::context::{Context, Value, Values};
use crate::policy::operator::{Absent, Comparison, Quantifier, Relation, Sense};

/// How a comparison is said: `bob@example.com` **matches** `*@example.com`.
struct Verb {
    does: &'static str,
    does_not: &'static str,
}

impl Condition {
    /// The value that settled it, and what it met; or that the key is absent, and what follows from that.
    pub(super) fn why(&self, context: &Context<'_>) -> String {
        let values = context.values(&self.key);
        if let Wanted::Unsound = &self.values {
            return "it is in error, so a Deny takes it as met and an Allow does not".to_owned();
        }
        if let Wanted::Null(_) = &self.values {
            return values.map_or("the key is absent", |_| "the key is there").to_owned();
        }
        match (self.operator.quantifier, values) {
            (_, None) => self.why_absent().to_owned(),
            (Quantifier::Single, Some(Values::One(value))) => self.why_value(value, context),
            (Quantifier::Single, Some(Values::Many(_))) => {
                "the key holds a list and the operator takes one value, so a Deny takes it as met and an \
                 Allow does not"
                    .to_owned()
            }
            (Quantifier::ForAllValues, Some(values)) => {
                let fails = values.as_slice().iter().find(|value| !self.holds_for(value, context));
                fails.map_or_else(|| self.why_all(Sense::Is), |value| self.why_value(value, context))
            }
            (Quantifier::ForAnyValue, Some(values)) => {
                let holds = values.as_slice().iter().find(|value| self.holds_for(value, context));
                holds.map_or_else(|| self.why_all(Sense::IsNot), |value| self.why_value(value, context))
            }
        }
    }

    fn why_absent(&self) -> &'static str {
        let operator = &self.operator;
        match (operator.quantifier, operator.absent, operator.sense) {
            (Quantifier::ForAllValues, ..) => "the key is absent, and ForAllValues holds then",
            (Quantifier::ForAnyValue, ..) => "the key is absent, and ForAnyValue does not hold then",
            (Quantifier::Single, Absent::Holds, _) => "the key is absent, and IfExists holds then",
            (Quantifier::Single, Absent::AsSense, Sense::IsNot) => {
                "the key is absent, and a negated operator holds then"
            }
            (Quantifier::Single, Absent::AsSense, Sense::Is) => "the key is absent",
        }
    }

    /// Of a single value: what it compares with, or that it compares with nothing.
    fn why_value(&self, value: &Value<'_>, context: &Context<'_>) -> String {
        let text = value.as_str();
        if let Some(kind) = self.values.misses_type(value) {
            return format!("`{text}` is no {kind}");
        }
        let Verb { does, does_not } = verb(self.operator.comparison);
        let like = self.values.first_like(value, context).and_then(|index| self.wording.values.get(index));
        match (like, &*self.wording.values) {
            (Some(wanted), _) => format!("`{text}` {does} `{wanted}`"),
            (None, [wanted]) => format!("`{text}` {does_not} `{wanted}`"),
            (None, _) => format!("`{text}` {does} none of them"),
        }
    }

    /// Of all values alike: that each of them is as it should be (`Is`), or that none is (`IsNot`).
    fn why_all(&self, are: Sense) -> String {
        let Verb { does, .. } = verb(self.operator.comparison);
        // No value fails to match: every value matches.
        let who = if are == self.operator.sense { "every value" } else { "no value" };
        match &*self.wording.values {
            [wanted] => format!("{who} {does} `{wanted}`"),
            _ => format!("{who} {does} one of them"),
        }
    }
}

impl Wanted {
    /// What the value would have to be, to be compared at all.
    fn misses_type(&self, value: &Value<'_>) -> Option<&'static str> {
        let (is_fit, kind) = match self {
            Self::Number(..) => (value.as_number().is_some(), "number"),
            Self::Date(..) => (value.as_time().is_some(), "point in time"),
            Self::Bool(_) => (value.as_bool().is_some(), "boolean"),
            Self::Address(_) => (value.as_address().is_some(), "IP address"),
            Self::Text(_) | Self::Arn(_) | Self::Binary(_) | Self::Null(_) | Self::Unsound => return None,
        };
        (!is_fit).then_some(kind)
    }
}

fn verb(comparison: Comparison) -> Verb {
    let (does, does_not) = match comparison {
        // Of Null it is said before any verb is needed.
        Comparison::StringEquals | Comparison::Binary | Comparison::Bool | Comparison::Null => {
            ("is", "is not")
        }
        Comparison::StringEqualsIgnoreCase => ("is, letter case aside,", "is not, letter case aside,"),
        Comparison::StringLike | Comparison::Arn => ("matches", "does not match"),
        Comparison::IpAddress => ("is in", "is not in"),
        Comparison::Numeric(Relation::Equals) | Comparison::Date(Relation::Equals) => {
            ("equals", "does not equal")
        }
        Comparison::Numeric(Relation::LessThan) => ("is less than", "is not less than"),
        Comparison::Numeric(Relation::LessThanEquals) => ("is at most", "is more than"),
        Comparison::Numeric(Relation::GreaterThan) => ("is greater than", "is not greater than"),
        Comparison::Numeric(Relation::GreaterThanEquals) => ("is at least", "is less than"),
        Comparison::Date(Relation::LessThan) => ("is before", "is not before"),
        Comparison::Date(Relation::LessThanEquals) => ("is not after", "is after"),
        Comparison::Date(Relation::GreaterThan) => ("is after", "is not after"),
        Comparison::Date(Relation::GreaterThanEquals) => ("is not before", "is before"),
    };
    Verb { does, does_not }
}
