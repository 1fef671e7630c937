//! Text patterns: `*`, `?` and policy variables, compiled once and matched in time linear in pattern and value.
//!
//! `*` stands for any text, also none, and crosses `/`, `@` and `.` alike; `?` for one character. There are no
//! character classes and no escapes but `${*}`, `${?}` and `${$}`. What a variable brings in is literal text,
//! never a pattern.

use crate::policy::context::{Context, Values};
use crate::policy::key::KeyName;
use crate::policy::survey::{Glob, Token};

/// Whether `${…}` is a variable: in documents of version 2012-10-17, else it is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    Expanded,
    Literal,
}

/// Whether `*` and `?` stand for other text: not in `StringEquals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wildcards {
    Live,
    Literal,
}

/// Whether letters of either case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    Matters,
    Ignored,
}

/// A pattern for text, compiled.
#[derive(Debug, Clone)]
pub struct Pattern {
    shape: Shape,
    case: Case,
}

/// A part that every text has that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook<'p> {
    /// All of it.
    Text(&'p str),
    /// What [`mailbox_of`] it is.
    Mailbox(&'p str),
    /// What [`domain_of`] it is.
    Domain(&'p str),
}

/// An address up to its first `@`, which is the same for every text that begins alike up to there.
pub fn mailbox_of(text: &str) -> Option<&str> {
    text.get(..=text.find('@')?)
}

/// An address from its last `@` on, which is the same for every text that ends alike from there.
pub fn domain_of(text: &str) -> Option<&str> {
    text.get(text.rfind('@')?..)
}

/// Why a variable cannot be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableProblem {
    /// The `${` begins no variable.
    Malformed,
    /// The key holds several values, and a text has place for one.
    Multivalued,
}

/// The commonest shapes stand by themselves, for speed.
#[derive(Debug, Clone)]
enum Shape {
    /// One text and no other.
    Literal(Box<str>),
    /// `*@example.com`, and `*`
    Suffix(Box<str>),
    /// `identity/*`
    Prefix(Box<str>),
    /// Chunks with a `*` between each two.
    Chunks(Box<[Box<[Part]>]>),
}

/// A piece of a chunk.
#[derive(Debug, Clone)]
enum Part {
    Literal(Box<str>),
    AnyCharacter,
    Variable(Variable),
}

#[derive(Debug, Clone)]
struct Variable {
    key: KeyName,
    default: Option<Box<str>>,
}

impl Pattern {
    pub fn new(
        text: &str,
        variables: Variables,
        wildcards: Wildcards,
        case: Case,
    ) -> Result<Self, VariableProblem> {
        if !text.contains(['*', '?', '$']) {
            return Ok(Self { shape: Shape::Literal(text.into()), case });
        }
        let mut builder = Builder { chunks: Vec::new(), parts: Vec::new(), literal: String::new() };
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            match (character, wildcards, variables) {
                ('*', Wildcards::Live, _) => builder.end_chunk(),
                ('?', Wildcards::Live, _) => builder.push(Part::AnyCharacter),
                ('$', _, Variables::Expanded) if rest.starts_with("${") => {
                    rest = builder.variable(rest)?;
                    continue;
                }
                _ => builder.literal.push(character),
            }
            rest = after_first(rest).unwrap_or_default();
        }
        builder.end_chunk();
        Ok(Self { shape: Shape::new(builder.chunks), case })
    }

    /// The text, if this matches no other.
    pub fn as_literal(&self) -> Option<&str> {
        match (&self.shape, self.case) {
            (Shape::Literal(text), Case::Matters) => Some(text),
            _ => None,
        }
    }

    /// The end that matches whatever stands before it, if that is all of this.
    pub fn as_suffix(&self) -> Option<&str> {
        match (&self.shape, self.case) {
            (Shape::Suffix(text), Case::Matters) => Some(text),
            _ => None,
        }
    }

    /// A word by which all that this matches can be looked up.
    pub fn hook(&self) -> Option<Hook<'_>> {
        if self.case == Case::Ignored {
            return None;
        }
        let (first, last) = match &self.shape {
            Shape::Literal(text) => return Some(Hook::Text(text)),
            Shape::Suffix(text) => (None, Some(&**text)),
            Shape::Prefix(text) => (Some(&**text), None),
            Shape::Chunks(chunks) => {
                let first = chunks.first().and_then(|chunk| chunk.first());
                let last = chunks.last().and_then(|chunk| chunk.last());
                (first.and_then(Part::text), last.and_then(Part::text))
            }
        };
        let domain = last.and_then(domain_of).map(Hook::Domain);
        domain.or_else(|| first.and_then(mailbox_of).map(Hook::Mailbox))
    }

    /// The keys of the variables in this.
    pub fn variables(&self) -> impl Iterator<Item = &KeyName> {
        let chunks: &[Box<[Part]>] = match &self.shape {
            Shape::Chunks(chunks) => chunks,
            Shape::Literal(_) | Shape::Suffix(_) | Shape::Prefix(_) => &[],
        };
        chunks.iter().flat_map(|chunk| chunk.iter()).filter_map(|part| match part {
            Part::Variable(variable) => Some(&variable.key),
            Part::Literal(_) | Part::AnyCharacter => None,
        })
    }

    /// Written out, each variable as its value; without a value there is nothing to match.
    pub fn glob(&self, context: &Context<'_>) -> Option<Glob> {
        let mut tokens = Vec::new();
        match &self.shape {
            Shape::Literal(text) => tokens.extend(text.chars().map(Token::Character)),
            Shape::Suffix(text) => {
                tokens.push(Token::AnyText);
                tokens.extend(text.chars().map(Token::Character));
            }
            Shape::Prefix(text) => {
                tokens.extend(text.chars().map(Token::Character));
                tokens.push(Token::AnyText);
            }
            Shape::Chunks(chunks) => {
                for (index, chunk) in chunks.iter().enumerate() {
                    tokens.extend((index > 0).then_some(Token::AnyText));
                    for part in chunk {
                        match part {
                            Part::Literal(text) => tokens.extend(text.chars().map(Token::Character)),
                            Part::AnyCharacter => tokens.push(Token::AnyCharacter),
                            Part::Variable(variable) => {
                                tokens.extend(variable.value(context)?.chars().map(Token::Character));
                            }
                        }
                    }
                }
            }
        }
        Some(Glob { tokens, case: self.case })
    }

    /// A variable without a value matches nothing.
    pub fn matches(&self, text: &str, context: &Context<'_>) -> bool {
        match &self.shape {
            Shape::Literal(literal) => self.case.strip_prefix(text, literal) == Some(""),
            Shape::Prefix(literal) => self.case.strip_prefix(text, literal).is_some(),
            Shape::Suffix(literal) => self.case.strip_suffix(text, literal).is_some(),
            Shape::Chunks(chunks) => self.matches_chunks(chunks, text, context),
        }
    }

    /// The ends are fixed first; what is between two `*` is then taken where it first occurs, since a later
    /// place would leave less for the rest. So nothing is ever tried twice.
    fn matches_chunks(&self, chunks: &[Box<[Part]>], text: &str, context: &Context<'_>) -> bool {
        let Some((first, others)) = chunks.split_first() else { return false };
        let Some(rest) = self.strip_start(first, text, context) else { return false };
        let Some((last, between)) = others.split_last() else { return rest.is_empty() };
        let Some(mut rest) = self.strip_end(last, rest, context) else { return false };
        for chunk in between {
            let Some(after) = self.find(chunk, rest, context) else { return false };
            rest = after;
        }
        true
    }

    /// What follows the first place where the chunk stands.
    fn find<'t>(&self, chunk: &[Part], text: &'t str, context: &Context<'_>) -> Option<&'t str> {
        let mut rest = text;
        loop {
            if let Some(after) = self.strip_start(chunk, rest, context) {
                return Some(after);
            }
            rest = after_first(rest)?;
        }
    }

    fn strip_start<'t>(&self, chunk: &[Part], text: &'t str, context: &Context<'_>) -> Option<&'t str> {
        chunk.iter().try_fold(text, |rest, part| match part {
            Part::Literal(literal) => self.case.strip_prefix(rest, literal),
            Part::AnyCharacter => after_first(rest),
            Part::Variable(variable) => self.case.strip_prefix(rest, variable.value(context)?),
        })
    }

    fn strip_end<'t>(&self, chunk: &[Part], text: &'t str, context: &Context<'_>) -> Option<&'t str> {
        chunk.iter().rev().try_fold(text, |rest, part| match part {
            Part::Literal(literal) => self.case.strip_suffix(rest, literal),
            Part::AnyCharacter => {
                let mut characters = rest.chars();
                characters.next_back().map(|_| characters.as_str())
            }
            Part::Variable(variable) => self.case.strip_suffix(rest, variable.value(context)?),
        })
    }
}

