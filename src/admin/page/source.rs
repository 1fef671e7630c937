//! Policy source with its lines numbered, and what an operator looks for marked in it.

use crate::admin::page::policies;
use crate::admin::shown::{Explanation, Part, ShownDocument, ShownFinding, ShownStatement};

/// Lines around a statement that show where it stands.
const LINES_AROUND: usize = 1;

/// One line of a document.
pub struct SourceLine {
    pub number: usize,
    pub text: String,
    pub is_marked: bool,
    /// The statement that begins here.
    pub begins: Option<ShownStatement>,
    pub findings: Vec<ShownFinding>,
}

/// The statement that decided, where it stands.
pub struct Excerpt {
    pub title: String,
    pub document: String,
    /// Of the whole document; nothing if it is not in force.
    pub address: Option<String>,
    pub lines: Vec<SourceLine>,
}

/// An explanation, and the source of what decided.
pub struct Told {
    pub explanation: Explanation,
    pub excerpts: Vec<Excerpt>,
}

impl Told {
    pub fn new(
        explanation: Explanation,
        documents: &[ShownDocument],
        candidate: Option<&ShownDocument>,
    ) -> Self {
        let mut excerpts: Vec<Excerpt> = Vec::new();
        let statements = explanation.resources.iter().flat_map(|resource| &resource.statements);
        for deciding in statements.filter(|statement| statement.part == Part::Decides) {
            let named = |document: &&ShownDocument| document.name == deciding.document;
            let in_force = || documents.iter().enumerate().find(|(_, document)| named(document));
            let (index, document) = match (candidate.filter(named), in_force()) {
                (Some(candidate), _) => (None, candidate),
                (None, Some((index, document))) => (Some(index), document),
                (None, None) => continue,
            };
            let begins = |statement: &&ShownStatement| statement.first_line == deciding.line;
            let Some(statement) = document.statements.iter().find(begins) else { continue };
            let excerpt = Excerpt {
                title: statement.title.clone(),
                document: document.name.clone(),
                address: index.map(|index| policies::address(index, statement.first_line)),
                lines: excerpt(document, statement),
            };
            if !excerpts
                .iter()
                .any(|known| known.title == excerpt.title && known.document == excerpt.document)
            {
                excerpts.push(excerpt);
            }
        }
        Self { explanation, excerpts }
    }
}

/// Every line of a document.
pub fn lines(document: &ShownDocument) -> Vec<SourceLine> {
    let line = |(index, text): (usize, &str)| {
        let number = index.saturating_add(1);
        let findings = document.findings.iter().filter(|finding| finding.line == number);
        SourceLine {
            number,
            text: text.to_owned(),
            is_marked: false,
            begins: document.statements.iter().find(|statement| statement.first_line == number).cloned(),
            findings: findings.cloned().collect(),
        }
    };
    document.text.lines().enumerate().map(line).collect()
}

fn excerpt(document: &ShownDocument, statement: &ShownStatement) -> Vec<SourceLine> {
    let first = statement.first_line.saturating_sub(LINES_AROUND);
    let last = statement.last_line.saturating_add(LINES_AROUND);
    let within = |line: &SourceLine| (first..=last).contains(&line.number);
    let marked = |line: SourceLine| SourceLine {
        is_marked: (statement.first_line..=statement.last_line).contains(&line.number),
        ..line
    };
    lines(document).into_iter().filter(within).map(marked).collect()
}
