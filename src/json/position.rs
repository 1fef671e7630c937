//! Places in a text: spans of octets for machines, lines and columns for people.

/// Octets `start..end` of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// Counted from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// The positions of ascending offsets, in one pass over the text.
#[derive(Debug)]
pub struct Positions<'a> {
    rest: &'a str,
    offset: usize,
    position: Position,
}

impl Span {
    /// Where `part` stands in `text`, whose slice it is.
    pub fn of(text: &str, part: &str) -> Self {
        let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        Self { start, end: start.saturating_add(part.len()) }
    }
}

impl Position {
    pub const START: Self = Self { line: 1, column: 1 };

    pub fn of(text: &str, offset: usize) -> Self {
        Positions::new(text).at(offset)
    }
}

impl<'a> Positions<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { rest: text, offset: 0, position: Position::START }
    }

    /// The position of an offset that is not before the last one asked for.
    pub fn at(&mut self, offset: usize) -> Position {
        let step = offset.saturating_sub(self.offset).min(self.rest.len());
        if let Some((passed, rest)) = self.rest.split_at_checked(step) {
            for character in passed.chars() {
                if character == '\n' {
                    self.position.line += 1;
                    self.position.column = 1;
                } else {
                    self.position.column += 1;
                }
            }
            self.rest = rest;
            self.offset += step;
        }
        self.position
    }
}
