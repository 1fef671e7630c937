//! The set of documents that one app is judged by, and the decision.
//!
//! An explicit deny in any document wins. Else, within one account, one allow is enough; across accounts both
//! the caller's documents and the owner's must allow. Else the answer is no.

use std::net::IpAddr;
use std::sync::Arc;

use crate::json::Position;
use crate::policy::arn::{ArnPattern, Name};
use crate::policy::condition::Condition;
use crate::policy::context::Context;
use crate::policy::document::Document;
use crate::policy::operator::Sense;
use crate::policy::plan::{Place, Plan, Shelf};
use crate::policy::principal::{Cover, Principal};
use crate::policy::statement::{Names, Statement};

/// The action whose statements are picked out beforehand. Any other is as good, and slower.
const USUAL_ACTION: &str = "ses:SendRawEmail";

/// One question: may this principal do this to this resource, the context being so?
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub principal: &'a Principal,
    pub action: &'a str,
    pub resource: &'a str,
    /// The identity whose resource-based documents are consulted: the resource, or the domain that covers an
    /// address identity without documents of its own.
    pub attached: &'a str,
    pub resource_account: &'a str,
    pub context: &'a Context<'a>,
}

/// Policies that could fail to be evaluated are refused at load, so there is always an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'p> {
    pub verdict: Verdict,
    /// The statement that decided; nothing decides an implicit deny.
    pub statement: Option<StatementRef<'p>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Allow,
    ExplicitDeny,
    ImplicitDeny,
}

/// A statement by name and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatementRef<'p> {
    pub document: &'p str,
    /// Which document of the set, from zero.
    pub document_index: usize,
    pub sid: Option<&'p str>,
    /// Which statement of the document, from zero.
    pub index: usize,
    pub position: Position,
}

/// Everything about one question, for tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace<'p> {
    pub decision: Decision<'p>,
    /// All statements that match, in the order of the documents.
    pub matched: Vec<StatementRef<'p>>,
    /// Keys that a statement about this principal and resource looks up and the request does not hold.
    pub missing: Vec<String>,
}

/// Documents, compiled into the order in which they are asked.
#[derive(Debug, Clone)]
pub struct Policies {
    documents: Vec<Arc<Document>>,
    usual: Plan,
    all: Plan,
    /// Identities that a resource-based statement names in full, sorted.
    identities: Vec<Box<str>>,
}

impl Policies {
    pub fn new(documents: Vec<Arc<Document>>) -> Self {
        let usual = Plan::new(&documents, |statement| statement.acts_on(USUAL_ACTION));
        let all = Plan::new(&documents, |_| true);
        let statements = documents.iter().flat_map(|document| document.statements.iter());
        let mut identities: Vec<Box<str>> = statements.flat_map(named_identities).collect();
        identities.sort_unstable();
        identities.dedup();
        Self { documents, usual, all, identities }
    }

    pub fn documents(&self) -> &[Arc<Document>] {
        &self.documents
    }

