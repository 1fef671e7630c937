//! The text of the file: where in it something stands, and which of it may not be shown.
//!
//! Nothing here knows a setting.

use std::ops::Range;
use std::path::PathBuf;

/// The configuration file as text; without one, an empty text that nothing stands in.
#[derive(Debug, Clone)]
pub struct Document {
    path: Option<PathBuf>,
    text: String,
}

/// Where something was said, or should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file's text. Line and column count from 1, the column in characters.
    Text {
        path: PathBuf,
        span: Range<usize>,
        line: usize,
        column: usize,
    },
    /// About a file as a whole.
    File(PathBuf),
    Variable(String),
    /// There is no file, and no variable said it.
    Environment,
}

impl Document {
    pub fn new(path: PathBuf, text: String) -> Self {
        Self { path: Some(path), text }
    }

    /// No file: all settings come from the environment.
    pub fn none() -> Self {
        Self { path: None, text: String::new() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn place(&self, span: Range<usize>) -> Place {
        let Some(path) = self.path.clone() else { return Place::Environment };
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let line = before.bytes().filter(|&byte| byte == b'\n').count().saturating_add(1);
        let column = before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1);
        Place::Text { path, span, line, column }
    }

    /// The document itself, for what no line of it says.
    pub fn whole(&self) -> Place {
        self.path.clone().map_or(Place::Environment, Place::File)
    }

    /// Overwrites a secret that should not have been in the file, so that no message can quote it. Every octet
    /// keeps its place.
    pub fn mask(&mut self, span: &Range<usize>) {
        let masked =
            self.text.char_indices().fold(String::with_capacity(self.text.len()), |mut text, (at, c)| {
                if span.contains(&at) && c != '\n' {
                    text.extend(std::iter::repeat_n('*', c.len_utf8()));
                } else {
                    text.push(c);
                }
                text
            });
        self.text = masked;
    }
}

impl Place {
    /// Files in the order of their lines, then variables by name.
    pub(super) fn order(&self) -> (u8, usize, &str) {
        match self {
            Self::Text { span, .. } => (0, span.start, ""),
            Self::File(_) => (1, 0, ""),
            Self::Variable(name) => (2, 0, name),
            Self::Environment => (3, 0, ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Document, Place};

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let document = Document::new(PathBuf::from("f"), "ä = 1\nüü = 2\n".to_owned());
        for (octet, expected) in [(0, (1, 1)), (3, (1, 3)), (7, (2, 1)), (14, (2, 6)), (99, (3, 1))] {
            let Place::Text { line, column, .. } = document.place(octet..octet) else { panic!("no text") };
            assert_eq!((line, column), expected, "octet {octet}");
        }
    }

    #[test]
    fn a_masked_secret_keeps_every_octet_in_its_place() {
        let mut document = Document::new(PathBuf::from("f"), "p = \"gehéim\"\nq = 1\n".to_owned());
        document.mask(&(4..13));
        assert_eq!(document.text(), "p = *********\nq = 1\n");
    }
}
