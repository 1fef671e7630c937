#![cfg(test)]
//! The message reader against every form that two readers might end or cut differently.

use bytes::BytesMut;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use sesgate::mail::Message;
use sesgate::smtp::{BareLf, DataFault, MessageReader, Progress, Settings};

/// A message as its reader sees it, and as it travels on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    header: Vec<u8>,
    body_stuffed: Vec<u8>,
    octets: usize,
}

/// What was read, and what is left; no end, nothing left.
type Outcome = Option<(Result<Seen, DataFault>, Vec<u8>)>;

fn settings(bare_lf: BareLf) -> Settings {
    Settings { bare_lf, ..Settings::default() }
}

fn seen(message: &Message) -> Seen {
    Seen {
        header: message.header().to_vec(),
        body_stuffed: message.body().stuffed().concat(),
        octets: message.octets(),
    }
}

/// Reads what comes in these packets. Once the end is found, the rest must stay in the input.
fn read<'a>(settings: &Settings, packets: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = MessageReader::new(settings);
    let mut input = BytesMut::new();
    let mut outcome: Option<Result<Seen, DataFault>> = None;
    for packet in packets {
        input.extend_from_slice(packet);
        if outcome.is_none() {
            match reader.read(&mut input) {
                Progress::NeedMore => assert!(input.len() <= 2, "{input:?} is left without need"),
                Progress::Done(done) => outcome = Some(done.map(|message| seen(&message))),
            }
        }
    }
    outcome.map(|outcome| (outcome, input.to_vec()))
}

/// Reads the octets whole, cut in two at every place, and one by one: the outcome must be the same.
fn read_however_cut(settings: &Settings, octets: &[u8]) -> Outcome {
    let whole = read(settings, [octets]);
    for at in 0..=octets.len() {
        let (first, second) = octets.split_at(at);
        assert_eq!(read(settings, [first, second]), whole, "{} cut at {at}", octets.escape_ascii());
    }
    assert_eq!(read(settings, octets.chunks(1)), whole, "{} octet by octet", octets.escape_ascii());
    whole
}

fn unstuff(stuffed: &[u8]) -> Vec<u8> {
    stuffed
        .split_inclusive(|octet| *octet == b'\n')
        .flat_map(|line| line.strip_prefix(b".").unwrap_or(line))
        .copied()
        .collect()
}

fn stuff(octets: &[u8]) -> Vec<u8> {
    let lines = octets.split_inclusive(|octet| *octet == b'\n');
    lines.flat_map(|line| [if line.starts_with(b".") { &b"."[..] } else { b"" }, line].concat()).collect()
}

fn text(seen: &Seen) -> Vec<u8> {
    [seen.header.as_slice(), &unstuff(&seen.body_stuffed)].concat()
}

