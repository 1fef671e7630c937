//! Where a command line ends: at CRLF and nowhere else.
//!
//! An LF or CR alone is how one reader is made to see a command where another sees text ("SMTP smuggling"), and
//! no honest client sends it in a command, so it is the end of the connection.

use bytes::{Buf, BytesMut};
use memchr::memchr2;

use crate::smtp::Fault;

/// The first octet of a TLS handshake (RFC 8446 section 5.1), and of no command.
const TLS_HANDSHAKE: u8 = 22;

/// Takes the first line off the input, without its CRLF. `None`: its end has not come yet.
///
/// What is waited for is bounded, so that scanning it again when more has come costs little.
pub fn take_line(input: &mut BytesMut, octets_max: usize) -> Option<Result<BytesMut, Fault>> {
    // A client that begins TLS where clear text is due says no more until it is answered: at once, then.
    if input.first() == Some(&TLS_HANDSHAKE) {
        return Some(Err(Fault::OtherProtocol));
    }
    let window = input.get(..octets_max).unwrap_or(input);
    match memchr2(b'\r', b'\n', window).and_then(|end| window.split_at_checked(end)) {
        Some((line, [b'\r', b'\n', ..])) => {
            let end = line.len();
            let line = input.split_to(end);
            input.advance(b"\r\n".len());
            Some(Ok(line))
        }
        Some((_, [b'\r'])) | None if window.len() < octets_max => None,
        Some((_, [b'\r'])) | None => Some(Err(Fault::LineTooLong { octets_max })),
        Some(_) => Some(Err(Fault::BareLineEnd)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{Fault, take_line};

    #[test]
    fn only_crlf_ends_a_line_and_no_line_is_waited_for_beyond_its_limit() {
        let too_long = Err(Fault::LineTooLong { octets_max: 8 });
        for (input, expected, rest) in [
            ("NOOP\r\nQUIT\r\n", Some(Ok("NOOP")), "QUIT\r\n"),
            ("\r\n", Some(Ok("")), ""),
            ("NOOP", None, "NOOP"),
            ("NOOP\r", None, "NOOP\r"),
            ("NOOP\n", Some(Err(Fault::BareLineEnd)), "NOOP\n"),
            ("NOOP\rQ", Some(Err(Fault::BareLineEnd)), "NOOP\rQ"),
            ("NOOP\r\r\n", Some(Err(Fault::BareLineEnd)), "NOOP\r\r\n"),
            ("123456\r\n", Some(Ok("123456")), ""),
            ("1234567", None, "1234567"),
            ("1234567\r", Some(too_long), "1234567\r"),
            ("1234567\r\n", Some(too_long), "1234567\r\n"),
            ("12345678", Some(too_long), "12345678"),
            ("\x16\x03\x01", Some(Err(Fault::OtherProtocol)), "\x16\x03\x01"),
        ] {
            let mut octets = BytesMut::from(input);
            let line = take_line(&mut octets, 8).map(|line| line.map(|line| line.to_vec()));
            assert_eq!(line, expected.map(|line| line.map(|text| text.as_bytes().to_vec())), "{input:?}");
            assert_eq!(octets, rest, "{input:?}");
        }
    }
}
