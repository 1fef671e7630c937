//! What SES says: one answer of RFC 5321 section 4.2, taken off the wire strictly and within bounds.
//!
//! lettre's parser is not used for it: it knows no code beyond x5x and has no bound. What an answer means is
//! not decided here but in `outcome`.

use std::fmt;

use bytes::{Buf as _, BytesMut};
use memchr::memchr;

use crate::upstream::plain_text;

/// SES says a line; the longest answer, to EHLO, is some hundred octets.
const ANSWER_OCTETS_MAX: usize = 16 * 1024;
/// A message id of SES has 60 octets.
const MESSAGE_ID_OCTETS_MAX: usize = 128;
/// What the answer to the final dot says before the message id: SES, and Postfix as a stand-in for it.
const MESSAGE_ID_LEADS: [&str; 2] = ["Ok: queued as ", "Ok "];

/// A code and at least one line of text, which may be empty. The text is SES's and may name addresses,
/// accounts and users: see [`Answer::public_text`] and [`Answer::log_text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    code: u16,
    lines: Vec<String>,
}

/// The first digit of a code, as RFC 5321 section 4.2.1 reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Positive,
    Intermediate,
    Transient,
    Permanent,
}

/// SES's name for a mail that it took: an opaque word of letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Box<str>);

/// Why octets are not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("the answer is longer than 16 kB")]
    TooLong,
    #[error("a line of the answer does not begin with a code of three digits")]
    Code,
    #[error("the lines of the answer bear different codes")]
    MixedCodes,
    #[error("a line of the answer does not end with CRLF")]
    LineEnd,
}

impl Answer {
    /// Takes a whole answer off the front of `unread`, or nothing while its last line is still to come.
    pub(super) fn take(unread: &mut BytesMut) -> Result<Option<Self>, AnswerError> {
        let mut rest: &[u8] = unread;
        let mut first_code = None;
        let mut lines = Vec::new();
        while let Some(line_feed) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(line_feed + 1);
            rest = after;
            let line = line.strip_suffix(b"\r\n").ok_or(AnswerError::LineEnd)?;
            let (code, is_last, text) = split_line(line)?;
            if *first_code.get_or_insert(code) != code {
                return Err(AnswerError::MixedCodes);
            }
            lines.push(String::from_utf8_lossy(text).into_owned());
            let taken = unread.len() - rest.len();
            if taken > ANSWER_OCTETS_MAX {
                break;
            }
            if is_last {
                unread.advance(taken);
                return Ok(Some(Self { code, lines }));
            }
        }
        if unread.len() > ANSWER_OCTETS_MAX { Err(AnswerError::TooLong) } else { Ok(None) }
    }

    /// An answer that did not come over SMTP.
    #[cfg(feature = "aws")]
    pub(super) fn worded(code: u16, text: String) -> Self {
        Self { code, lines: vec![text] }
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    pub fn class(&self) -> Class {
        match self.code {
            ..300 => Class::Positive,
            300..400 => Class::Intermediate,
            400..500 => Class::Transient,
            500.. => Class::Permanent,
        }
    }

    /// The text of each line, without the code.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Subject and detail of an enhanced status code (RFC 2034), if the text begins with one of this class.
    pub fn enhanced(&self) -> Option<(u16, u16)> {
        self.split_enhanced().0
    }

    /// One line for the client whose mail was refused: SES's words in printable ASCII, bounded, less ARNs,
    /// account numbers and user names, and without code and enhanced code.
    pub fn public_text(&self) -> String {
        plain_text::without_account(&self.text())
    }

    /// One line for the log: SES's words in printable ASCII, bounded, less mail addresses.
    pub fn log_text(&self) -> String {
        plain_text::without_addresses(&self.lines.join(" "))
    }

    pub(super) fn without_text(self) -> Self {
        Self { lines: vec![String::new()], ..self }
    }

    /// A text of SES is looked for in any case of letters, in all lines together.
    pub(super) fn says(&self, words: &str) -> bool {
        self.lines.join(" ").to_ascii_lowercase().contains(&words.to_ascii_lowercase())
    }

    /// The message id of a mail's acceptance, which `250 Ok` alone is not.
    pub(super) fn message_id(&self) -> Option<MessageId> {
        let [line] = self.lines.as_slice() else { return None };
        let (_, text) = split_enhanced(line, self.code);
        let id = MESSAGE_ID_LEADS.iter().find_map(|lead| {
            let (start, id) = text.split_at_checked(lead.len())?;
            start.eq_ignore_ascii_case(lead).then_some(id)
        })?;
        let is_word = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (is_word && (1..=MESSAGE_ID_OCTETS_MAX).contains(&id.len())).then(|| MessageId(id.into()))
    }

    fn text(&self) -> String {
        let (_, first) = self.split_enhanced();
        let rest = self.lines.iter().skip(1).map(|line| split_enhanced(line, self.code).1);
        std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" ")
    }

    fn split_enhanced(&self) -> (Option<(u16, u16)>, &str) {
        split_enhanced(self.lines.first().map_or("", String::as_str), self.code)
    }
}

