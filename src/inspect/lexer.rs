//! The tokens of an address field (RFC 5322 section 3.2), without regard to where they may stand.

use crate::inspect::defect::FieldFault;
use crate::inspect::header::is_white_space;

/// One token and whether white space goes before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexeme<'h> {
    pub(super) token: Token<'h>,
    pub(super) is_spaced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'h> {
    /// A run of octets up to white space or another token: an atom, an address, an encoded word.
    Word(&'h str),
    /// What stands between quotes, not yet unescaped.
    Quoted(&'h str),
    /// What stands between parentheses, not yet unescaped, inner comments included.
    Comment(&'h str),
    /// What stands between angle brackets.
    Angle(&'h str),
    Comma,
    Colon,
    Semicolon,
}

/// Cuts the value of a field into tokens.
#[derive(Debug)]
pub(super) struct Lexer<'h> {
    rest: &'h str,
}

impl<'h> Lexer<'h> {
    pub(super) fn new(value: &'h str) -> Self {
        Self { rest: value }
    }

    fn token(&mut self, first: u8) -> Result<Token<'h>, FieldFault> {
        match first {
            b',' => Ok(self.single(Token::Comma)),
            b':' => Ok(self.single(Token::Colon)),
            b';' => Ok(self.single(Token::Semicolon)),
            b'"' => self.enclosed(quoted_string_end).map(Token::Quoted),
            b'(' => self.enclosed(comment_end).map(Token::Comment),
            b'<' => self.enclosed(|value| Ok(memchr::memchr(b'>', value))).map(Token::Angle),
            b')' | b'>' => Err(FieldFault::Special { character: char::from(first) }),
            _ => {
                let length = self.rest.bytes().position(ends_word).unwrap_or(self.rest.len());
                Ok(Token::Word(self.cut(length)))
            }
        }
    }

    fn single(&mut self, token: Token<'h>) -> Token<'h> {
        self.cut(1);
        token
    }

    /// What stands between the opening octet, which is next, and the closing one that `end` finds.
    fn enclosed(
        &mut self,
        end: impl FnOnce(&[u8]) -> Result<Option<usize>, FieldFault>,
    ) -> Result<&'h str, FieldFault> {
        let opening = self.cut(1);
        let Some(length) = end(self.rest.as_bytes())? else {
            return Err(FieldFault::Unclosed { opening: opening.chars().next().unwrap_or_default() });
        };
        let inner = self.cut(length);
        self.cut(1);
        Ok(inner)
    }

    fn cut(&mut self, length: usize) -> &'h str {
        // INVARIANT: every cut is at an ASCII octet or at the end.
        let (token, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        token
    }
}

impl<'h> Iterator for Lexer<'h> {
    type Item = Result<Lexeme<'h>, FieldFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let space = self.rest.bytes().take_while(|octet| is_white_space(*octet)).count();
        self.cut(space);
        let first = self.rest.bytes().next()?;
        Some(self.token(first).map(|token| Lexeme { token, is_spaced: space > 0 }))
    }
}

fn ends_word(octet: u8) -> bool {
    is_white_space(octet) || matches!(octet, b'"' | b'(' | b')' | b',' | b':' | b';' | b'<' | b'>')
}

/// RFC 5322 section 3.2.4: the next quote that no backslash goes before.
fn quoted_string_end(value: &[u8]) -> Result<Option<usize>, FieldFault> {
    unescaped_position(value, |octet| octet == b'"')
}

/// RFC 5322 section 3.2.2: comments nest.
fn comment_end(value: &[u8]) -> Result<Option<usize>, FieldFault> {
    let mut depth = 1_usize;
    unescaped_position(value, |octet| {
        match octet {
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

fn unescaped_position(value: &[u8], mut is_end: impl FnMut(u8) -> bool) -> Result<Option<usize>, FieldFault> {
    let mut octets = value.iter().enumerate();
    while let Some((position, octet)) = octets.next() {
        if *octet == b'\\' {
            // The obsolete quoted-pair of a CR or LF (RFC 5322 section 4.1) looks like the end of the field.
            if octets.next().is_some_and(|(_, escaped)| matches!(escaped, b'\r' | b'\n')) {
                return Err(FieldFault::EscapedLineEnd);
            }
        } else if is_end(*octet) {
            return Ok(Some(position));
        }
    }
    Ok(None)
}
