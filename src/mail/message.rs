//! The octets of a mail, as the strict reader took them off the wire.
//!
//! The header is held apart, contiguous and as its reader sees it, because it is judged and edited. All after
//! it is held just as it travels in DATA, dots stuffed, in the pieces in which it came: it goes on to SES
//! without being copied or scanned again.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// Below this many octets the next piece is copied behind the last one, so that a client that sends octet by
/// octet cannot make the list of pieces outweigh the message.
const PIECE_OCTETS_MIN: usize = 4096;

/// A message: CRLF line ends only, no NUL, no bare CR, no bare LF.
#[derive(Debug, Clone)]
pub struct Message {
    header: Bytes,
    body: Body,
}

/// All that follows the header block, the empty line included, dot-stuffed (RFC 5321 section 4.5.2).
#[derive(Debug, Clone, Default)]
pub struct Body {
    pieces: Vec<Bytes>,
    octets_stuffed: usize,
    octets: usize,
}

/// Collects a [`Body`] while it arrives.
#[derive(Debug, Default)]
pub struct BodyBuilder {
    done: Vec<Bytes>,
    last: BytesMut,
    octets_stuffed: usize,
    dots_stuffed: usize,
}

impl Message {
    /// INVARIANT: the caller has seen to it that both hold CRLF line ends only, that `header` is empty or ends
    /// with CRLF and holds no empty line, and that `body` is empty or begins with one.
    pub fn new(header: Bytes, body: Body) -> Self {
        Self { header, body }
    }

    /// The header block without the empty line that ends it, unstuffed.
    pub fn header(&self) -> &Bytes {
        &self.header
    }

    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The size of the message as its reader sees it: header, empty line and body, dots unstuffed.
    pub fn octets(&self) -> usize {
        self.header.len() + self.body.octets()
    }
}

impl Body {
    /// The octets as they go into DATA.
    pub fn stuffed(&self) -> &[Bytes] {
        &self.pieces
    }

    pub fn octets_stuffed(&self) -> usize {
        self.octets_stuffed
    }

    /// The size without the stuffed dots.
    pub fn octets(&self) -> usize {
        self.octets
    }
}

impl BodyBuilder {
    /// Appends octets off the wire, of whose dots `dots_stuffed` are there for transparency only.
    pub fn push(&mut self, piece: BytesMut, dots_stuffed: usize) {
        self.octets_stuffed += piece.len();
        self.dots_stuffed += dots_stuffed;
        let follows = self.last.as_ptr().wrapping_add(self.last.len()) == piece.as_ptr();
        if follows || self.last.len() < PIECE_OCTETS_MIN {
            // Joins in place when the piece is the next part of the same buffer, and copies it otherwise.
            self.last.unsplit(piece);
        } else {
            let full = std::mem::replace(&mut self.last, piece);
            self.done.push(full.freeze());
        }
    }

    pub fn octets_stuffed(&self) -> usize {
        self.octets_stuffed
    }

    pub fn finish(mut self) -> Body {
        if !self.last.is_empty() {
            self.done.push(self.last.freeze());
        }
        Body {
            pieces: self.done,
            octets_stuffed: self.octets_stuffed,
            octets: self.octets_stuffed.saturating_sub(self.dots_stuffed),
        }
    }
}

impl From<&[u8]> for Message {
    /// Splits a whole message at its first empty line: for files and tests, never for the wire.
    fn from(octets: &[u8]) -> Self {
        let header_end = if octets.starts_with(b"\r\n") {
            0
        } else {
            memmem::find(octets, b"\r\n\r\n").map_or(octets.len(), |at| at + 2)
        };
        let (header, rest) = octets.split_at(header_end);
        let mut stuffed = BytesMut::with_capacity(rest.len());
        let mut dots_stuffed = 0;
        for line in rest.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                stuffed.extend_from_slice(b".");
                dots_stuffed += 1;
            }
            stuffed.extend_from_slice(line);
        }
        let mut body = BodyBuilder::default();
        body.push(stuffed, dots_stuffed);
        Self::new(Bytes::copy_from_slice(header), body.finish())
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{BodyBuilder, Message};

    #[test]
    fn a_message_is_split_at_its_first_empty_line() {
        let message = Message::from(&b"From: a@example.com\r\n\r\n.hidden\r\n\r\nbye\r\n"[..]);
        assert_eq!(message.header(), "From: a@example.com\r\n");
        assert_eq!(message.body().stuffed().concat(), b"\r\n..hidden\r\n\r\nbye\r\n");
        assert_eq!(message.octets(), 39);
    }

    #[test]
    fn pieces_of_one_buffer_are_joined_without_a_copy() {
        let mut buffer = BytesMut::from(&[b'x'; 10_000][..]);
        let start = buffer.as_ptr();
        let mut body = BodyBuilder::default();
        while !buffer.is_empty() {
            let piece = buffer.split_to(1.max(buffer.len() / 2));
            body.push(piece, 0);
        }
        let body = body.finish();
        assert_eq!(body.stuffed().len(), 1);
        assert_eq!(body.stuffed()[0].as_ptr(), start);
    }

    #[test]
    fn small_pieces_of_many_buffers_are_gathered() {
        let mut body = BodyBuilder::default();
        for _ in 0..100_000 {
            body.push(BytesMut::from(&b"x"[..]), 0);
        }
        let body = body.finish();
        assert_eq!(body.octets(), 100_000);
        assert!(body.stuffed().len() < 100, "{} pieces", body.stuffed().len());
    }
}
