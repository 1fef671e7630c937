//! Every mail of the product of the axes, judged by every set of policies, as the gate would.

use std::collections::BTreeSet;

use crate::compare::axis::{Axis, Resource};
use crate::compare::ground::{Ground, Side};
use crate::compare::survey::{ACTION, apply};
use crate::policy::{Context, Decision, Policies, Request, Verdict};

/// What one set of policies says of one mail: the most restrictive of its decisions, and on which resource.
#[derive(Debug, Clone, Copy)]
pub struct Ruling<'p> {
    pub decision: Decision<'p>,
    /// Its place among the mail's resources.
    pub resource: usize,
}

/// Walks through all combinations of points, the last axis fastest.
pub struct Judge<'a, 'p> {
    pub ground: &'a Ground,
    pub sides: &'a [Side<'p>],
    pub axes: &'a [Axis],
    pub contexts: &'a [Context<'static>],
}

/// One combination as it is visited.
pub struct Visit<'v, 'p> {
    pub resources: &'v [&'v Resource],
    app: usize,
    context: &'v Context<'static>,
    ground: &'v Ground,
    sides: &'v [Side<'p>],
}

impl<'p> Judge<'_, 'p> {
    /// Calls for each combination, in order.
    pub fn walk(&self, mut visit: impl FnMut(&Visit<'_, 'p>)) {
        let Some((first, rest)) = self.axes.split_first() else { return };
        for point in &first.points {
            let Some(app) = point.app else { continue };
            let Some(context) = self.contexts.get(app) else { continue };
            self.descend(rest, app, &mut context.clone(), &mut Vec::new(), &mut visit);
        }
    }

    fn descend<'v>(
        &'v self,
        ahead: &'v [Axis],
        app: usize,
        context: &mut Context<'static>,
        resources: &mut Vec<&'v Resource>,
        visit: &mut impl FnMut(&Visit<'_, 'p>),
    ) {
        let Some((axis, rest)) = ahead.split_first() else {
            visit(&Visit { resources, app, context, ground: self.ground, sides: self.sides });
            return;
        };
        for point in &axis.points {
            apply(context, &axis.keys, &point.facts);
            let before = resources.len();
            for resource in &point.resources {
                if !resources.iter().any(|known| known.arn == resource.arn) {
                    resources.push(resource);
                }
            }
            self.descend(rest, app, context, resources, visit);
            resources.truncate(before);
        }
    }
}

impl<'p> Visit<'_, 'p> {
    /// The most restrictive decision of a side over all resources.
    pub fn ruling(&self, side: usize) -> Option<Ruling<'p>> {
        let rulings = (0..self.resources.len()).filter_map(|resource| self.on(side, resource));
        rulings.reduce(|worst, next| {
            if severity(next.decision.verdict) > severity(worst.decision.verdict) { next } else { worst }
        })
    }

    /// What a side says of one resource.
    pub fn on(&self, side: usize, resource: usize) -> Option<Ruling<'p>> {
        let policies: &'p Policies = self.sides.get(side)?.by_app.get(self.app)?;
        let Resource { arn, domain_arn } = self.resources.get(resource)?;
        // The documents of an address identity take the place of its domain's.
        let attached = match domain_arn {
            Some(domain) if !policies.has_resource_documents(arn) => domain,
            Some(_) | None => arn,
        };
        let decision = policies.decide(&Request {
            principal: &self.ground.apps.get(self.app)?.principal,
            action: ACTION,
            resource: arn,
            attached,
            resource_account: &self.ground.account_id,
            context: self.context,
        });
        Some(Ruling { decision, resource })
    }
}

/// Leaves so many points on the axes that their product keeps within the limit, and says what was left out.
pub fn keep_within(axes: &mut [Axis], limit: usize, unproven: &mut BTreeSet<String>) {
    loop {
        let product = axes.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.points.len()));
        if product.is_some_and(|product| product <= limit) {
            return;
        }
        let Some(longest) =
            axes.iter_mut().filter(|axis| axis.points.len() > 1).max_by_key(|axis| axis.points.len())
        else {
            return;
        };
        if let Some(point) = longest.points.pop() {
            let name = longest.name;
            longest.left_out += 1;
            unproven.insert(format!(
                "the limit of {limit} combinations left out `{name}` {}; raise it with --limit",
                point.labels.join(" or ")
            ));
        }
    }
}

fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::ImplicitDeny => 1,
        Verdict::ExplicitDeny => 2,
    }
}
