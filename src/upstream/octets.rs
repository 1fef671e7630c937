//! The octets of a message on their way into DATA: the pieces in which it came, never copied together. Only the API
//! takes them as one.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

use crate::gate::PermittedMail;

/// How many pieces one write may take; systems refuse more than 1024.
const SLICES_MAX: usize = 64;
const END: &[u8] = b".\r\n";
const END_OF_LINE_AND_END: &[u8] = b"\r\n.\r\n";

/// What is still to be written, the final dot included.
#[derive(Debug)]
pub(super) struct Octets {
    pieces: VecDeque<Bytes>,
}

impl Octets {
    /// The message is stuffed already. RFC 5321 section 4.1.1.4: the dot stands on a line of its own, and the
    /// line end before it belongs to the message. Before an empty message it is the one that ended DATA.
    pub fn of(mail: &PermittedMail) -> Self {
        let whole = std::iter::once(mail.header()).chain(mail.body().stuffed());
        let mut pieces: VecDeque<Bytes> = whole.filter(|piece| !piece.is_empty()).cloned().collect();
        let mut tail = pieces.iter().rev().flat_map(|piece| piece.iter().rev());
        let is_ended = matches!((tail.next(), tail.next()), (Some(b'\n'), Some(b'\r')) | (None, None));
        pieces.push_back(Bytes::from_static(if is_ended { END } else { END_OF_LINE_AND_END }));
        Self { pieces }
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub fn clear(&mut self) {
        self.pieces.clear();
    }

    /// Whether [`slices`](Self::slices) shows everything, the final dot too.
    pub fn are_offered_whole(&self) -> bool {
        self.pieces.len() <= SLICES_MAX
    }

    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        self.pieces.iter().take(SLICES_MAX).map(|piece| IoSlice::new(piece)).collect()
    }

    /// Forgets the first `count` octets, which are written.
    pub fn advance(&mut self, mut count: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
    }
}

/// The whole message as its reader sees it.
#[cfg(feature = "aws")]
pub(super) fn unstuffed(mail: &PermittedMail) -> Vec<u8> {
    let mut octets = Vec::with_capacity(mail.header().len().saturating_add(mail.body().octets_stuffed()));
    append_unstuffed(&mut octets, std::iter::once(mail.header()).chain(mail.body().stuffed()));
    octets
}

/// RFC 5321 section 4.5.2: a line that begins with a dot travels with two.
#[cfg(feature = "aws")]
fn append_unstuffed<'p>(octets: &mut Vec<u8>, pieces: impl Iterator<Item = &'p Bytes>) {
    let mut begins_line = true;
    for mut piece in pieces.map(Bytes::as_ref) {
        while !piece.is_empty() {
            if begins_line {
                piece = piece.strip_prefix(b".").unwrap_or(piece);
            }
            let line_end = memchr::memmem::find(piece, b"\n.").map_or(piece.len(), |at| at.saturating_add(1));
            let (lines, rest) = piece.split_at(line_end);
            octets.extend_from_slice(lines);
            begins_line = lines.ends_with(b"\n");
            piece = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Octets;
    use crate::gate::PermittedMail;
    use crate::mail::Message;

    fn octets(message: &[u8]) -> Octets {
        Octets::of(&PermittedMail::for_tests("a@example.com", &["b@example.com"], &Message::from(message)))
    }

    fn joined(octets: &Octets) -> Vec<u8> {
        octets.slices().iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn the_dot_stands_on_a_line_of_its_own_and_adds_none() {
        for (message, expected) in [
            (&b""[..], &b".\r\n"[..]),
            (b"A: b\r\n", b"A: b\r\n.\r\n"),
            (b"A: b\r\n\r\n", b"A: b\r\n\r\n.\r\n"),
            (b"\r\n.hidden\r\n", b"\r\n..hidden\r\n.\r\n"),
            (b"A: b\r\n\r\nno line end", b"A: b\r\n\r\nno line end\r\n.\r\n"),
        ] {
            assert_eq!(joined(&octets(message)), expected);
        }
    }

    #[test]
    fn what_is_written_is_forgotten_piece_by_piece() {
        let mut octets = octets(b"A: b\r\n\r\nbody\r\n");
        octets.advance(4);
        assert_eq!(joined(&octets), b"\r\n\r\nbody\r\n.\r\n");
        octets.advance(10);
        assert_eq!(joined(&octets), b".\r\n");
        assert!(octets.are_offered_whole());
        octets.advance(3);
        assert!(octets.is_empty());
    }

    #[cfg(feature = "aws")]
    proptest::proptest! {
        #[test]
        fn what_is_unstuffed_is_what_was_stuffed(
            lines in proptest::collection::vec("[.a]{0,4}", 0..20),
            cuts in proptest::collection::vec(1..7_usize, 1..20),
        ) {
            let text = format!(".From: a\r\n\r\n{}\r\n", lines.join("\r\n"));
            let message = Message::from(text.as_bytes());
            let mut stuffed = bytes::Bytes::from(message.body().stuffed().concat());
            let mut cuts = cuts.into_iter().cycle();
            let mut pieces = Vec::new();
            while !stuffed.is_empty() {
                pieces.push(stuffed.split_to(cuts.next().unwrap().min(stuffed.len())));
            }
            let header = bytes::Bytes::from_static(b"..From: a\r\n");
            let mut whole = Vec::new();
            super::append_unstuffed(&mut whole, std::iter::once(&header).chain(&pieces));
            proptest::prop_assert_eq!(String::from_utf8(whole).unwrap(), text);
        }
    }
}
