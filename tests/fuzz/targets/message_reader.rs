//! A message is the same however it is cut into packets, and holds nothing that could end it early.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use sesgate::smtp::{DataFault, MessageReader, Progress, Settings};

fuzz_target!(|octets: &[u8]| {
    let whole = read(octets, octets.len().max(1));
    assert_eq!(whole, read(octets, 1));
    if let Some(Ok((header, body))) = whole {
        // The header is held as its readers see it, and gets its dots when it is edited.
        let sent = [b"\r\n", body.as_slice()].concat();
        assert!(!sent.windows(5).any(|window| window == b"\r\n.\r\n"), "{body:?}");
        for part in [header, body] {
            let mut lines = part.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
            assert!(lines.all(|line| line.ends_with(b"\r")), "{part:?}");
        }
    }
});

/// The header, and the body as it travels, less the final dot.
fn read(octets: &[u8], piece: usize) -> Option<Result<(Vec<u8>, Vec<u8>), DataFault>> {
    let mut reader = MessageReader::new(&Settings::default());
    let mut input = BytesMut::new();
    for piece in octets.chunks(piece) {
        input.extend_from_slice(piece);
        if let Progress::Done(done) = reader.read(&mut input) {
            return Some(done.map(|message| (message.header().to_vec(), message.body().stuffed().concat())));
        }
    }
    None
}
