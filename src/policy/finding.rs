//! What is wrong, or doubtful, in a document: each finding with a stable code, its place and what to do.

use std::fmt;

use crate::json::Span;

/// How bad it is. Errors refuse to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Security,
    Warning,
    Suggestion,
}

/// One thing to say about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable: scripts and people look it up.
    pub code: &'static str,
    pub level: Level,
    /// Octets of the document's text.
    pub span: Span,
    /// The element: `Statement[0].Condition.StringLike.ses:FromAddress[1]`.
    pub path: String,
    pub message: String,
    pub fix: Option<String>,
}

/// The way to an element from the root of its document.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

/// All that was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) list: Vec<Finding>,
}

impl Path<'_> {
    /// The last step, if it is one into an array.
    pub(super) fn index(&self) -> Option<usize> {
        match self {
            Self::Index(_, index) => Some(*index),
            Self::Root | Self::Key(..) => None,
        }
    }
}

impl Findings {
    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        path: &Path<'_>,
        message: impl Into<String>,
        fix: impl Into<Option<String>>,
    ) {
        self.list.push(Finding {
            code,
            level: Level::Error,
            span,
            path: path.to_string(),
            message: message.into(),
            fix: fix.into(),
        });
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Security => "security",
            Self::Warning => "warning",
            Self::Suggestion => "suggestion",
        })
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("document"),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The word that was probably meant: the nearest within two changes, letter case aside.
pub(super) fn nearest<'w>(written: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // No word of the grammar is longer, and the distance costs length times length.
    if written.len() > 64 {
        return None;
    }
    let measure = |word: &'w str| (distance(&written.to_lowercase(), &word.to_lowercase()), word);
    words.into_iter().map(measure).filter(|(changes, _)| *changes <= 2).min().map(|(_, word)| word)
}

/// Levenshtein's: how many characters must be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        let letters = other.chars();
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, other_letter) in row.iter_mut().skip(1).zip(letters) {
            let change = diagonal + usize::from(letter != other_letter);
            diagonal = *cell;
            *cell = change.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}