    /// Every statement, in the order of the documents.
    pub fn references(&self) -> impl Iterator<Item = StatementRef<'_>> {
        self.places().filter_map(|place| self.reference(place))
    }

    /// Whether any statement could ever allow this by itself. A grant to an account only delegates.
    pub fn may_allow(&self, action: &str) -> bool {
        let mut allows = self.all.identity_allows.places().chain(self.all.resource_allows.places());
        allows.any(|place| self.statement(place).is_some_and(|statement| statement.may_grant(action)))
    }

    /// Whether conditions go by the address that a request comes from, and none of them names this one by itself:
    /// whoever does that knows whose it is.
    pub fn tell_apart_by_address(&self, action: &str, address: IpAddr) -> bool {
        let conditions = || self.statements().filter(|it| it.acts_on(action)).flat_map(|it| &it.conditions);
        conditions().any(Condition::goes_by_address) && !conditions().any(|it| it.names_address(address))
    }

    /// Whether a resource-based document names this identity. A pattern that happens to match does not make
    /// documents its own: it applies beside those of the domain, lest it put them out of force.
    pub fn has_resource_documents(&self, identity_arn: &str) -> bool {
        self.identities.binary_search_by(|name| (**name).cmp(identity_arn)).is_ok()
    }

    /// The answer. Its cost is linear in statements, patterns and values, and it allocates nothing but the text of
    /// an address, a time or a number that is compared as text.
    pub fn decide(&self, request: &Request<'_>) -> Decision<'_> {
        let asked = Asked::new(request);
        if request.action.eq_ignore_ascii_case(USUAL_ACTION) {
            self.settle(&self.usual, &asked, |_| true)
        } else {
            self.settle(&self.all, &asked, |statement| statement.acts_on(request.action))
        }
    }

    /// The answer with everything that bears on it.
    pub fn trace(&self, request: &Request<'_>) -> Trace<'_> {
        let asked = Asked::new(request);
        let mut matched = Vec::new();
        let mut missing: Vec<String> = Vec::new();
        for place in self.places() {
            let Some(statement) = self.statement(place) else { continue };
            if !statement.acts_on(request.action) {
                continue;
            }
            if asked.cover(statement) > Cover::None {
                matched.extend(self.reference(place));
            }
            if statement.concerns(request.principal, &asked.names, request.context) {
                for key in statement.keys().filter(|key| request.context.values(key).is_none()) {
                    let name = key.to_string();
                    if !missing.contains(&name) {
                        missing.push(name);
                    }
                }
            }
        }
        Trace { decision: self.decide(request), matched, missing }
    }

    fn settle(&self, plan: &Plan, asked: &Asked<'_>, acts: impl Fn(&Statement) -> bool) -> Decision<'_> {
        let find = |shelf: &Shelf, least: Cover| {
            let matches = |statement: &Statement| acts(statement) && asked.cover(statement) >= least;
            shelf.first(&asked.names, asked.context, |place| self.statement(place).is_some_and(matches))
        };
        if let Some(place) = find(&plan.denies, Cover::Account) {
            return Decision { verdict: Verdict::ExplicitDeny, statement: self.reference(place) };
        }
        let by_identity = || find(&plan.identity_allows, Cover::Account);
        let by_resource = |least| find(&plan.resource_allows, least);
        let allowed = match asked.relation {
            Relation::SameAccount => by_identity().or_else(|| by_resource(Cover::Direct)),
            Relation::OtherAccount => by_identity().and_then(|_| by_resource(Cover::Account)),
            Relation::Service => by_resource(Cover::Direct),
        };
        match allowed {
            Some(place) => Decision { verdict: Verdict::Allow, statement: self.reference(place) },
            None => Decision { verdict: Verdict::ImplicitDeny, statement: None },
        }
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.documents.iter().flat_map(|document| document.statements.iter())
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        let documents = self.documents.iter().enumerate();
        documents.flat_map(|(document, content)| {
            (0..content.statements.len()).map(move |statement| Place { document, statement })
        })
    }

    pub(super) fn statement(&self, place: Place) -> Option<&Statement> {
        self.documents.get(place.document)?.statements.get(place.statement)
    }

    pub(super) fn reference(&self, place: Place) -> Option<StatementRef<'_>> {
        let statement = self.statement(place)?;
        Some(StatementRef {
            document: self.documents.get(place.document)?.name(),
            document_index: place.document,
            sid: statement.sid.as_deref(),
            index: place.statement,
            position: statement.position,
        })
    }
}

/// Whose resource it is, seen from the principal.
#[derive(Debug, Clone, Copy)]
enum Relation {
    SameAccount,
    OtherAccount,
    /// Services have no documents of their own.
    Service,
}

/// A request taken apart once for all statements.
pub(super) struct Asked<'a> {
    principal: &'a Principal,
    pub(super) names: Names<'a>,
    relation: Relation,
    context: &'a Context<'a>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(request: &Request<'a>) -> Self {
        let relation = match request.principal.account() {
            Some(account) if account == request.resource_account => Relation::SameAccount,
            Some(_) => Relation::OtherAccount,
            None => Relation::Service,
        };
        let resource = Name::new(request.resource);
        let is_own = request.attached == request.resource;
        let attached = if is_own { resource } else { Name::new(request.attached) };
        let names = Names { resource, attached };
        Self { principal: request.principal, names, relation, context: request.context }
    }

    fn cover(&self, statement: &Statement) -> Cover {
        statement.cover(self.principal, &self.names, self.context)
    }
}

/// The identities that a resource-based statement names in full.
fn named_identities(statement: &Statement) -> Vec<Box<str>> {
    if statement.principals.is_none() || statement.resources.sense == Sense::IsNot {
        return Vec::new();
    }
    statement.resources.patterns.iter().filter_map(ArnPattern::full_name).collect()
}
