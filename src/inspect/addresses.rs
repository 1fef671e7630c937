//! The address fields of RFC 5322 section 3.4, read strictly: what can be read in two ways is refused.
//!
//! This reader is the authority; `second_reader` must come to the same addresses. Beyond the letter it takes
//! what honest clients write: empty elements in a list, an empty list, dots and UTF-8 in an unquoted name.

use std::borrow::Cow;

use crate::inspect::defect::{Excerpt, FieldFault};
use crate::inspect::display_name::DisplayName;
use crate::inspect::encoded_word;
use crate::inspect::lexer::{Lexeme, Lexer, Token};
use crate::mail::{Address, AddressError};

/// What an address field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// From, Sender, Resent-Sender: one mailbox. (RFC 5322 lets From name several; SES does not.)
    Sender,
    /// Resent-From: one mailbox or more.
    Senders,
    /// To, Cc, Bcc, Reply-To: mailboxes and groups, or nothing.
    List,
}

/// One address of a field, and how it stands there.
#[derive(Debug, Clone)]
pub(super) struct Mailbox<'h> {
    /// The very octets of the field.
    pub(super) text: &'h str,
    pub(super) address: Address,
    pub(super) display_name: Option<String>,
    pub(super) comment: Option<String>,
}

/// Reads the value of an address field.
pub(super) fn read(value: &str, shape: Shape) -> Result<Vec<Mailbox<'_>>, FieldFault> {
    let mut list = List { shape, place: Place::Open, element: Element::default(), mailboxes: Vec::new() };
    for lexeme in Lexer::new(value) {
        list.take(lexeme?)?;
    }
    list.finish()
}

impl Shape {
    pub(super) fn names_a_sender(self) -> bool {
        match self {
            Self::Sender | Self::Senders => true,
            Self::List => false,
        }
    }
}

/// The list while it is read.
#[derive(Debug)]
struct List<'h> {
    shape: Shape,
    place: Place,
    element: Element<'h>,
    mailboxes: Vec<Mailbox<'h>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Open,
    InGroup,
    /// Between the `;` of a group and the next comma.
    BehindGroup,
}

/// What stands between two commas.
#[derive(Debug, Default)]
struct Element<'h> {
    phrase: Option<DisplayName>,
    address: Option<&'h str>,
    comments: Vec<String>,
    last: Option<Part<'h>>,
}

