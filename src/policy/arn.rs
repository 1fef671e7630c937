//! Amazon resource names: six segments between colons, of which the sixth holds all further colons.
//!
//! Patterns are matched segment by segment, so a `*` never crosses a colon into another segment.

use crate::policy::context::Context;
use crate::policy::key::KeyName;
use crate::policy::pattern::{Case, Pattern, VariableProblem, Variables, Wildcards};

const SEGMENTS: usize = 6;

/// A name in a request, taken apart once. What is no ARN has no segments, and only `*` matches it.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    text: &'a str,
    segments: Option<[&'a str; SEGMENTS]>,
}

/// Which names are meant.
#[derive(Debug, Clone)]
pub enum ArnPattern {
    Everything,
    /// One name, octet for octet: the commonest pattern and the cheapest.
    Exact(Box<str>),
    Segments(Box<[Pattern; SEGMENTS]>),
    /// What was written can match nothing.
    Never,
}

/// Why a text is no pattern for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArnProblem {
    /// It does not begin with `arn:`.
    NoArn,
    /// It has fewer than six segments.
    Incomplete,
    /// It has a variable before the fifth colon.
    EarlyVariable,
    Variable(VariableProblem),
}

impl<'a> Name<'a> {
    pub fn new(text: &'a str) -> Self {
        let mut parts = text.splitn(SEGMENTS, ':');
        let mut segments = [""; SEGMENTS];
        let is_whole = segments.iter_mut().all(|segment| match parts.next() {
            Some(part) => {
                *segment = part;
                true
            }
            None => false,
        });
        Self { text, segments: is_whole.then_some(segments) }
    }

    pub fn as_str(&self) -> &'a str {
        self.text
    }

    pub fn segments(&self) -> Option<[&'a str; SEGMENTS]> {
        self.segments
    }

    /// The fifth segment, unless the name has none.
    pub fn account(&self) -> Option<&'a str> {
        self.segments.map(|[_, _, _, _, account, _]| account).filter(|account| !account.is_empty())
    }
}

impl ArnPattern {
    /// A value of an ARN operator: complete, with variables anywhere.
    pub fn value(text: &str, variables: Variables) -> Result<Self, ArnProblem> {
        let segments = segments(text, variables)?;
        if segments.len() < SEGMENTS {
            Err(ArnProblem::Incomplete)
        } else {
            Self::compile(text, &segments, variables)
        }
    }

    /// A Resource of a resource-based document: complete, or `*`.
    pub fn resource(text: &str, variables: Variables) -> Result<Self, ArnProblem> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        let segments = segments(text, variables)?;
        if segments.len() < SEGMENTS {
            return Err(ArnProblem::Incomplete);
        }
        Self::without_early_variable(text, &segments, variables)
    }

    /// A Resource of an identity-based document: segments that are not there stand for `*`.
    pub fn short_resource(text: &str, variables: Variables) -> Result<Self, ArnProblem> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        let mut segments = segments(text, variables)?;
        // `arn:aws:ses:us-east-1:identity/x` lost its account; no account or region holds a slash.
        if segments.len() < SEGMENTS && segments.last().is_some_and(|last| last.contains('/')) {
            return Err(ArnProblem::Incomplete);
        }
        segments.resize(SEGMENTS, "*");
        Self::without_early_variable(text, &segments, variables)
    }

    pub fn matches(&self, name: &Name<'_>, context: &Context<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Exact(text) => **text == *name.text,
            Self::Segments(patterns) => name.segments.is_some_and(|segments| {
                // Names differ most at their end.
                patterns
                    .iter()
                    .zip(segments)
                    .rev()
                    .all(|(pattern, segment)| pattern.matches(segment, context))
            }),
            Self::Never => false,
        }
    }

    /// The name, if this matches no other.
    pub fn full_name(&self) -> Option<Box<str>> {
        match self {
            Self::Exact(name) => Some(name.clone()),
            Self::Everything | Self::Segments(_) | Self::Never => None,
        }
    }

    pub fn variables(&self) -> impl Iterator<Item = &KeyName> {
        let patterns: &[Pattern] = match self {
            Self::Segments(patterns) => patterns.as_slice(),
            Self::Everything | Self::Exact(_) | Self::Never => &[],
        };
        patterns.iter().flat_map(Pattern::variables)
    }

    /// The segments that are a text and not a pattern.
    pub fn literal_segments(&self) -> [Option<&str>; SEGMENTS] {
        match self {
            Self::Exact(text) => Name::new(text).segments.map_or([None; SEGMENTS], |parts| parts.map(Some)),
            Self::Segments(patterns) => patterns.each_ref().map(Pattern::as_literal),
            Self::Everything | Self::Never => [None; SEGMENTS],
        }
    }

    fn without_early_variable(
        text: &str,
        segments: &[&str],
        variables: Variables,
    ) -> Result<Self, ArnProblem> {
        let is_variable = |segment: &&str| variables == Variables::Expanded && segment.contains("${");
        if segments.iter().take(SEGMENTS - 1).any(is_variable) {
            return Err(ArnProblem::EarlyVariable);
        }
        Self::compile(text, segments, variables)
    }

    fn compile(text: &str, segments: &[&str], variables: Variables) -> Result<Self, ArnProblem> {
        let compile = |segment: &&str| Pattern::new(segment, variables, Wildcards::Live, Case::Matters);
        let patterns: Result<Vec<Pattern>, _> = segments.iter().map(compile).collect();
        let patterns = patterns.map_err(ArnProblem::Variable)?;
        let literals: Option<Vec<&str>> = patterns.iter().map(Pattern::as_literal).collect();
        match literals {
            // With `${*}` in it, the text written is not the text meant.
            Some(literals) => Ok(Self::Exact(literals.join(":").into_boxed_str())),
            None => match <[Pattern; SEGMENTS]>::try_from(patterns) {
                Ok(patterns) => Ok(Self::Segments(Box::new(patterns))),
                Err(_) => {
                    Err(if text.starts_with("arn:") { ArnProblem::Incomplete } else { ArnProblem::NoArn })
                }
            },
        }
    }
}

/// Splits at colons, though not at those inside a variable, into at most six segments.
fn segments(text: &str, variables: Variables) -> Result<Vec<&str>, ArnProblem> {
    if !text.starts_with("arn:") {
        return Err(ArnProblem::NoArn);
    }
    let mut is_inside = false;
    let mut colons = 0;
    let is_border = |character: char| {
        match character {
            '{' => is_inside = variables == Variables::Expanded,
            '}' => is_inside = false,
            ':' if !is_inside && colons < SEGMENTS - 1 => {
                colons += 1;
                return true;
            }
            _ => {}
        }
        false
    };
    Ok(text.split(is_border).collect())
}