impl Part {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::AnyCharacter | Self::Variable(_) => None,
        }
    }
}

impl Shape {
    fn new(chunks: Vec<Box<[Part]>>) -> Self {
        let texts: Vec<&[Part]> = chunks.iter().map(|chunk| &**chunk).collect();
        match texts.as_slice() {
            [[Part::Literal(text)]] => Self::Literal(text.clone()),
            [[], []] => Self::Suffix(Box::default()),
            [[], [Part::Literal(text)]] => Self::Suffix(text.clone()),
            [[Part::Literal(text)], []] => Self::Prefix(text.clone()),
            _ => Self::Chunks(chunks.into_boxed_slice()),
        }
    }
}

impl Case {
    pub fn is_same(self, one: char, other: char) -> bool {
        one == other || (self == Self::Ignored && is_same(one, other))
    }

    fn strip_prefix<'t>(self, text: &'t str, literal: &str) -> Option<&'t str> {
        match self {
            Self::Matters => text.strip_prefix(literal),
            Self::Ignored => {
                let mut characters = text.chars();
                let begins =
                    literal.chars().all(|wanted| characters.next().is_some_and(|one| is_same(one, wanted)));
                begins.then_some(characters.as_str())
            }
        }
    }

    fn strip_suffix<'t>(self, text: &'t str, literal: &str) -> Option<&'t str> {
        match self {
            // Addresses differ at the @ and agree at the end: look there before comparing all.
            Self::Matters => {
                let start = text.len().checked_sub(literal.len())?;
                let may_end = literal.is_empty() || text.as_bytes().get(start) == literal.as_bytes().first();
                if may_end { text.strip_suffix(literal) } else { None }
            }
            Self::Ignored => {
                let mut characters = text.chars();
                let mut wanted = literal.chars().rev();
                let ends =
                    wanted.all(|wanted| characters.next_back().is_some_and(|one| is_same(one, wanted)));
                ends.then_some(characters.as_str())
            }
        }
    }
}

