//! The two questions that a tool can ask of all mail at once: what changed, and who may.

use std::collections::HashMap;

use crate::compare::axis::Axis;
use crate::compare::example::Example;
use crate::compare::ground::{Ground, Side};
use crate::compare::judge::{Judge, Ruling, Visit, keep_within};
use crate::compare::regions::{Bound, cover};
use crate::compare::space;
use crate::compare::survey::Survey;
use crate::policy::{Context, Glob, StatementRef, Verdict};

/// What differs between two sets of policies, and what may have been missed.
#[derive(Debug, Clone)]
pub struct Diff<'p> {
    pub newly_allowed: Vec<Change<'p>>,
    pub newly_denied: Vec<Change<'p>>,
    pub examined: Examined,
}

/// Mails that one set allows and the other does not, for the same reasons.
#[derive(Debug, Clone)]
pub struct Change<'p> {
    /// What they have in common; what is not here may be anything.
    pub bounds: Vec<Bound>,
    pub example: Example,
    pub old: Reason<'p>,
    pub new: Reason<'p>,
}

/// Who may send, and how.
#[derive(Debug, Clone)]
pub struct Who<'p> {
    pub allowed: Vec<Permission<'p>>,
    /// Whether no mail at all is refused.
    pub is_everyone: bool,
    pub examined: Examined,
}

/// Mails that are allowed.
#[derive(Debug, Clone)]
pub struct Permission<'p> {
    pub bounds: Vec<Bound>,
    pub example: Example,
    pub reason: Reason<'p>,
}

/// Why a mail is allowed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason<'p> {
    pub verdict: Verdict,
    pub statement: Option<StatementRef<'p>>,
}

/// How much was looked at.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Classes of mail that the policies can tell apart.
    pub combinations: usize,
    /// Each axis on which they do, with the number of its classes.
    pub axes: Vec<(&'static str, usize)>,
    /// What nobody said of the relay, and was taken from the policies.
    pub assumed: Vec<String>,
    /// What the result does not cover. Empty: every mail was covered.
    pub unproven: Vec<String>,
}

/// The product of the axes, ready to be walked.
struct Product {
    axes: Vec<Axis>,
    contexts: Vec<Context<'static>>,
    examined: Examined,
}

/// What `new` allows and `old` does not, and the other way round. At most `limit` classes of mail are judged.
pub fn diff<'p>(ground: &Ground, old: Side<'p>, new: Side<'p>, limit: usize) -> Diff<'p> {
    let sides = [old, new];
    let product = product(ground, &sides, None, limit);
    let mut groups = Groups::default();
    product.judge(ground, &sides).walk(|visit| {
        let (Some(old), Some(new)) = (visit.ruling(0), visit.ruling(1)) else { return groups.push(None) };
        groups.push(changed(visit, old, new));
    });
    let mut diff =
        Diff { newly_allowed: Vec::new(), newly_denied: Vec::new(), examined: product.examined.clone() };
    for (number, (old, new)) in groups.known.iter().enumerate() {
        for region in cover(&product.axes, &groups.each, Groups::number(number)) {
            let change = Change {
                bounds: region.bounds(&product.axes),
                example: Example::new(ground, &product.axes, &region.first()),
                old: *old,
                new: *new,
            };
            match new.verdict {
                Verdict::Allow => diff.newly_allowed.push(change),
                Verdict::ExplicitDeny | Verdict::ImplicitDeny => diff.newly_denied.push(change),
            }
        }
    }
    diff
}

/// Who may send from an address, or from all that a pattern matches.
pub fn who<'p>(ground: &Ground, side: Side<'p>, from: &Glob, limit: usize) -> Who<'p> {
    let sides = [side];
    let product = product(ground, &sides, Some(from), limit);
    let mut rulings: Vec<Option<Reason<'p>>> = Vec::new();
    product.judge(ground, &sides).walk(|visit| {
        let reason = visit.ruling(0).map(Reason::from);
        rulings.push(reason.filter(|reason| reason.verdict == Verdict::Allow));
    });
    let groups: Vec<u32> = rulings.iter().map(|reason| u32::from(reason.is_some())).collect();
    let strides = crate::compare::regions::strides(&product.axes);
    let mut allowed = Vec::new();
    for region in cover(&product.axes, &groups, 1) {
        let first = region.first();
        let index: usize = first.iter().zip(&strides).map(|(place, stride)| place * stride).sum();
        let Some(reason) = rulings.get(index).copied().flatten() else { continue };
        let example = Example::new(ground, &product.axes, &first);
        allowed.push(Permission { bounds: region.bounds(&product.axes), example, reason });
    }
    let is_everyone = !groups.is_empty() && groups.iter().all(|group| *group == 1);
    Who { allowed, is_everyone, examined: product.examined }
}

fn product(ground: &Ground, sides: &[Side<'_>], from: Option<&Glob>, limit: usize) -> Product {
    let mut survey = Survey::new(ground, sides);
    let mut axes = space::axes(&mut survey, from);
    keep_within(&mut axes, limit, &mut survey.unproven);
    let examined = Examined {
        combinations: axes.iter().map(|axis| axis.points.len()).product(),
        axes: axes.iter().filter(|axis| !axis.is_open()).map(|axis| (axis.name, axis.points.len())).collect(),
        assumed: ground.assumed.clone(),
        unproven: survey.unproven.into_iter().collect(),
    };
    Product { axes, contexts: survey.contexts, examined }
}

impl Product {
    fn judge<'a, 'p>(&'a self, ground: &'a Ground, sides: &'a [Side<'p>]) -> Judge<'a, 'p> {
        Judge { ground, sides, axes: &self.axes, contexts: &self.contexts }
    }
}

/// Old and new reason, if they disagree. Both are about the resource on which the stricter set decided.
fn changed<'p>(visit: &Visit<'_, 'p>, old: Ruling<'p>, new: Ruling<'p>) -> Option<(Reason<'p>, Reason<'p>)> {
    match (old.decision.verdict == Verdict::Allow, new.decision.verdict == Verdict::Allow) {
        (false, true) => Some((old.into(), visit.on(1, old.resource)?.into())),
        (true, false) => Some((visit.on(0, new.resource)?.into(), new.into())),
        (true, true) | (false, false) => None,
    }
}

impl<'p> From<Ruling<'p>> for Reason<'p> {
    fn from(ruling: Ruling<'p>) -> Self {
        Self { verdict: ruling.decision.verdict, statement: ruling.decision.statement }
    }
}

/// Combinations by the reasons for their change.
#[derive(Default)]
struct Groups<'p> {
    known: Vec<(Reason<'p>, Reason<'p>)>,
    numbers: HashMap<(Reason<'p>, Reason<'p>), u32>,
    /// For each combination the number of its group; zero is no change.
    each: Vec<u32>,
}

impl<'p> Groups<'p> {
    fn push(&mut self, reasons: Option<(Reason<'p>, Reason<'p>)>) {
        let number = reasons.map_or(0, |reasons| {
            *self.numbers.entry(reasons).or_insert_with(|| {
                self.known.push(reasons);
                Self::number(self.known.len() - 1)
            })
        });
        self.each.push(number);
    }

    fn number(place: usize) -> u32 {
        u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1)
    }
}
