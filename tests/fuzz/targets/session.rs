//! No octets make a session panic or loop, and cut into pieces they are answered in the same words.
#![no_main]

use std::sync::Arc;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use sesgate::mail::{Client, Evidence, KnownApp, Transport};
use sesgate::smtp::{Action, Event, LoginOffer, LoginOutcome, Reply, Session, Settings, Standing, Welcome};

fuzz_target!(|octets: &[u8]| assert_eq!(answers(octets, usize::MAX), answers(octets, 7)));

fn answers(octets: &[u8], piece: usize) -> BytesMut {
    let client = Client::new(([127, 0, 0, 1], 4711).into(), "fuzz".into(), Transport::Plain);
    let standing = Standing::Known(KnownApp { name: "fuzz".into(), by: Evidence::Network });
    let welcome = Welcome { standing, login: LoginOffer::Now };
    let (mut session, greeting) = Session::new(Arc::new(Settings::default()), client, welcome);
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    greeting.write_to(&mut output);
    let mut pieces = octets.chunks(piece.min(octets.len().max(1)));
    let mut action = session.step(Event::Input(&mut input));
    loop {
        let event = match action {
            Action::Say(reply) => {
                reply.write_to(&mut output);
                Event::Input(&mut input)
            }
            Action::Read(_) => match pieces.next() {
                Some(piece) => {
                    input.extend_from_slice(piece);
                    Event::Input(&mut input)
                }
                None => Event::Eof,
            },
            Action::Begin(_) => Event::Allowed(Ok(())),
            Action::Settle(mail) => Event::Settled(Reply::accepted(mail.envelope.recipients().len())),
            Action::Authenticate(_) => Event::Authenticated(LoginOutcome::Refused),
            // What waits behind STARTTLS is thrown away, so the pieces would matter. It is not offered.
            Action::StartTls(reply) => panic!("{reply:?}"),
            Action::Close(reply) => {
                reply.iter().for_each(|reply| reply.write_to(&mut output));
                return output;
            }
        };
        action = session.step(event);
    }
}
