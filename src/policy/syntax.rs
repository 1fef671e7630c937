//! A document as it is written: its elements, still text, each with its place.

use std::borrow::Cow;

use crate::json::Span;
use crate::policy::finding::Path;
use crate::policy::operator::Sense;
use crate::policy::pattern::Variables;

/// The whole document.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) variables: Variables,
    pub(super) statements: Vec<Statement<'a>>,
    /// Whether `Statement` is an array, which shows in the path of what is in it.
    pub(super) is_list: bool,
}

#[derive(Debug)]
pub(super) struct Statement<'a> {
    pub(super) span: Span,
    pub(super) sid: Option<Written<'a>>,
    pub(super) effect: Effect,
    pub(super) principal: Option<Element<(PrincipalType, Written<'a>)>>,
    pub(super) action: Element<Written<'a>>,
    pub(super) resource: Element<Written<'a>>,
    pub(super) conditions: Vec<Clause<'a>>,
}

/// What a statement does to a request that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction` and the like.
#[derive(Debug)]
pub(super) struct Element<T> {
    pub(super) name: &'static str,
    pub(super) sense: Sense,
    pub(super) values: Vec<T>,
}

/// One key of one operator.
#[derive(Debug)]
pub(super) struct Clause<'a> {
    pub(super) operator: Written<'a>,
    pub(super) key: Written<'a>,
    pub(super) values: Vec<Written<'a>>,
}

/// A text of the document, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Written<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) span: Span,
    /// Where in its array, if it stands in one.
    pub(super) index: Option<usize>,
}

impl Written<'_> {
    pub(super) fn path<'p>(&self, parent: &'p Path<'p>) -> Path<'p> {
        match self.index {
            Some(index) => Path::Index(parent, index),
            None => *parent,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrincipalType {
    Aws,
    Service,
    Federated,
    CanonicalUser,
}

impl PrincipalType {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Service => "Service",
            Self::Federated => "Federated",
            Self::CanonicalUser => "CanonicalUser",
        }
    }
}
