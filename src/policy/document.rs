//! A policy document: one file of JSON, read, checked and compiled.

use std::sync::Arc;

use crate::json::{self, JsonError, Problem};
use crate::policy::arn::ArnPattern;
use crate::policy::compile::{self, Kind};
use crate::policy::finding::{Finding, Findings, Level, Path};
use crate::policy::grammar;
use crate::policy::statement::Statement;

#[derive(Debug, Clone)]
pub struct Document {
    name: Arc<str>,
    kind: Kind,
    pub(super) statements: Box<[Statement]>,
}

impl Document {
    /// Reads a document for use. One error refuses it; all that is wrong is told at once.
    pub fn parse(name: &str, text: &str) -> Result<(Self, Vec<Finding>), Vec<Finding>> {
        let (document, findings) = Self::parse_leniently(name, text)?;
        if findings.iter().any(|finding| finding.level == Level::Error) {
            Err(findings)
        } else {
            Ok((document, findings))
        }
    }

    /// Reads a document for a tool that shows what it would mean. Only what cannot be read refuses it; a
    /// condition in error fails closed: an Allow does not match, a Deny does.
    pub fn parse_leniently(name: &str, text: &str) -> Result<(Self, Vec<Finding>), Vec<Finding>> {
        let mut findings = Findings::default();
        let node = json::parse(text).map_err(|errors| errors.iter().map(finding).collect::<Vec<_>>())?;
        let Ok(tree) = grammar::read(&node, &mut findings) else { return Err(findings.list) };
        let (kind, statements) = compile::compile(&tree, text, &mut findings);
        let document = Self { name: name.into(), kind, statements: statements.into_boxed_slice() };
        Ok((document, findings.list))
    }

    /// What the operator calls it: the path of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The names in Resource and `NotResource`, in the order of the text: of each the six segments, as far as
    /// they are no patterns.
    pub fn resource_names(&self) -> impl Iterator<Item = [Option<&str>; 6]> {
        let statements = self.statements.iter();
        statements.flat_map(|statement| statement.resources.patterns.iter().map(ArnPattern::literal_segments))
    }
}

fn finding(error: &JsonError) -> Finding {
    let (code, fix) = match &error.problem {
        Problem::Syntax(_) | Problem::TooDeep => ("JSON_SYNTAX", None),
        Problem::DuplicateKey(_) => ("DUPLICATE_JSON_KEY", Some("keep one, with all the values".to_owned())),
    };
    Finding {
        code,
        level: Level::Error,
        span: error.span,
        path: Path::Root.to_string(),
        message: error.problem.to_string(),
        fix,
    }
}