/// The form, what it becomes, and what it is if an LF alone is not taken.
type Form = (&'static str, Result<&'static str, DataFault>, Result<&'static str, DataFault>);

/// All that may pass for an end of the message between two others, and what the relay makes of it: text, as a
/// reader of the message sees it, or a fault.
#[test]
fn nothing_but_crlf_dot_crlf_ends_a_message() {
    let bare_cr = Err(DataFault::BareCr);
    let nul = Err(DataFault::Nul);
    let forms: &[Form] = &[
        ("\n.\n", Ok("\r\n.\r\n"), Err(DataFault::BareLf)),
        ("\n.\r\n", Ok("\r\n.\r\n"), Err(DataFault::BareLf)),
        ("\r\n.\n", Ok("\r\n.\r\n"), Err(DataFault::BareLf)),
        ("\n.text", Ok("\r\n.text"), Err(DataFault::BareLf)),
        ("\n..text", Ok("\r\n.text"), Err(DataFault::BareLf)),
        ("\n...text", Ok("\r\n..text"), Err(DataFault::BareLf)),
        ("\n. \r\n", Ok("\r\n. \r\n"), Err(DataFault::BareLf)),
        ("\r\n.text", Ok("\r\ntext"), Ok("\r\ntext")),
        ("\n.\n.\n", Ok("\r\n.\r\n.\r\n"), Err(DataFault::BareLf)),
        ("\n\n.\n", Ok("\r\n\r\n.\r\n"), Err(DataFault::BareLf)),
        ("\n.\n\r\n", Ok("\r\n.\r\n\r\n"), Err(DataFault::BareLf)),
        ("\n..\r\n", Ok("\r\n.\r\n"), Err(DataFault::BareLf)),
        ("\n..\n", Ok("\r\n.\r\n"), Err(DataFault::BareLf)),
        ("\r\n..\n", Ok("\r\n.\r\n"), Err(DataFault::BareLf)),
        ("\r\n..\r\n", Ok("\r\n.\r\n"), Ok("\r\n.\r\n")),
        ("\r\n...\r\n", Ok("\r\n..\r\n"), Ok("\r\n..\r\n")),
        ("\r\n. \r\n", Ok("\r\n \r\n"), Ok("\r\n \r\n")),
        ("\r\n.\t\r\n", Ok("\r\n\t\r\n"), Ok("\r\n\t\r\n")),
        ("\r\n .\r\n", Ok("\r\n .\r\n"), Ok("\r\n .\r\n")),
        ("\r.\r", bare_cr, bare_cr),
        ("\r.\r\n", bare_cr, bare_cr),
        ("\r.\n", bare_cr, bare_cr),
        ("\n.\r", bare_cr, bare_cr),
        ("\r\n.\r", bare_cr, bare_cr),
        ("\r\n\r.\r\n", bare_cr, bare_cr),
        ("\r\n.\r\r\n", bare_cr, bare_cr),
        ("\r\r\n.\n", bare_cr, bare_cr),
        ("\r\r\n.\r\r\n", bare_cr, bare_cr),
        ("\r\r\n..\r\n", bare_cr, bare_cr),
        ("\n\r.\n\r", bare_cr, bare_cr),
        ("\r\n\0.\r\n", nul, nul),
        ("\r\n.\0\r\n", nul, nul),
        ("\r\n.\r\0\n", nul, nul),
        ("\r\0\n.\r\n", nul, nul),
        ("\0\r\n", nul, nul),
        ("\u{85}.\u{85}", Ok("\u{85}.\u{85}"), Ok("\u{85}.\u{85}")),
        ("\u{2028}.\u{2028}", Ok("\u{2028}.\u{2028}"), Ok("\u{2028}.\u{2028}")),
        ("\x0b.\x0c", Ok("\x0b.\x0c"), Ok("\x0b.\x0c")),
    ];
    for (before, after) in [
        ("From: a@example.com\r\n\r\nfirst", "MAIL FROM:<evil@example.com>\r\n"),
        ("From: a@example.com\r\n\r\nfirst", ""),
        ("From: a@example.com", "MAIL FROM:<evil@example.com>\r\n\r\nsecond\r\n"),
    ] {
        for (form, normalized, strict) in forms {
            let octets = format!("{before}{form}{after}\r\n.\r\nRSET\r\n");
            for (bare_lf, expected) in [(BareLf::Normalize, normalized), (BareLf::Reject, strict)] {
                let (outcome, rest) = read_however_cut(&settings(bare_lf), octets.as_bytes()).unwrap();
                let expected = expected.map(|form| format!("{before}{form}{after}\r\n").into_bytes());
                assert_eq!(outcome.map(|seen| text(&seen)), expected, "{octets:?} {bare_lf:?}");
                assert_eq!(rest, b"RSET\r\n", "{octets:?} {bare_lf:?}");
            }
        }
    }
}

#[test]
fn a_cr_before_the_true_end_spoils_the_message_and_not_the_end() {
    let octets = b"From: a@example.com\r\n\r\nfirst\r\r\n.\r\nRSET\r\n";
    let (outcome, rest) = read_however_cut(&settings(BareLf::Normalize), octets).unwrap();
    assert_eq!(outcome, Err(DataFault::BareCr));
    assert_eq!(rest, b"RSET\r\n");
}

#[test]
fn every_shape_of_message_has_a_header_and_a_body() {
    for (octets, header, body_stuffed, octets_unstuffed) in [
        (".\r\n", "", "", 0),
        ("\r\n.\r\n", "", "\r\n", 2),
        ("\r\n\r\n.\r\n", "", "\r\n\r\n", 4),
        ("A: b\r\n.\r\n", "A: b\r\n", "", 6),
        ("A: b\r\n\r\n.\r\n", "A: b\r\n", "\r\n", 8),
        ("A: b\r\nC: d\r\n\r\nbody\r\n.\r\n", "A: b\r\nC: d\r\n", "\r\nbody\r\n", 20),
        ("A: b\n\nbody\n\r\n.\r\n", "A: b\r\n", "\r\nbody\r\n\r\n", 16),
        ("\nbody\r\n.\r\n", "", "\r\nbody\r\n", 8),
        ("A: b\r\n..c\r\n\r\n..d\r\n.e\r\n.\r\n", "A: b\r\n.c\r\n", "\r\n..d\r\ne\r\n", 19),
        ("..\r\n.\r\n", ".\r\n", "", 3),
        (".\n.\r\n\r\n.\r\n", ".\r\n.\r\n", "\r\n", 8),
    ] {
        let (outcome, rest) = read_however_cut(&settings(BareLf::Normalize), octets.as_bytes()).unwrap();
        let expected =
            Seen { header: header.into(), body_stuffed: body_stuffed.into(), octets: octets_unstuffed };
        assert_eq!(outcome, Ok(expected), "{octets:?}");
        assert_eq!(rest, b"", "{octets:?}");
    }
}

#[test]
fn what_is_odd_in_a_long_body_is_found_wherever_it_stands() {
    let settings = settings(BareLf::Normalize);
    let plain = b"0123456789\r\n".repeat(300);
    for odd in ["\0", "\r", "\n", "\n\r", "\n.", "\r\n.", "\r\n..", "\r\n.\r\n"] {
        for at in (1014..1028).chain(2038..2052) {
            let (before, behind) = plain.split_at(at);
            let octets = [b"\r\n", before, odd.as_bytes(), behind, b".\r\n"].concat();
            let octet_by_octet = read(&settings, octets.chunks(1));
            assert_eq!(read(&settings, [octets.as_slice()]), octet_by_octet, "{odd:?} at {at}");
        }
    }
}

#[test]
fn a_message_is_counted_as_its_reader_sees_it() {
    let limits = Settings { message_octets_max: 30, header_octets_max: 10, ..Settings::default() };
    let too_long = DataFault::TooLong { octets_max: 30 };
    let header_too_long = DataFault::HeaderTooLong { octets_max: 10 };
    for (octets, expected) in [
        ("A: 456789\r\n.\r\n", Err(header_too_long)),
        ("A: 45678\r\n.\r\n", Ok(10)),
        ("A: 45678\n.\r\n\r\n.\r\n", Err(header_too_long)),
        ("..: 456789\r\n\r\nb\r\n.\r\n", Err(header_too_long)),
        ("..: 45678\r\n\r\nb\r\n.\r\n", Ok(15)),
        ("A: b\r\n\r\n34567890123456789012345678\r\n.\r\n", Err(too_long)),
        ("A: b\r\n\r\n3456789012345678901\r\n9\r\n.\r\n", Err(too_long)),
        ("A: b\r\n\r\n34567890123456789\r\n8\r\n.\r\n", Ok(30)),
        ("A: b\r\n\r\n..\r\n..\r\n..\r\n..\r\n..\r\n..\r\n..\r\n.\r\n", Ok(29)),
        ("A: 3456789012345678901234567890\0\r\n.\r\n", Err(too_long)),
    ] {
        let (outcome, rest) = read_however_cut(&limits, octets.as_bytes()).unwrap();
        assert_eq!(outcome.map(|seen| seen.octets), expected, "{octets:?}");
        assert_eq!(rest, b"", "{octets:?}");
    }
}

#[test]
fn the_end_of_a_message_far_too_long_is_not_waited_for() {
    let limits = Settings { message_octets_max: 30, ..Settings::default() };
    let octets = [b'x'; 61];
    assert_eq!(read(&limits, [&octets[..60]]), None);
    let (outcome, _) = read_however_cut(&limits, &octets).unwrap();
    assert_eq!(outcome, Err(DataFault::Endless { octets_max: 30 }));
}

#[test]
fn a_reader_that_gave_up_holds_nothing_and_still_finds_the_end() {
    let mut reader = MessageReader::new(&settings(BareLf::Normalize));
    let mut input = BytesMut::from("A: b\r\n\r\nbody\r\n");
    assert!(matches!(reader.read(&mut input), Progress::NeedMore));
    assert_eq!(reader.octets_held(), 14);
    reader.give_up(DataFault::OutOfMemory);
    input.extend_from_slice(b"more\r\n.\r\nRSET\r\n");
    assert!(matches!(reader.read(&mut input), Progress::Done(Err(DataFault::OutOfMemory))));
    assert_eq!(reader.octets_held(), 0);
    assert_eq!(input, "RSET\r\n");
}

#[test]
fn nothing_is_held_of_a_message_that_is_too_long() {
    let mut reader = MessageReader::new(&Settings { message_octets_max: 10, ..Settings::default() });
    let mut input = BytesMut::from("\r\n34567890");
    assert!(matches!(reader.read(&mut input), Progress::NeedMore));
    assert_eq!(reader.octets_held(), 10);
    input.extend_from_slice(b"1");
    assert!(matches!(reader.read(&mut input), Progress::NeedMore));
    assert_eq!(reader.octets_held(), 0);
}

#[test]
fn a_clean_body_is_not_copied() {
    let body = "0123456789 and so on for seventy-six octets, as base64 is most often cut ..\r\n".repeat(1000);
    let mut input = BytesMut::from(format!("A: b\r\n\r\n{body}.\r\n").as_str());
    let start = input.as_ptr();
    let Progress::Done(Ok(message)) = MessageReader::new(&settings(BareLf::Normalize)).read(&mut input)
    else {
        panic!("no message");
    };
    assert_eq!(message.body().stuffed().len(), 1);
    assert_eq!(message.body().stuffed()[0].as_ptr(), start.wrapping_add(b"A: b\r\n".len()));
}

/// What can come, with what matters more often than by chance.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just(&b"\r\n"[..]), 3 => Just(&b"."[..]), 3 => Just(&b"text"[..]), 1 => Just(&b"\r\n.\r\n"[..]),
        2 => Just(&b"\n"[..]), 1 => Just(&b"\r"[..]), 1 => Just(&b"\0"[..]), 1 => Just(&b" "[..]),
        1 => Just(&b"A: b\r\n\r\n"[..]), 1 => Just(&[b'x'; 1100][..]),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// The same, without what is always a fault.
fn mendable_octets() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => Just(&b"\r\n"[..]), 3 => Just(&b"."[..]), 3 => Just(&b"text"[..]), 2 => Just(&b"\n"[..]),
        1 => Just(&b" "[..]), 1 => Just(&b"\t"[..]), 1 => Just(&[b'x'; 1100][..]),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| [parts.concat(), b"\r\n.\r\n".to_vec()].concat())
}