impl MessageId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The answer as a log may show it, without mail addresses.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", format!("{} {}", self.code, self.log_text()).trim_end())
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Code, whether no line follows, and text. RFC 5321 section 4.2 lets a last line be a bare code.
fn split_line(line: &[u8]) -> Result<(u16, bool, &[u8]), AnswerError> {
    let (code, rest) = line.split_first_chunk::<3>().ok_or(AnswerError::Code)?;
    if !code.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&code[0]) {
        return Err(AnswerError::Code);
    }
    let number = code.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Ok((number, true, rest)),
        Some((b' ', text)) => Ok((number, true, text)),
        Some((b'-', text)) => Ok((number, false, text)),
        Some(_) => Err(AnswerError::Code),
    }
}

fn split_enhanced(line: &str, code: u16) -> (Option<(u16, u16)>, &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut numbers = word.split('.').map(|number| {
        let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { number.parse::<u16>().ok() } else { None }
    });
    match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (Some(Some(class)), Some(Some(subject)), Some(Some(detail)), None) if class == code / 100 => {
            (Some((subject, detail)), rest)
        }
        _ => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{Answer, AnswerError};

    fn take(octets: &[u8]) -> Result<Option<Answer>, AnswerError> {
        Answer::take(&mut BytesMut::from(octets))
    }

    #[test]
    fn an_answer_is_taken_whole_and_what_follows_stays() {
        let mut unread = BytesMut::from(&b"250-one\r\n250-\r\n250 two\r\n451 4.4.2 bye\r\n"[..]);
        let answer = Answer::take(&mut unread).unwrap().unwrap();
        assert_eq!(
            (answer.code(), answer.lines()),
            (250, &["one".to_owned(), String::new(), "two".to_owned()][..])
        );
        let answer = Answer::take(&mut unread).unwrap().unwrap();
        assert_eq!((answer.code(), answer.enhanced(), answer.text().as_str()), (451, Some((4, 2)), "bye"));
        assert!(unread.is_empty());
    }

    #[test]
    fn an_answer_is_awaited_until_its_last_line_ends() {
        for cut in ["", "2", "250", "250 Ok", "250 Ok\r", "250-Ok\r\n", "250-Ok\r\n250 "] {
            assert_eq!(take(cut.as_bytes()), Ok(None), "{cut:?}");
        }
        assert_eq!(take(b"571\r\n").unwrap().unwrap().code(), 571);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let endless = [&b"250 "[..], &vec![b'x'; 20_000]].concat();
        let many_lines = b"250-again\r\n".repeat(2_000);
        for (octets, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], AnswerError::Code),
            (b"\r\n", AnswerError::Code),
            (b"25 Ok\r\n", AnswerError::Code),
            (b"2500k\r\n", AnswerError::Code),
            (b"150 Ok\r\n", AnswerError::Code),
            (b"650 Ok\r\n", AnswerError::Code),
            (b"250 Ok\n", AnswerError::LineEnd),
            (b"250-Ok\r\n354 Go\r\n", AnswerError::MixedCodes),
            (&endless, AnswerError::TooLong),
            (&many_lines, AnswerError::TooLong),
        ] {
            assert_eq!(take(octets), Err(expected));
        }
    }

    #[test]
    fn only_an_answer_with_a_message_id_is_acceptance() {
        for (line, expected) in [
            ("250 Ok 0106019dec617b98-6d1f-000000", Some("0106019dec617b98-6d1f-000000")),
            ("250 2.0.0 Ok: queued as 4Bx1kT2pYz", Some("4Bx1kT2pYz")),
            ("250 Ok", None),
            ("250 Ok ", None),
            ("250 Ok later perhaps", None),
            ("250 Okay-0106", None),
            ("250 Ok <0106@example.com>", None),
            ("250-Ok 0106\r\n250 Ok", None),
        ] {
            let answer = take(format!("{line}\r\n").as_bytes()).unwrap().unwrap();
            assert_eq!(answer.message_id().as_ref().map(super::MessageId::as_str), expected, "{line}");
        }
    }
}
