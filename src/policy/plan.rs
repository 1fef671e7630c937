//! Which statements to ask, and where to find them: sorted out when the policies are made, so that a request
//! meets only those that may match it.

use std::sync::Arc;

use crate::policy::arn::{ArnPattern, Name};
use crate::policy::compile::Kind;
use crate::policy::document::Document;
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
    /// By the full name of a resource, sorted.
    named: Vec<(Box<str>, Vec<Place>)>,
    /// By pattern.
    others: Vec<Place>,
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
        for shelf in [&mut plan.denies, &mut plan.identity_allows, &mut plan.resource_allows] {
            shelf.sort();
        }
        plan
    }
}

impl Shelf {
    /// The earliest statement that matches, of those that may be about these names.
    pub(super) fn first(&self, names: &Names<'_>, matches: impl Fn(Place) -> bool) -> Option<Place> {
        let by_resource = self.by_name(&names.resource);
        // Within the identity's own documents the two are one.
        let is_same = names.attached.as_str() == names.resource.as_str();
        let by_attached = if is_same { &[] } else { self.by_name(&names.attached) };
        let first = |places: &[Place]| places.iter().copied().find(|place| matches(*place));
        [by_resource, by_attached, self.others.as_slice()].into_iter().filter_map(first).min()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.named.iter().flat_map(|(_, places)| places).chain(&self.others).copied()
    }

    fn by_name(&self, name: &Name<'_>) -> &[Place] {
        let found = self.named.binary_search_by(|(other, _)| (**other).cmp(name.as_str()));
        found.ok().and_then(|index| self.named.get(index)).map_or(&[], |(_, places)| places)
    }

    fn put(&mut self, statement: &Statement, place: Place) {
        match full_names(statement) {
            Some(names) => self.named.extend(names.into_iter().map(|name| (name, vec![place]))),
            None => self.others.push(place),
        }
    }

    /// Joins what has one name; a stable sort keeps the order of the documents.
    fn sort(&mut self) {
        self.named.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.named.dedup_by(|(later, places), (earlier, kept)| {
            let is_same = later == earlier;
            if is_same {
                kept.append(places);
            }
            is_same
        });
    }
}

/// The resources, if a statement names all of them in full.
fn full_names(statement: &Statement) -> Option<Vec<Box<str>>> {
    match statement.resources.sense {
        Sense::Is => statement.resources.patterns.iter().map(ArnPattern::full_name).collect(),
        Sense::IsNot => None,
    }
}
