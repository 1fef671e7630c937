//! A statement, compiled: whom, what, on which resources, and when.

use crate::json::Position;
use crate::policy::arn::{ArnPattern, Name};
use crate::policy::condition::Condition;
use crate::policy::context::Context;
use crate::policy::few::Few;
use crate::policy::key::KeyName;
use crate::policy::operator::Sense;
use crate::policy::pattern::Pattern;
use crate::policy::principal::{Cover, Principal, PrincipalPattern};
use crate::policy::syntax::Effect;

/// What an action is matched with: its patterns have no variables.
static NOTHING: Context<'static> = Context::new();

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) sid: Option<Box<str>>,
    pub(super) position: Position,
    pub(super) effect: Effect,
    /// None in identity-based documents, which are about whoever they are attached to.
    pub(super) principals: Option<AnyOf<PrincipalPattern>>,
    pub(super) actions: AnyOf<Pattern>,
    pub(super) resources: AnyOf<ArnPattern>,
    pub(super) conditions: Box<[Condition]>,
}

/// An element and its Not form: any of these, or none of them.
#[derive(Debug, Clone)]
pub(super) struct AnyOf<T> {
    pub(super) sense: Sense,
    pub(super) patterns: Few<T>,
}

/// The names a request is about: the resource, and the identity whose documents cover it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) resource: Name<'a>,
    pub(super) attached: Name<'a>,
}

impl Statement {
    /// Everything but the action, cheapest first. How it covers the principal decides what an Allow is worth.
    pub(super) fn cover(&self, principal: &Principal, names: &Names<'_>, context: &Context<'_>) -> Cover {
        if !self.is_about(names, context) {
            return Cover::None;
        }
        let cover = self.names(principal);
        let holds = |condition: &Condition| condition.holds(self.effect, context);
        if cover > Cover::None && self.conditions.iter().all(holds) { cover } else { Cover::None }
    }

    pub(super) fn acts_on(&self, action: &str) -> bool {
        self.actions.includes(|pattern| pattern.matches(action, &NOTHING))
    }

    /// Whether this Allow could ever be enough by itself, whatever the request.
    pub(super) fn may_grant(&self, action: &str) -> bool {
        let is_someone = |pattern: &PrincipalPattern| match pattern {
            PrincipalPattern::Everyone | PrincipalPattern::Role { .. } | PrincipalPattern::Exact(_) => true,
            // An account is only told that it may delegate.
            PrincipalPattern::Account(_) | PrincipalPattern::Nobody => false,
        };
        let is_something = |pattern: &ArnPattern| !matches!(pattern, ArnPattern::Never);
        let grants = self.principals.as_ref().is_none_or(|principals| principals.has_any(is_someone));
        grants && self.acts_on(action) && self.resources.has_any(is_something)
    }

    /// The keys that the conditions and resources look up.
    pub(super) fn keys(&self) -> impl Iterator<Item = &KeyName> {
        let resources = self.resources.patterns.iter().flat_map(ArnPattern::variables);
        self.conditions.iter().flat_map(Condition::keys).chain(resources)
    }

    /// Whether the resources and principals fit, whatever the conditions say.
    pub(super) fn concerns(&self, principal: &Principal, names: &Names<'_>, context: &Context<'_>) -> bool {
        self.is_about(names, context) && self.names(principal) > Cover::None
    }

    /// A resource-based statement names the identity it is attached to; an address that its domain's documents
    /// cover may be named as itself as well.
    pub(super) fn is_about(&self, names: &Names<'_>, context: &Context<'_>) -> bool {
        let is_resource_based = self.principals.is_some();
        self.resources.includes(|pattern| {
            pattern.matches(&names.resource, context)
                || (is_resource_based && pattern.matches(&names.attached, context))
        })
    }

    pub(super) fn names(&self, principal: &Principal) -> Cover {
        let Some(principals) = &self.principals else { return Cover::Direct };
        let covers = principals.patterns.iter().map(|pattern| pattern.cover(principal));
        match (principals.sense, self.effect) {
            (Sense::Is, _) => covers.max().unwrap_or(Cover::None),
            // Whom the list covers in any way, an Allow leaves out.
            (Sense::IsNot, Effect::Allow) => {
                if covers.max() > Some(Cover::None) {
                    Cover::None
                } else {
                    Cover::Direct
                }
            }
            // A user whose account is not listed beside him is denied with his account.
            (Sense::IsNot, Effect::Deny) => {
                let exempts = |pattern: &PrincipalPattern| match pattern.cover(principal) {
                    Cover::Account => true,
                    Cover::Direct => *pattern == PrincipalPattern::Everyone || principal.account().is_none(),
                    Cover::None => false,
                };
                if principals.patterns.iter().any(exempts) { Cover::None } else { Cover::Direct }
            }
        }
    }
}

impl<T> AnyOf<T> {
    pub(super) fn includes(&self, matches: impl FnMut(&T) -> bool) -> bool {
        self.sense.applied(self.patterns.iter().any(matches))
    }

    /// Whether anything can be included at all, if only the patterns of this kind match anything.
    fn has_any(&self, matches_anything: impl FnMut(&T) -> bool) -> bool {
        self.sense == Sense::IsNot || self.patterns.iter().any(matches_anything)
    }
}
