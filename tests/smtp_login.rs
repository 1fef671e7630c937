#![cfg(test)]
//! The dialogue of a login, without a socket: what is asked, what is taken, and what a login changes.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use proptest::prelude::{any, prop, prop_assert_eq, proptest};
use sesgate::mail::{Client, Evidence, KnownApp, Transport};
use sesgate::smtp::{
    Action, Credentials, Event, Exchange, LoginOffer, LoginOutcome, Mechanism, Reply, Response, SaslFault,
    Session, Settings, Standing, StartTls, Turn, Welcome,
};

const IN_NETWORK: Known = Known(Some("net"));
const LOGIN_NEEDED: Known = Known(None);

/// Which app the client is before it logs in.
#[derive(Clone, Copy)]
struct Known(Option<&'static str>);

/// A session with the one user `ann`, whose password is `sesame`. Her app is `hers`.
fn talk<'a>(known: Known, login: LoginOffer, packets: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let client = Client::new(([10, 0, 5, 7], 4711).into(), "default".into(), Transport::Plain);
    let standing = match (known.0, login) {
        (Some(app), _) => Standing::Known(KnownApp { name: app.into(), by: Evidence::Network }),
        (None, LoginOffer::Never) => Standing::Stranger,
        (None, LoginOffer::Now | LoginOffer::NeedsTls) => Standing::LoginNeeded,
    };
    let settings = Arc::new(Settings { start_tls: StartTls::Offered, ..Settings::default() });
    let (mut session, _) =
        Session::new(settings, client.clone(), Welcome { standing: standing.clone(), login });
    let mut input = BytesMut::new();
    let mut heard = Vec::new();
    for packet in packets {
        input.extend_from_slice(packet);
        let mut action = session.step(Event::Input(&mut input));
        loop {
            action = match action {
                Action::Read(_) => break,
                Action::Say(reply) => {
                    heard.push(reply.to_string());
                    session.step(Event::Input(&mut input))
                }
                Action::Authenticate(credentials) => session.step(Event::Authenticated(prove(&credentials))),
                Action::StartTls(reply) => {
                    heard.push(reply.to_string());
                    let login = if login == LoginOffer::Never { login } else { LoginOffer::Now };
                    let client = Client { transport: Transport::Tls, ..client.clone() };
                    session.step(Event::Secured {
                        client,
                        welcome: Welcome { standing: standing.clone(), login },
                    })
                }
                Action::Begin(_) => session.step(Event::Allowed(Ok(()))),
                Action::Settle(mail) => {
                    heard.push(format!("mail of {} by {:?}", mail.app.name, mail.app.by));
                    session.step(Event::Settled(Reply::accepted("id")))
                }
                Action::Close(reply) => {
                    heard.extend(reply.map(|reply| reply.to_string()));
                    heard.push("closed".to_owned());
                    return heard;
                }
            }
        }
    }
    heard
}

fn prove(credentials: &Credentials) -> LoginOutcome {
    match (credentials.user_name.as_str(), credentials.password.expose()) {
        ("ann", "sesame") => LoginOutcome::Proven { app: "hers".into() },
        ("locked", _) => LoginOutcome::LockedOut,
        ("busy", _) => LoginOutcome::Unchecked,
        (_, _) => LoginOutcome::Refused,
    }
}