impl Variable {
    /// Only a single value can stand in a text.
    fn value<'c>(&'c self, context: &'c Context<'_>) -> Option<&'c str> {
        match context.values(&self.key) {
            Some(Values::One(value)) => Some(value.as_str()),
            Some(Values::Many(_)) | None => self.default.as_deref(),
        }
    }
}

struct Builder {
    chunks: Vec<Box<[Part]>>,
    parts: Vec<Part>,
    literal: String,
}

impl Builder {
    fn push(&mut self, part: Part) {
        self.end_literal();
        self.parts.push(part);
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            let literal = std::mem::take(&mut self.literal).into_boxed_str();
            self.parts.push(Part::Literal(literal));
        }
    }

    fn end_chunk(&mut self) {
        self.end_literal();
        self.chunks.push(std::mem::take(&mut self.parts).into_boxed_slice());
    }

    /// Reads a variable at the start of the text and returns what follows it.
    fn variable<'t>(&mut self, text: &'t str) -> Result<&'t str, VariableProblem> {
        let inner = text.strip_prefix("${").ok_or(VariableProblem::Malformed)?;
        for special in ["*", "?", "$"] {
            if let Some(after) = inner.strip_prefix(special).and_then(|rest| rest.strip_prefix('}')) {
                self.literal.push_str(special);
                return Ok(after);
            }
        }
        let end = inner.find(['}', ',', '{', '\'']).ok_or(VariableProblem::Malformed)?;
        let (name, rest) = inner.split_at_checked(end).ok_or(VariableProblem::Malformed)?;
        let (default, after) = if let Some(after) = rest.strip_prefix('}') {
            (None, after)
        } else {
            let quoted =
                rest.strip_prefix(',').and_then(|rest| rest.trim_start_matches(' ').strip_prefix('\''));
            let (default, after) =
                quoted.and_then(|rest| rest.split_once("'}")).ok_or(VariableProblem::Malformed)?;
            (Some(default.into()), after)
        };
        let name = name.trim_matches(' ');
        if name.is_empty() {
            return Err(VariableProblem::Malformed);
        }
        let key = KeyName::new(name);
        if key.is_multivalued() {
            return Err(VariableProblem::Multivalued);
        }
        self.push(Part::Variable(Variable { key, default }));
        Ok(after)
    }
}

fn after_first(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next().map(|_| characters.as_str())
}

fn is_same(one: char, other: char) -> bool {
    one == other || one.to_lowercase().eq(other.to_lowercase())
}
