//! What a login is taken for is what the client said: encoded again, it is the same lines.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use sesgate::smtp::{Exchange, Mechanism, Response, Turn};

// `PLAIN` or `LOGIN`, and behind a blank an initial response; then the client's lines.
fuzz_target!(|text: &[u8]| {
    let mut lines = text.split(|octet| *octet == b'\n');
    let Ok(begin) = std::str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let (mechanism, initial) = begin.split_once(' ').map_or((begin, None), |(name, text)| (name, Some(text)));
    let mechanism = if mechanism == "PLAIN" { Mechanism::Plain } else { Mechanism::Login };
    let mut said: Vec<&[u8]> = initial.map(str::as_bytes).into_iter().collect();
    let mut turn = Exchange::begin(mechanism, initial.map(Response::new).as_ref());
    let claim = loop {
        turn = match (turn, lines.next()) {
            (Ok(Turn::Claim(claim)), _) => break claim,
            (Ok(Turn::Ask(exchange)), Some(line)) => {
                said.push(line);
                exchange.respond(line)
            }
            (Ok(Turn::Ask(_)), None) | (Err(_), _) => return,
        };
    };
    let (name, password) = (&claim.user_name, claim.password.expose());
    for part in [name, password] {
        assert!(!part.is_empty() && !part.contains('\0') && part.len() <= 1024, "{part:?}");
    }
    let spellings: Vec<Vec<String>> = match mechanism {
        // RFC 4616 section 2: alone, or acting for itself.
        Mechanism::Plain => [format!("\0{name}\0{password}"), format!("{name}\0{name}\0{password}")]
            .map(|message| vec![STANDARD.encode(message)])
            .into(),
        _ => vec![vec![STANDARD.encode(name), STANDARD.encode(password)]],
    };
    assert!(
        spellings.iter().any(|lines| lines.iter().map(String::as_bytes).eq(said.iter().copied())),
        "{said:?}"
    );
});