/// Header and body, dots unstuffed.
type Text = Result<Vec<u8>, DataFault>;

/// The reader as one would write it for a message of a few lines.
fn naive(octets: &[u8]) -> Option<(Text, Vec<u8>)> {
    let mut text = Vec::new();
    let mut fault = None;
    let mut rest = octets;
    let mut follows_crlf = true;
    loop {
        let end = rest.iter().position(|octet| *octet == b'\n')?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let (line, ends_with_crlf) = line.strip_suffix(b"\r").map_or((line, false), |line| (line, true));
        if line == b"." && follows_crlf && ends_with_crlf {
            return Some((fault.map_or(Ok(text), Err), rest.to_vec()));
        }
        fault = fault.max(line.contains(&b'\r').then_some(DataFault::BareCr));
        fault = fault.max(line.contains(&0).then_some(DataFault::Nul));
        let is_kept = line == b"." || !follows_crlf && !line.starts_with(b"..");
        text.extend_from_slice(if is_kept { line } else { line.strip_prefix(b".").unwrap_or(line) });
        text.extend_from_slice(b"\r\n");
        follows_crlf = ends_with_crlf;
    }
}

/// Lines that a reader which takes any of CR and LF for a line end, and overlooks white space at the end, takes for the end.
fn lenient_ends(wire: &[u8]) -> usize {
    wire.split(|octet| b"\r\n".contains(octet)).filter(|line| line.trim_ascii_end() == b".").count()
}

