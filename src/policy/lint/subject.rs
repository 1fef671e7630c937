//! A statement under inspection: as it is written, with places to point at, and as it is compiled.

use crate::json::Span;
use crate::policy::compile::Kind;
use crate::policy::condition::{Condition, Wanted};
use crate::policy::key::{Key, KeyName};
use crate::policy::lint::vocabulary::{ACTION, SENDING_ACTIONS};
use crate::policy::operator::{Absent, Comparison, Quantifier, Sense};
use crate::policy::statement::Statement;
use crate::policy::syntax::{self, Clause, Effect, Element, Written};

/// A statement of one of the documents.
pub(super) struct Subject<'t> {
    /// Which document, from zero.
    pub(super) document: usize,
    pub(super) file: &'t str,
    pub(super) kind: Kind,
    pub(super) written: &'t syntax::Statement<'t>,
    pub(super) compiled: &'t Statement,
    pub(super) path: String,
}

/// One key of one operator.
#[derive(Clone, Copy)]
pub(super) struct Term<'t> {
    pub(super) clause: &'t Clause<'t>,
    pub(super) condition: &'t Condition,
}

/// Where a finding points.
pub(super) struct Place {
    pub(super) span: Span,
    pub(super) path: String,
}

impl<'t> Subject<'t> {
    pub(super) fn effect(&self) -> Effect {
        self.written.effect
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = Term<'t>> + use<'t> {
        let pairs = self.written.conditions.iter().zip(&self.compiled.conditions);
        pairs.map(|(clause, condition)| Term { clause, condition })
    }

    pub(super) fn terms_on(&self, key: Key) -> impl Iterator<Item = Term<'t>> + use<'t> {
        self.terms().filter(move |term| term.condition.key == KeyName::Known(key))
    }

    /// Whether the relay will ever ask about this statement.
    pub(super) fn is_asked(&self) -> bool {
        self.compiled.acts_on(ACTION)
    }

    pub(super) fn is_about_sending(&self) -> bool {
        SENDING_ACTIONS.iter().any(|action| self.compiled.acts_on(action))
    }

    /// Whether the values of this condition are what may be sent, so that a value too wide lets too much through.
    pub(super) fn permits_by(&self, term: &Term<'_>) -> bool {
        let is_opening = matches!(
            (self.effect(), term.sense()),
            (Effect::Allow, Sense::Is) | (Effect::Deny, Sense::IsNot)
        );
        is_opening && !matches!(term.condition.values, Wanted::Null(_) | Wanted::Unsound)
    }

    /// Whether another condition sees to it that the key is there.
    pub(super) fn guards(&self, key: &KeyName) -> bool {
        self.terms().any(|term| {
            term.condition.key == *key
                && matches!(&term.condition.values, Wanted::Null(absent) if !absent.contains(&true))
        })
    }

    /// The statement as a whole, by what stands for it best.
    pub(super) fn place(&self) -> Place {
        let sid = self.written.sid.as_ref().map(|sid| sid.span);
        let action = self.written.action.values.first().map(|action| action.span);
        Place { span: sid.or(action).unwrap_or(self.written.span), path: self.path.clone() }
    }

    pub(super) fn place_of_action(&self, action: &Written<'_>) -> Place {
        self.place_in(&self.written.action, action)
    }

    pub(super) fn place_of_resource(&self, resource: &Written<'_>) -> Place {
        self.place_in(&self.written.resource, resource)
    }

    pub(super) fn place_of_operator(&self, term: &Term<'_>) -> Place {
        Place { span: term.clause.operator.span, path: self.path_of(term) }
    }

    pub(super) fn place_of_key(&self, term: &Term<'_>) -> Place {
        Place { span: term.clause.key.span, path: self.path_of(term) }
    }

    pub(super) fn place_of_value(&self, term: &Term<'_>, value: &Written<'_>) -> Place {
        Place { span: value.span, path: indexed(self.path_of(term), value) }
    }

    /// How a message about another statement names this one.
    pub(super) fn name_beside(&self, other: &Self) -> String {
        let name = match &self.written.sid {
            Some(sid) => format!("the statement `{}`", sid.text),
            None => format!("the statement on line {}", self.compiled.position.line),
        };
        if self.document == other.document { name } else { format!("{name} of {}", self.file) }
    }

    fn path_of(&self, term: &Term<'_>) -> String {
        format!("{}.Condition.{}.{}", self.path, term.clause.operator.text, term.clause.key.text)
    }

    fn place_in(&self, element: &Element<Written<'_>>, value: &Written<'_>) -> Place {
        Place { span: value.span, path: indexed(format!("{}.{}", self.path, element.name), value) }
    }
}

impl<'t> Term<'t> {
    pub(super) fn key(&self) -> Option<Key> {
        match &self.condition.key {
            KeyName::Known(key) => Some(*key),
            KeyName::Other { .. } => None,
        }
    }

    pub(super) fn sense(&self) -> Sense {
        self.condition.operator.sense
    }

    pub(super) fn quantifier(&self) -> Quantifier {
        self.condition.operator.quantifier
    }

    pub(super) fn comparison(&self) -> Comparison {
        self.condition.operator.comparison
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.condition.values, Wanted::Null(_))
    }

    /// Whether this excludes anything at all, and so can contradict another.
    pub(super) fn demands(&self) -> bool {
        self.condition.operator.absent == Absent::AsSense && !matches!(self.condition.values, Wanted::Unsound)
    }

    /// Whether this holds of no request without the key.
    pub(super) fn demands_key(&self) -> bool {
        !self.is_null() && self.sense() == Sense::Is && self.condition.operator.absent == Absent::AsSense
    }

    pub(super) fn values(&self) -> &'t [Written<'t>] {
        &self.clause.values
    }
}

fn indexed(path: String, value: &Written<'_>) -> String {
    match value.index {
        Some(index) => format!("{path}[{index}]"),
        None => path,
    }
}
