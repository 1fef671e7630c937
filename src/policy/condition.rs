//! A condition, ready to be held against a request.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use jiff::Timestamp;

use crate::json::Position;
use crate::policy::arn::{ArnPattern, Name};
use crate::policy::context::{Context, Value, Values};
use crate::policy::few::Few;
use crate::policy::key::{Key, KeyName};
use crate::policy::number::Number;
use crate::policy::operator::{Absent, Operator, Quantifier, Relation};
use crate::policy::pattern::Pattern;
use crate::policy::syntax::Effect;

/// One key of one operator, with its values in the operator's type.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) key: KeyName,
    pub(super) operator: Operator,
    pub(super) values: Wanted,
    pub(super) wording: Wording,
}

/// The condition as its author wrote it, for whoever asks why.
#[derive(Debug, Clone)]
pub(super) struct Wording {
    pub(super) operator: Box<str>,
    pub(super) values: Few<Box<str>>,
    pub(super) position: Position,
}

/// The policy's values.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    Text(Few<Pattern>),
    Arn(Few<ArnPattern>),
    Number(Relation, Few<Number>),
    Date(Relation, Few<Timestamp>),
    Bool(Few<bool>),
    /// Base64 in its one canonical form.
    Binary(Few<Box<str>>),
    Address(Few<IpNetwork>),
    /// `Null`: whether the key should be absent.
    Null(Few<bool>),
    /// A condition that refuses to load. Where a tool evaluates it all the same it fails closed.
    Unsound,
}

impl Condition {
    /// The table of IAM's condition operators: quantifier by what the request holds.
    pub(super) fn holds(&self, effect: Effect, context: &Context<'_>) -> bool {
        let values = context.values(&self.key);
        let fails_closed = effect == Effect::Deny;
        if let Wanted::Null(absent) = &self.values {
            return absent.contains(&values.is_none());
        }
        if let Wanted::Unsound = &self.values {
            return fails_closed;
        }
        let Operator { quantifier, sense, absent, .. } = self.operator;
        let holds = |value: &Value<'_>| self.holds_for(value, context);
        match (quantifier, values) {
            (Quantifier::Single, None) => absent == Absent::Holds || sense.applied(false),
            (Quantifier::Single, Some(Values::One(value))) => holds(value),
            // IAM demands a set operator for a list and does not say what happens without.
            (Quantifier::Single, Some(Values::Many(_))) => fails_closed,
            (Quantifier::ForAllValues, None) => true,
            (Quantifier::ForAllValues, Some(values)) => values.as_slice().iter().all(holds),
            (Quantifier::ForAnyValue, None) => false,
            (Quantifier::ForAnyValue, Some(values)) => values.as_slice().iter().any(holds),
        }
    }

    /// Whether one value of the request is as it should be.
    pub(super) fn holds_for(&self, value: &Value<'_>, context: &Context<'_>) -> bool {
        self.operator.sense.applied(self.values.first_like(value, context).is_some())
    }

    /// The keys this looks up: its own and those of its variables.
    pub(super) fn keys(&self) -> impl Iterator<Item = &KeyName> {
        let texts: &[Pattern] = if let Wanted::Text(patterns) = &self.values { patterns } else { &[] };
        let names: &[ArnPattern] = if let Wanted::Arn(patterns) = &self.values { patterns } else { &[] };
        std::iter::once(&self.key)
            .chain(texts.iter().flat_map(Pattern::variables))
            .chain(names.iter().flat_map(ArnPattern::variables))
    }

    /// Whether it depends on where a request comes from.
    pub(super) fn goes_by_address(&self) -> bool {
        let is_address = |key: &KeyName| matches!(key, KeyName::Known(Key::SourceIp | Key::VpcSourceIp));
        !matches!(self.values, Wanted::Null(_)) && self.keys().any(is_address)
    }

    /// Whether one of its networks is this address alone.
    pub(super) fn names_address(&self, address: IpAddr) -> bool {
        matches!(&self.values, Wanted::Address(networks) if networks.contains(&IpNetwork::from(address)))
    }
}

impl Wanted {
    /// Which of these is the first that the request's value compares with. What is not of their type compares
    /// with none.
    pub(super) fn first_like(&self, value: &Value<'_>, context: &Context<'_>) -> Option<usize> {
        match self {
            Self::Text(patterns) => {
                patterns.iter().position(|pattern| pattern.matches(value.as_str(), context))
            }
            Self::Arn(patterns) => {
                let name = Name::new(value.as_str());
                patterns.iter().position(|pattern| pattern.matches(&name, context))
            }
            Self::Number(relation, numbers) => {
                let value = value.as_number()?;
                numbers.iter().position(|number| relation.holds(&value, number))
            }
            Self::Date(relation, dates) => {
                let value = value.as_time()?;
                dates.iter().position(|date| relation.holds(&value, date))
            }
            Self::Bool(truths) => {
                let value = value.as_bool()?;
                truths.iter().position(|truth| *truth == value)
            }
            Self::Binary(texts) => texts.iter().position(|text| **text == *value.as_str()),
            Self::Address(networks) => {
                let value = value.as_address()?;
                // An address is never inside a network of the other family.
                networks.iter().position(|network| network.contains(value))
            }
            Self::Null(_) | Self::Unsound => None,
        }
    }
}
