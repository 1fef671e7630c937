//! The same judgement at leisure: nothing is sent, and everything that bears on it is told.
//!
//! Facts, resources and ruling are those of [`Gate::judge`]; only that each resource is explained, not decided.

use std::borrow::Cow;

use crate::gate::facts::Case;
use crate::gate::judgement::rule_on;
use crate::gate::{Gate, Refusal};
use crate::policy::{Explanation, Value, Values};

/// What the gate makes of a mail.
#[derive(Debug)]
pub struct Examination<'g> {
    /// The mail in the policy's words; none if it was refused before they were needed.
    pub facts: Vec<Fact>,
    /// What policy says of each resource; none if it was not asked.
    pub resources: Vec<Examined<'g>>,
    /// What [`Gate::judge`] would refuse the mail with, if it is enforced.
    pub refusal: Option<Refusal>,
}

/// A key of the request and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub key: String,
    pub values: Vec<String>,
}

/// What policy says of one resource, and why.
#[derive(Debug)]
pub struct Examined<'g> {
    pub resource: Cow<'g, str>,
    pub explanation: Explanation<'g>,
}

impl Gate {
    pub fn examine(&self, case: &Case<'_>) -> Examination<'_> {
        let mut examination = Examination { facts: Vec::new(), resources: Vec::new(), refusal: None };
        examination.refusal = self.explain(case, &mut examination).err();
        examination
    }

    fn explain<'g>(&'g self, case: &Case<'_>, examination: &mut Examination<'g>) -> Result<(), Refusal> {
        let facts = self.facts(case)?;
        let fact = |(key, values): (&str, &Values<'_>)| Fact {
            key: key.to_owned(),
            values: values.as_slice().iter().map(Value::as_str).map(str::to_owned).collect(),
        };
        examination.facts = facts.context.entries().map(fact).collect();
        for resource in self.resources(&case.claims, &facts)? {
            let explanation = facts.app.policies().explain(&self.request(&resource, &facts));
            examination.resources.push(Examined { resource: resource.arn, explanation });
        }
        rule_on(examination.resources.iter().map(|examined| examined.explanation.decision))
    }
}
