//! Which statements the tests put to the test.
//!
//! A statement is covered if it decided one: what would happen without it is known then. One that only matched
//! beside another could be taken away, and no test would tell.

use std::collections::BTreeMap;

use crate::app::Trial;
use crate::gate::statement_name;
use crate::policy::{Policies, StatementRef};

#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// By document and number.
    statements: BTreeMap<(String, usize), Covered>,
}

/// One statement, and in how many tests it had a part.
#[derive(Debug, Clone)]
pub struct Covered {
    pub document: String,
    pub name: String,
    pub line: usize,
    pub decided: usize,
    pub matched: usize,
}

impl Coverage {
    /// Counts one test.
    pub fn add(&mut self, policies: &Policies, trial: &Trial<'_>) {
        for statement in policies.references() {
            self.entry(statement);
        }
        for explanation in trial.resources().iter().map(|examined| &examined.explanation) {
            if let Some(statement) = explanation.decision.statement {
                self.entry(statement).decided += 1;
            }
            for explained in explanation.statements.iter().filter(|explained| explained.matches()) {
                self.entry(explained.statement).matched += 1;
            }
        }
    }

    /// In the order of documents and lines.
    pub fn statements(&self) -> impl Iterator<Item = &Covered> {
        self.statements.values()
    }

    pub fn total(&self) -> usize {
        self.statements.len()
    }

    pub fn decided(&self) -> usize {
        self.statements.values().filter(|covered| covered.decided > 0).count()
    }

    /// Rounded down, so that a hundred is all.
    pub fn percent(&self) -> usize {
        self.decided().saturating_mul(100).checked_div(self.total()).unwrap_or(100)
    }

    fn entry(&mut self, statement: StatementRef<'_>) -> &mut Covered {
        self.statements.entry((statement.document.to_owned(), statement.index)).or_insert_with(|| Covered {
            document: statement.document.to_owned(),
            name: statement_name(statement),
            line: statement.position.line,
            decided: 0,
            matched: 0,
        })
    }
}
