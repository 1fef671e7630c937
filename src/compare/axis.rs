//! One thing in which mails differ, cut into the classes that policies can tell apart.

use crate::compare::terms::Terms;
use crate::policy::{Key, Values};

/// What it is about, as reports name it, and its classes.
#[derive(Debug, Clone)]
pub struct Axis {
    pub name: &'static str,
    /// The keys that its points hold or leave absent.
    pub keys: Vec<Key>,
    pub points: Vec<Point>,
    /// The policies' patterns that its classes come from, if they come from patterns.
    pub terms: Terms,
    /// How many points had to go for the limit's sake.
    pub left_out: usize,
}

/// A class, by one member.
#[derive(Debug, Clone, Default)]
pub struct Point {
    pub facts: Vec<(Key, Values<'static>)>,
    /// What the mail uses, and so has to be allowed, because of this.
    pub resources: Vec<Resource>,
    /// Its place among the apps, on the axis of apps.
    pub app: Option<usize>,
    /// The members, in the policies' own words; several if policies name them apart but treat them alike.
    pub labels: Vec<String>,
    /// The member as part of an example mail. Empty if it shows in nothing.
    pub shown: Vec<String>,
}

/// An identity or configuration set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub arn: String,
    /// The domain whose documents cover an address identity that has none of its own.
    pub domain_arn: Option<String>,
}

impl Axis {
    /// Nothing depends on this: the one point stands for all.
    pub fn is_open(&self) -> bool {
        self.points.len() < 2
    }
}