/// What is heard after EHLO, all said at once and octet by octet: it must be the same.
fn hear(known: Known, login: LoginOffer, lines: &[&str]) -> Vec<String> {
    let words = [&["EHLO app"], lines, &[""]].concat().join("\r\n");
    let heard = talk(known, login, [words.as_bytes()]);
    assert_eq!(talk(known, login, words.as_bytes().chunks(1)), heard, "{words:?} octet by octet");
    heard[1..].to_vec()
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

#[test]
fn every_way_to_log_in_is_taken() {
    let plain = base64("\0ann\0sesame");
    let plain_for_herself = base64("ann\0ann\0sesame");
    let (ann, sesame) = (base64("ann"), base64("sesame"));
    let (ask, user_name, password) = ("334 ", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6");
    for (said, questions) in [
        (vec![format!("AUTH PLAIN {plain}")], vec![]),
        (vec![format!("auth plain {plain} ")], vec![]),
        (vec![format!("AUTH PLAIN {plain_for_herself}")], vec![]),
        (vec!["AUTH PLAIN".to_owned(), plain.clone()], vec![ask]),
        (vec!["AUTH LOGIN".to_owned(), ann.clone(), sesame.clone()], vec![user_name, password]),
        (vec![format!("AUTH login {ann}"), sesame.clone()], vec![password]),
    ] {
        let said: Vec<_> = said.iter().map(String::as_str).collect();
        let heard = hear(LOGIN_NEEDED, LoginOffer::Now, &said);
        let (last, asked) = heard.split_last().unwrap();
        assert_eq!(asked, questions, "{said:?}");
        assert_eq!(last, "235 2.7.0 Authentication successful", "{said:?}");
    }
}

#[test]
fn what_is_no_login_is_told_so_and_another_may_follow() {
    const CANCELLED: &str = "501 5.7.0 Authentication cancelled";
    const UNDECODABLE: &str = "501 5.5.2 This is not base64";
    const MALFORMED: &str = "501 5.5.2 This does not hold a user name and a password as it should";
    const UNKNOWN: &str = "504 5.5.4 Mechanism not known; AUTH takes PLAIN and LOGIN";
    const SYNTAX: &str = "501 5.5.4 Syntax: AUTH PLAIN|LOGIN [initial response]";
    let plain = |message: &str| vec![format!("AUTH PLAIN {}", base64(message))];
    let (long_name, long_password) = ("n".repeat(256), "p".repeat(1025));
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    for (said, expected) in [
        (lines(&["AUTH PLAIN", "*"]), CANCELLED),
        (lines(&["AUTH LOGIN", "*"]), CANCELLED),
        (lines(&["AUTH LOGIN", &base64("ann"), "*"]), CANCELLED),
        (lines(&["AUTH PLAIN *"]), UNDECODABLE),
        (lines(&["AUTH PLAIN =="]), UNDECODABLE),
        (lines(&["AUTH PLAIN", "="]), UNDECODABLE),
        (lines(&["AUTH PLAIN", &base64("\0ann\0sesame").replace('=', "")]), UNDECODABLE),
        // Bits that are left over, white space, the other alphabet.
        (lines(&["AUTH LOGIN", "YW5="]), UNDECODABLE),
        (lines(&["AUTH LOGIN", " YW5u"]), UNDECODABLE),
        (lines(&["AUTH LOGIN", "YW5u "]), UNDECODABLE),
        (lines(&["AUTH LOGIN", "-_-_"]), UNDECODABLE),
        // Within an exchange nothing is a command; this is base64 of a control character.
        (lines(&["AUTH LOGIN", "QUIT"]), MALFORMED),
        (lines(&["AUTH PLAIN ="]), MALFORMED),
        (lines(&["AUTH LOGIN ="]), MALFORMED),
        (lines(&["AUTH PLAIN", ""]), MALFORMED),
        (lines(&["AUTH LOGIN", &base64("ann"), ""]), MALFORMED),
        (lines(&["AUTH LOGIN", &base64("a\0n")]), MALFORMED),
        (lines(&["AUTH LOGIN", &STANDARD.encode(b"\xff")]), MALFORMED),
        (lines(&["AUTH LOGIN", &base64(&long_name)]), MALFORMED),
        (plain("ann\0sesame"), MALFORMED),
        (plain("\0ann\0"), MALFORMED),
        (plain("\0\0sesame"), MALFORMED),
        (plain("\0ann\0sesame\0"), MALFORMED),
        (plain("\0ann\0ses\0ame"), MALFORMED),
        (plain("bob\0ann\0sesame"), MALFORMED),
        (plain(&format!("\0{long_name}\0sesame")), MALFORMED),
        (plain(&format!("\0ann\0{long_password}")), MALFORMED),
        (lines(&["AUTH CRAM-MD5"]), UNKNOWN),
        (lines(&["AUTH XOAUTH2 dGVzdA=="]), UNKNOWN),
        (lines(&["AUTH"]), SYNTAX),
        (lines(&["AUTH PLAIN a b"]), SYNTAX),
    ] {
        let mut said: Vec<_> = said.iter().map(String::as_str).collect();
        said.extend(["AUTH PLAIN AGFubgBzZXNhbWU=", "QUIT"]);
        let heard = hear(LOGIN_NEEDED, LoginOffer::Now, &said);
        let answers: Vec<_> = heard.iter().filter(|line| !line.starts_with("334 ")).collect();
        let expected = [expected, "235 2.7.0 Authentication successful", "221 2.0.0 Bye", "closed"];
        assert_eq!(answers, expected, "{said:?}");
    }
}

#[test]
fn a_login_comes_once_between_transactions_and_where_it_is_offered() {
    let auth = "AUTH PLAIN AGFubgBzZXNhbWU=";
    let mail = "MAIL FROM:<a@example.com>";
    let (ok, sender_ok) = ("235 2.7.0 Authentication successful", "250 2.1.0 Ok");
    for (known, login, said, expected) in [
        (LOGIN_NEEDED, LoginOffer::Now, vec![auth, auth], vec![ok, "503 5.5.1 You are logged in already"]),
        (
            IN_NETWORK,
            LoginOffer::Now,
            vec![mail, auth],
            vec![sender_ok, "503 5.5.1 AUTH cannot come within a transaction; RSET ends it"],
        ),
        (
            LOGIN_NEEDED,
            LoginOffer::NeedsTls,
            vec![auth],
            vec!["538 5.7.11 Encryption required: no password is taken in clear"],
        ),
        (IN_NETWORK, LoginOffer::Never, vec![auth], vec!["502 5.5.1 Command not implemented"]),
        (
            LOGIN_NEEDED,
            LoginOffer::Now,
            vec![mail, auth, mail],
            vec!["530 5.7.0 Authentication required", ok, sender_ok],
        ),
        (LOGIN_NEEDED, LoginOffer::NeedsTls, vec![mail], vec!["530 5.7.0 Authentication required"]),
        (LOGIN_NEEDED, LoginOffer::Never, vec![mail], vec!["550 5.7.1 No app is known at 10.0.5.7"]),
    ] {
        assert_eq!(hear(known, login, &said), expected, "{said:?}");
    }
    let early = talk(LOGIN_NEEDED, LoginOffer::Now, [format!("{auth}\r\n").as_bytes()]);
    assert_eq!(early, ["503 5.5.1 Send EHLO first"]);
}

#[test]
fn auth_is_offered_only_where_it_is_taken() {
    for (login, is_offered) in
        [(LoginOffer::Now, true), (LoginOffer::NeedsTls, false), (LoginOffer::Never, false)]
    {
        let heard = talk(IN_NETWORK, login, [&b"EHLO app\r\n"[..]]);
        assert_eq!(heard[0].lines().any(|line| line == "250 AUTH PLAIN LOGIN"), is_offered, "{login:?}");
    }
}

#[test]
fn a_login_holds_until_the_session_ends_and_goes_before_the_network() {
    const MAIL: [&str; 6] = ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA", "A: b", "", "."];
    let said =
        [&MAIL[..], &["AUTH PLAIN AGFubgBzZXNhbWU="], &MAIL, &["EHLO again"], &MAIL, &["HELO app", "RSET"]];
    let said = [&said.concat()[..], &MAIL].concat();
    let heard = hear(IN_NETWORK, LoginOffer::Now, &said);
    let mails: Vec<_> = heard.iter().filter(|line| line.starts_with("mail of")).collect();
    let hers = "mail of hers by Login";
    assert_eq!(mails, ["mail of net by Network", hers, hers, hers]);
}

#[test]
fn a_handshake_makes_room_for_logins_and_forgets_the_one_before_it() {
    let (auth, mail) = ("AUTH PLAIN AGFubgBzZXNhbWU=", "MAIL FROM:<a@example.com>");
    let (ok, needed) = ("235 2.7.0 Authentication successful", "530 5.7.0 Authentication required");
    for (login, first) in [
        (LoginOffer::Now, ok),
        (LoginOffer::NeedsTls, "538 5.7.11 Encryption required: no password is taken in clear"),
        (LoginOffer::Never, "502 5.5.1 Command not implemented"),
    ] {
        // A packet each, since nothing may stand behind STARTTLS.
        let said = ["EHLO app", auth, "STARTTLS", "EHLO app", mail, auth, mail];
        let said: Vec<_> = said.iter().map(|line| format!("{line}\r\n")).collect();
        let heard = talk(LOGIN_NEEDED, login, said.iter().map(String::as_bytes));
        assert_eq!(heard[1], first);
        assert!(heard[2].starts_with("220 "), "{heard:?}");
        if login == LoginOffer::Never {
            assert_eq!(heard[5], first);
        } else {
            assert!(heard[3].ends_with("\r\n250 AUTH PLAIN LOGIN"), "{heard:?}");
            assert_eq!(heard[4..], [needed, ok, "250 2.1.0 Ok"]);
        }
    }
}

#[test]
fn a_session_is_closed_after_three_failures_of_any_kind() {
    let auth = |user: &str| format!("AUTH PLAIN {}", base64(&format!("\0{user}\0wrong")));
    let refused = "535 5.7.8 Authentication credentials invalid";
    let locked = "454 4.7.0 Too many failed logins from your address; try again later";
    let busy = "454 4.7.0 Too many logins at once; try again later";
    let goodbye = "421 4.7.0 Too many failed logins; closing connection";
    let said = ["ann", "busy", "nobody", "busy", "locked"].map(auth);
    let said: Vec<_> = said.iter().map(String::as_str).collect();
    assert_eq!(hear(IN_NETWORK, LoginOffer::Now, &said), [refused, busy, refused, busy, goodbye, "closed"]);
    assert_eq!(hear(IN_NETWORK, LoginOffer::Now, &[&auth("locked")]), [locked]);
}

#[test]
fn nothing_that_is_printed_shows_a_password() {
    let Ok(Turn::Claim(credentials)) =
        Exchange::begin(Mechanism::Plain, Some(&Response::new("AGFubgBzZXNhbWU=")))
    else {
        panic!("these are credentials");
    };
    assert_eq!(credentials.password.expose(), "sesame");
    let shown = format!("{credentials:?} {:?}", Response::new("AGFubgBzZXNhbWU="));
    assert!(!shown.contains("sesame") && !shown.contains("AGFubgBzZXNhbWU"), "{shown}");
}

proptest! {
    #[test]
    fn credentials_come_out_as_they_went_in(user_name in "\\PC{1,40}", password in "[^\0]{1,40}") {
        let plain = Response::new(&base64(&format!("\0{user_name}\0{password}")));
        let Ok(Turn::Claim(one)) = Exchange::begin(Mechanism::Plain, Some(&plain)) else { panic!("PLAIN") };
        let Ok(Turn::Ask(exchange)) = Exchange::begin(Mechanism::Login, None) else { panic!("LOGIN") };
        let Ok(Turn::Ask(exchange)) = exchange.respond(base64(&user_name).as_bytes()) else { panic!("name") };
        let Ok(Turn::Claim(other)) = exchange.respond(base64(&password).as_bytes()) else { panic!("password") };
        for credentials in [one, other] {
            prop_assert_eq!(&credentials.user_name, &user_name);
            prop_assert_eq!(credentials.password.expose(), &password);
        }
    }

    #[test]
    fn no_exchange_panics(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4)) {
        for mechanism in [Mechanism::Plain, Mechanism::Login] {
            let mut turn = Exchange::begin(mechanism, None);
            for line in &lines {
                turn = match turn {
                    Ok(Turn::Ask(exchange)) => exchange.respond(line),
                    Ok(Turn::Claim(_)) | Err(_) => break,
                };
            }
            let is_known = !matches!(turn, Err(SaslFault::UnknownMechanism));
            prop_assert_eq!(is_known, true);
        }
    }
}
