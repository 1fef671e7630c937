//! Which statements to ask, and where to find them: sorted out when the policies are made, so that a request
//! meets only those that may match it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::arn::{ArnPattern, Name};
use crate::policy::compile::Kind;
use crate::policy::context::Context;
use crate::policy::document::Document;
use crate::policy::index::Index;
use crate::policy::operator::Sense;
use crate::policy::statement::{Names, Statement};
use crate::policy::syntax::Effect;

/// Statements by what they can do.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) denies: Shelf,
    pub(super) identity_allows: Shelf,
    pub(super) resource_allows: Shelf,
}

/// Statements that can do the same, each list in the order of the documents.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    /// By the full name of a resource.
    named: BTreeMap<Box<str>, Index>,
    /// By pattern.
    others: Index,
}

/// Where a statement is; the earlier, the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) document: usize,
    pub(super) statement: usize,
}

impl Plan {
    pub(super) fn new(documents: &[Arc<Document>], is_in: impl Fn(&Statement) -> bool) -> Self {
        let mut plan = Self::default();
        for (document, content) in documents.iter().enumerate() {
            for (index, statement) in content.statements.iter().enumerate().filter(|(_, one)| is_in(one)) {
                let shelf = match (statement.effect, content.kind()) {
                    (Effect::Deny, _) => &mut plan.denies,
                    (Effect::Allow, Kind::Identity) => &mut plan.identity_allows,
                    (Effect::Allow, Kind::Resource) => &mut plan.resource_allows,
                };
                shelf.put(statement, Place { document, statement: index });
            }
        }
        plan
    }
}

impl Shelf {
    /// The earliest statement that matches, of those that may be about these names.
    pub(super) fn first(
        &self,
        names: &Names<'_>,
        context: &Context<'_>,
        matches: impl Fn(Place) -> bool,
    ) -> Option<Place> {
        let by_resource = self.by_name(&names.resource);
        // Within the identity's own documents the two are one.
        let is_same = names.attached.as_str() == names.resource.as_str();
        let by_attached = if is_same { None } else { self.by_name(&names.attached) };
        let indexes = [by_resource, by_attached, Some(&self.others)].into_iter().flatten();
        indexes.filter_map(|index| index.first(context, &matches)).min()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.named.values().flat_map(Index::places).chain(self.others.places())
    }

    fn by_name(&self, name: &Name<'_>) -> Option<&Index> {
        self.named.get(name.as_str())
    }

    fn put(&mut self, statement: &Statement, place: Place) {
        match full_names(statement) {
            Some(names) => {
                for name in names {
                    self.named.entry(name).or_default().put(statement, place);
                }
            }
            None => self.others.put(statement, place),
        }
    }
}

/// The resources, if a statement names all of them in full.
fn full_names(statement: &Statement) -> Option<Vec<Box<str>>> {
    match statement.resources.sense {
        Sense::Is => statement.resources.patterns.iter().map(ArnPattern::full_name).collect(),
        Sense::IsNot => None,
    }
}