proptest! {
    #[test]
    fn the_reader_sees_what_a_naive_one_sees(octets in octets()) {
        let outcome = read(&settings(BareLf::Normalize), [octets.as_slice()]);
        let outcome = outcome.map(|(outcome, rest)| (outcome.map(|seen| text(&seen)), rest));
        prop_assert_eq!(outcome, naive(&octets));
    }

    #[test]
    fn cutting_never_changes_what_is_read(
        octets in octets(), lengths in prop::collection::vec(1_usize..20, 1..40), message_octets_max in 0_usize..4000,
        header_octets_max in 0_usize..100, rejects in any::<bool>(),
    ) {
        let bare_lf = if rejects { BareLf::Reject } else { BareLf::Normalize };
        let limits = Settings { message_octets_max, header_octets_max, bare_lf, ..Settings::default() };
        let mut packets = Vec::new();
        let mut rest = octets.as_slice();
        for length in lengths {
            let (packet, after) = rest.split_at(length.min(rest.len()));
            packets.push(packet);
            rest = after;
        }
        packets.push(rest);
        // What is left when the connection is about to close does not matter.
        let told = |outcome: Outcome| outcome.map(|(outcome, rest)| match outcome {
            Err(fault @ DataFault::Endless { .. }) => (Err(fault), Vec::new()),
            outcome => (outcome, rest),
        });
        prop_assert_eq!(told(read(&limits, packets)), told(read(&limits, [octets.as_slice()])));
    }

    #[test]
    fn what_goes_on_is_one_message_for_every_reader(octets in mendable_octets()) {
        let (outcome, _) = read(&settings(BareLf::Normalize), [octets.as_slice()]).unwrap();
        let accepted = outcome.unwrap();
        let wire = [stuff(&accepted.header), accepted.body_stuffed.clone(), b".\r\n".to_vec()].concat();
        let again = read(&settings(BareLf::Reject), [wire.as_slice()]);
        prop_assert_eq!(again, Some((Ok(accepted.clone()), Vec::new())));
        prop_assert_eq!(lenient_ends(&wire), 1);
        prop_assert!(wire.ends_with(b".\r\n"));
        prop_assert_eq!(accepted.octets, text(&accepted).len());
    }
}
