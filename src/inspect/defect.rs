//! Why a header is refused: what is wrong, and where, for the one who must mend it.
//!
//! Every text is one line of printable ASCII, bounded, so that it can stand in a reply.

use std::fmt;

use crate::mail::AddressError;

/// As much of what the client wrote is shown, so that a defect with two excerpts fits a reply line (RFC 5321
/// section 4.5.3.1.5).
const EXCERPT_OCTETS_MAX: usize = 64;

/// Why a header has no reading that all readers share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    #[error("line {line} of the header holds a carriage return that ends no line")]
    BareCarriageReturn { line: usize },
    #[error("line {line} of the header ends with a line feed alone")]
    BareLineFeed { line: usize },
    #[error("line {line} of the header has no line end")]
    UnendedLine { line: usize },
    #[error("line {line} of the header is empty")]
    EmptyLine { line: usize },
    #[error("line {line} of the header is longer than {octets_max} octets")]
    LineTooLong { line: usize, octets_max: usize },
    #[error("line {line} of the header holds the control character U+{:04X}", u32::from(*.character))]
    ControlCharacter { line: usize, character: char },
    #[error("line {line} of the header is not valid UTF-8")]
    NotUtf8 { line: usize },
    #[error("the header begins with a folded line")]
    FoldedFirstLine,
    #[error("line {line} of the header is a fold of white space only")]
    BlankFold { line: usize },
    #[error("line {line} of the header has no colon")]
    NoColon { line: usize },
    #[error("line {line} of the header has white space before the colon")]
    SpaceBeforeColon { line: usize },
    #[error("line {line} of the header has the field name `{name}`, which is empty or not printable ASCII")]
    FieldName { line: usize, name: Excerpt },
    #[error("the header has more than {fields_max} fields")]
    TooManyFields { fields_max: usize },
    #[error("the header has more than {addresses_max} addresses")]
    TooManyAddresses { addresses_max: usize },
    #[error("the header has more than {received_max} Received fields, so the mail goes in circles")]
    TooManyHops { received_max: usize },
    #[error("the header has no From field")]
    NoFrom,
    #[error("line {line} of the header has a second {field} field")]
    Repeated { line: usize, field: Excerpt },
    #[error("line {line} of the header can be read as more than one field")]
    FieldsDisputed { line: usize },
    #[error("the {field} field in line {line} of the header: {fault}")]
    Field { line: usize, field: Excerpt, fault: FieldFault },
}

/// Why a field has no reading that all readers share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldFault {
    #[error("it names nobody")]
    NoAddress,
    #[error("it names more than one address")]
    ManyAddresses,
    #[error("a comma has no address beside it")]
    EmptyElement,
    #[error("a `:` begins a group, and an address must stand there; put a display name with a `:` in quotes")]
    Group,
    #[error("a `:` begins a group where none can be; put a display name with a `:` in quotes")]
    GroupMisplaced,
    #[error("a group does not end with `;`")]
    GroupOpen,
    #[error("a `;` ends no group; addresses are separated by commas")]
    GroupEndMisplaced,
    #[error("a `{opening}` is not closed")]
    Unclosed { opening: char },
    #[error("a `{character}` stands outside quotes; put the display name in quotes")]
    Special { character: char },
    #[error("a `\\` stands before a line end")]
    EscapedLineEnd,
    #[error("`{text}` stands beside what goes before it without a space")]
    RunTogether { text: Excerpt },
    #[error("`{text}` stands before an address that has no angle brackets")]
    TextBeforeAddress { text: Excerpt },
    #[error("`{text}` stands behind an address without a comma")]
    TextBehindAddress { text: Excerpt },
    #[error("a comment stands before an address; it may stand behind one only")]
    CommentBeforeAddress,
    #[error("a comment holds `@`, `<` or `>`")]
    CommentHoldsAddress,
    #[error("it has a display name and a comment, and readers differ in which they show")]
    NameAndComment,
    #[error("`{text}` is neither an address nor a display name before one")]
    NotAnAddress { text: Excerpt },
    #[error("`{text}` is not a plain address: {error}")]
    Address { text: Excerpt, error: AddressError },
    #[error("`{text}` holds an encoded word inside an address")]
    EncodedAddress { text: Excerpt },
    #[error("another reader sees other addresses in it")]
    AddressesDisputed,
    #[error("`{text}` is not a whole encoded word (RFC 2047)")]
    EncodedWord { text: Excerpt },
    #[error("`{charset}` is not a charset that encoded words are taken in")]
    Charset { charset: Excerpt },
    #[error("`{text}` does not decode as its charset and encoding say")]
    EncodedText { text: Excerpt },
    #[error("an encoded word decodes to another encoded word")]
    NestedEncodedWord,
    #[error("encoded words spell an address in a display name")]
    EncodedNameAddress,
    #[error("a display name holds the character U+{:04X}", u32::from(*.character))]
    NameCharacter { character: char },
    #[error("a display name is longer than {octets_max} octets")]
    NameTooLong { octets_max: usize },
    #[error("its value is not printable ASCII")]
    NotAscii,
    #[error("`{name}` is not the name of a configuration set")]
    ConfigurationSetName { name: Excerpt },
}

/// Some of what the client wrote, made fit to be shown: printable ASCII, bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    pub fn new(text: &str) -> Self {
        let mut shown = String::new();
        for character in text.chars() {
            if shown.len() >= EXCERPT_OCTETS_MAX {
                shown.push_str("...");
                break;
            }
            match character {
                ' '..='~' => shown.push(character),
                _ => shown.extend(character.escape_unicode()),
            }
        }
        Self(shown)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