/// What came last in an element.
#[derive(Debug, Clone, Copy)]
enum Part<'h> {
    Word(&'h str),
    Quoted(&'h str),
    Comment,
}

impl<'h> List<'h> {
    fn take(&mut self, lexeme: Lexeme<'h>) -> Result<(), FieldFault> {
        match (lexeme.token, self.place) {
            (Token::Word(text) | Token::Quoted(text) | Token::Angle(text), Place::BehindGroup) => {
                Err(FieldFault::TextBehindAddress { text: Excerpt::new(text) })
            }
            (Token::Comment(text), Place::BehindGroup) => comment(text, self.shape).map(|_| ()),
            (Token::Comment(text), Place::Open | Place::InGroup) => {
                self.element.take_comment(text, self.shape)
            }
            (Token::Word(text), _) if holds(text, b'@') => self.element.take_bare_address(text, lexeme),
            (Token::Word(text), _) => self.element.take_word(text, lexeme),
            (Token::Quoted(text), _) => self.element.take_quoted(text, lexeme),
            (Token::Angle(text), _) => self.element.take_address(text),
            (Token::Colon, _) => self.begin_group(),
            (Token::Comma, Place::BehindGroup) => {
                self.place = Place::Open;
                Ok(())
            }
            (Token::Comma, Place::Open | Place::InGroup) => self.end_element(),
            (Token::Semicolon, Place::InGroup) => {
                self.place = Place::BehindGroup;
                self.end_element()
            }
            (Token::Semicolon, Place::Open | Place::BehindGroup) => Err(FieldFault::GroupEndMisplaced),
        }
    }

    fn begin_group(&mut self) -> Result<(), FieldFault> {
        if self.shape.names_a_sender() {
            return Err(FieldFault::Group);
        }
        let element = std::mem::take(&mut self.element);
        match (self.place, element.phrase, element.address) {
            (Place::Open, Some(name), None) => {
                name.finish(self.shape)?;
                self.place = Place::InGroup;
                Ok(())
            }
            _ => Err(FieldFault::GroupMisplaced),
        }
    }

    fn end_element(&mut self) -> Result<(), FieldFault> {
        let element = std::mem::take(&mut self.element);
        let Some(text) = element.address else {
            return match (element.last, self.shape) {
                (None, Shape::List) => Ok(()),
                (None, Shape::Sender | Shape::Senders) if self.mailboxes.is_empty() => {
                    Err(FieldFault::NoAddress)
                }
                (None, Shape::Sender | Shape::Senders) => Err(FieldFault::EmptyElement),
                (Some(part), _) => Err(FieldFault::NotAnAddress { text: part.excerpt() }),
            };
        };
        let address =
            Address::parse(text).map_err(|error| FieldFault::Address { text: Excerpt::new(text), error })?;
        let display_name = element.phrase.unwrap_or_default().finish(self.shape)?;
        let comment = (!element.comments.is_empty()).then(|| element.comments.join(" "));
        self.mailboxes.push(Mailbox { text, address, display_name, comment });
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Mailbox<'h>>, FieldFault> {
        if self.place == Place::InGroup {
            return Err(FieldFault::GroupOpen);
        }
        self.end_element()?;
        if self.shape == Shape::Sender && self.mailboxes.len() > 1 {
            return Err(FieldFault::ManyAddresses);
        }
        Ok(self.mailboxes)
    }
}

impl<'h> Element<'h> {
    /// An address in angle brackets.
    fn take_address(&mut self, text: &'h str) -> Result<(), FieldFault> {
        if self.address.is_some() {
            return Err(FieldFault::TextBehindAddress { text: Excerpt::new(text) });
        }
        if encoded_word::opens_in(text) {
            return Err(FieldFault::EncodedAddress { text: Excerpt::new(text) });
        }
        self.address = Some(text);
        Ok(())
    }

    /// An address without angle brackets, before which nothing may stand.
    fn take_bare_address(&mut self, text: &'h str, lexeme: Lexeme<'h>) -> Result<(), FieldFault> {
        match self.last {
            Some(Part::Quoted(quoted)) if !lexeme.is_spaced && self.address.is_none() => {
                let text = Excerpt::new(&format!("\"{quoted}\"{text}"));
                Err(FieldFault::Address { text, error: AddressError::QuotedLocalPart })
            }
            Some(part) if self.address.is_none() => {
                Err(FieldFault::TextBeforeAddress { text: part.excerpt() })
            }
            Some(_) | None => self.take_address(text),
        }
    }

    fn take_word(&mut self, text: &'h str, lexeme: Lexeme<'h>) -> Result<(), FieldFault> {
        // RFC 5322 section 3.2.3 atext, the dots of the obsolete phrase, and RFC 6532's UTF-8.
        if let Some(special) = text.bytes().find(|octet| matches!(octet, b'[' | b']' | b'\\')) {
            return Err(FieldFault::Special { character: char::from(special) });
        }
        self.take_phrase(text, text, lexeme)?;
        self.last = Some(Part::Word(text));
        Ok(())
    }

    fn take_quoted(&mut self, text: &'h str, lexeme: Lexeme<'h>) -> Result<(), FieldFault> {
        self.take_phrase(text, &unescaped(text)?, lexeme)?;
        self.last = Some(Part::Quoted(text));
        Ok(())
    }

    fn take_phrase(&mut self, text: &'h str, meant: &str, lexeme: Lexeme<'h>) -> Result<(), FieldFault> {
        if self.address.is_some() {
            return Err(FieldFault::TextBehindAddress { text: Excerpt::new(text) });
        }
        match self.last {
            Some(Part::Word(_) | Part::Quoted(_)) if !lexeme.is_spaced => {
                Err(FieldFault::RunTogether { text: Excerpt::new(text) })
            }
            Some(_) | None => self.phrase.get_or_insert_default().push(meant),
        }
    }

    /// A comment behind an address or a display name.
    fn take_comment(&mut self, text: &str, shape: Shape) -> Result<(), FieldFault> {
        if self.address.is_none() && self.phrase.is_none() {
            return Err(FieldFault::CommentBeforeAddress);
        }
        self.comments.extend(comment(text, shape)?);
        self.last = Some(Part::Comment);
        Ok(())
    }
}

impl Part<'_> {
    fn excerpt(self) -> Excerpt {
        match self {
            Self::Word(text) | Self::Quoted(text) => Excerpt::new(text),
            Self::Comment => Excerpt::new("(...)"),
        }
    }
}

/// What a comment says, which to some readers is a name. Those that look for brackets or an `@` first would
/// find an address in it.
fn comment(text: &str, shape: Shape) -> Result<Option<String>, FieldFault> {
    if memchr::memchr3(b'@', b'<', b'>', text.as_bytes()).is_some() {
        return Err(FieldFault::CommentHoldsAddress);
    }
    let mut name = DisplayName::default();
    name.push(&unescaped(text)?)?;
    name.finish(shape)
}

/// The text without the backslashes of its quoted pairs (RFC 5322 section 3.2.1).
fn unescaped(text: &str) -> Result<Cow<'_, str>, FieldFault> {
    if !holds(text, b'\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut meant = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        meant.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    // Whether an escaped word is still an encoded one is anybody's guess.
    if encoded_word::opens_in(&meant) {
        return Err(FieldFault::EncodedWord { text: Excerpt::new(text) });
    }
    Ok(Cow::Owned(meant))
}

fn holds(text: &str, octet: u8) -> bool {
    memchr::memchr(octet, text.as_bytes()).is_some()
}
