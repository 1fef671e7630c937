#![cfg(test)]
//! The dialogue with clients: commands, their order, the limits, and the replies.

use std::sync::Arc;

use bytes::BytesMut;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use sesgate::mail::{Address, AddressError, Client, Evidence, KnownApp, ReversePath, Submission, Transport};
use sesgate::smtp::{
    Action, Auth, Awaited, Command, Event, Fault, LoginOffer, LoginOutcome, Mechanism, Reply, Response,
    Session, Settings, Standing, StartTls, Welcome,
};

const DRAFT: &str = "EHLO app\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n";
const MAIL: &str =
    "EHLO app\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nA: b\r\n\r\n.\r\n";

fn client(transport: Transport) -> (Client, Welcome) {
    let client = Client::new(([10, 0, 5, 7], 4711).into(), "default".into(), transport);
    let standing = Standing::Known(KnownApp { name: "default".into(), by: Evidence::Network });
    (client, Welcome { standing, login: LoginOffer::Never })
}

fn session(settings: &Settings) -> Session {
    let (client, welcome) = client(Transport::Plain);
    Session::new(Arc::new(settings.clone()), client, welcome).0
}

/// What a session says, whom it asks to settle, and whether it closes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    replies: Vec<Reply>,
    mails: Vec<String>,
    is_closed: bool,
}

fn talk<'a>(settings: &Settings, packets: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut session = session(settings);
    let mut input = BytesMut::new();
    let mut heard = Heard::default();
    for packet in packets {
        input.extend_from_slice(packet);
        let mut action = session.step(Event::Input(&mut input));
        loop {
            action = match action {
                Action::Read(_) => break,
                Action::Say(reply) => {
                    heard.replies.push(reply);
                    session.step(Event::Input(&mut input))
                }
                Action::Begin(_) => session.step(Event::Allowed(Ok(()))),
                Action::Settle(mail) => {
                    heard.mails.push(summary(&mail));
                    session.step(Event::Settled(Reply::accepted("id")))
                }
                Action::Authenticate(_) => session.step(Event::Authenticated(LoginOutcome::Refused)),
                Action::StartTls(reply) => {
                    heard.replies.push(reply);
                    let (client, welcome) = client(Transport::Tls);
                    session.step(Event::Secured { client, welcome })
                }
                Action::Close(reply) => {
                    heard.replies.extend(reply);
                    heard.is_closed = true;
                    return heard;
                }
            }
        }
    }
    heard
}

/// One step, and the next where it is only asked whether a mail may be begun.
fn advance(session: &mut Session, input: &mut BytesMut) -> Action {
    match session.step(Event::Input(input)) {
        Action::Begin(_) => session.step(Event::Allowed(Ok(()))),
        action => action,
    }
}

fn summary(mail: &Submission) -> String {
    let Submission { client, greeting, envelope, message, .. } = mail;
    let recipients = envelope.recipients();
    format!(
        "{} {} {} {recipients:?} {}",
        client.address,
        greeting.name,
        envelope.reverse_path(),
        message.octets()
    )
}

/// Says all at once, and octet by octet: what is heard must be the same.
fn hear(settings: &Settings, words: &str) -> Heard {
    let heard = talk(settings, [words.as_bytes()]);
    assert_eq!(talk(settings, words.as_bytes().chunks(1)), heard, "{words:?} octet by octet");
    heard
}

fn codes(heard: &Heard) -> Vec<u16> {
    heard.replies.iter().map(Reply::code).collect()
}

fn wire(reply: &Reply) -> String {
    let mut output = BytesMut::new();
    reply.write_to(&mut output);
    String::from_utf8(output.to_vec()).unwrap()
}

#[test]
fn commands_are_read_as_clients_write_them() {
    let mail = |text: &str, size| Command::Mail {
        reverse_path: ReversePath::Mailbox(Address::parse(text).unwrap()),
        size,
    };
    let auth = |mechanism, initial: Option<&str>| {
        Command::Auth(Auth { mechanism, initial_response: initial.map(Response::new) })
    };
    let rcpt = |text| Command::Rcpt(Address::parse(text).unwrap());
    for (line, expected) in [
        ("ehlo [127.0.0.1]", Command::Ehlo("[127.0.0.1]".to_owned())),
        ("EHLO my letter.eml", Command::Ehlo("my letter.eml".to_owned())),
        ("EHLO büro.eml", Command::Ehlo("b??ro.eml".to_owned())),
        ("HELO c93fcab98fcb", Command::Helo("c93fcab98fcb".to_owned())),
        (&format!("EHLO {}", "x".repeat(300)), Command::Ehlo("x".repeat(255))),
        ("MAIL FROM:<a@example.com>", mail("a@example.com", None)),
        ("mail from: <a@example.com> size=224", mail("a@example.com", Some(224))),
        ("MAIL FROM:<a@example.com>  SIZE=0  BODY=8BITMIME ", mail("a@example.com", Some(0))),
        ("MAIL FROM:<a@example.com> body=7bit\t ", mail("a@example.com", None)),
        ("MAIL FROM:<a@example.com> AUTH=<>", mail("a@example.com", None)),
        ("MAIL FROM:<a@example.com> auth=b+40example.com", mail("a@example.com", None)),
        ("MAIL FROM:a@example.com SIZE=5", mail("a@example.com", Some(5))),
        ("MAIL FROM:<a@example.com> SIZE=99999999999999999999", mail("a@example.com", Some(u64::MAX))),
        ("MAIL FROM:<>", Command::Mail { reverse_path: ReversePath::Null, size: None }),
        ("MAIL FROM: <> SIZE=1", Command::Mail { reverse_path: ReversePath::Null, size: Some(1) }),
        ("rcpt to:<B@Example.com>", rcpt("B@example.com")),
        ("RCPT TO: b@example.com", rcpt("b@example.com")),
        ("RCPT TO:<=?UTF-8?q?to?=@example.com>", rcpt("=?UTF-8?q?to?=@example.com")),
        ("AUTH PLAIN", auth(Mechanism::Plain, None)),
        ("auth login dXNlcg==", auth(Mechanism::Login, Some("dXNlcg=="))),
        ("AUTH  CRAM-MD5 ", auth(Mechanism::Other, None)),
        ("data", Command::Data),
        ("starttls ", Command::StartTls),
        ("RSET  ", Command::Rset),
        ("NOOP are you there", Command::Noop),
        ("VRFY root", Command::Vrfy),
        ("help", Command::Help),
        ("Quit", Command::Quit),
    ] {
        assert_eq!(Command::parse(line.as_bytes()), Ok(expected), "{line:?}");
    }
}

#[test]
fn what_is_no_command_is_a_fault() {
    let syntax_mail = Fault::Syntax { usage: "MAIL FROM:<address> [SIZE=octets] [BODY=7BIT|8BITMIME]" };
    let syntax_rcpt = Fault::Syntax { usage: "RCPT TO:<address>" };
    let sender = Fault::Sender;
    let recipient = Fault::Recipient;
    for (line, expected) in [
        ("", Fault::UnknownCommand),
        (" EHLO app", Fault::UnknownCommand),
        ("MAILFROM:<a@example.com>", Fault::UnknownCommand),
        ("XCLIENT ADDR=10.0.0.1", Fault::UnknownCommand),
        ("EHLO", Fault::Syntax { usage: "EHLO name" }),
        ("HELO  ", Fault::Syntax { usage: "HELO name" }),
        ("DATA now", Fault::Syntax { usage: "DATA" }),
        ("MAIL", syntax_mail),
        ("MAIL FROM:", syntax_mail),
        ("MAIL FROM <a@example.com>", syntax_mail),
        ("MAIL TO:<a@example.com>", syntax_mail),
        ("MAIL FROM:<a@example.com", syntax_mail),
        ("MAIL FROM:<a@example.com>SIZE=1", syntax_mail),
        ("MAIL FRÖM:<a@example.com>", Fault::NotAsciiPath),
        ("RCPT TO:", syntax_rcpt),
        ("RCPT TO:<b@example.com>,<c@example.com>", syntax_rcpt),
        ("RCPT TO:<b@example.com><c@example.com>", syntax_rcpt),
        ("MAIL FROM:<a>", sender(AddressError::NoAt)),
        ("MAIL FROM:a@example.com>", sender(AddressError::DomainSyntax)),
        ("MAIL FROM:<\"a> SIZE=1 x\"@example.com>", sender(AddressError::QuotedLocalPart)),
        ("MAIL FROM:<<a@example.com>>", sender(AddressError::LocalPartSyntax)),
        ("MAIL FROM:< a@example.com >", sender(AddressError::LocalPartSyntax)),
        ("RCPT TO:<>", recipient(AddressError::Empty)),
        ("RCPT TO:<Postmaster>", recipient(AddressError::NoAt)),
        ("RCPT TO:<@relay.example,@other.example:b@example.com>", recipient(AddressError::TwoAts)),
        ("RCPT TO:<b%evil.test@example.com>", recipient(AddressError::RoutingCharacter)),
        ("RCPT TO:<evil.test!b@example.com>", recipient(AddressError::RoutingCharacter)),
        ("RCPT TO:<b@[10.0.0.1]>", recipient(AddressError::AddressLiteral)),
        ("RCPT TO:<b@example.com> NOTIFY=NEVER", Fault::UnknownParameter),
        ("MAIL FROM:<a@example.com> AUTH=<> AUTH=<>", Fault::ParameterValue),
        ("MAIL FROM:<a@example.com> SMTPUTF8", Fault::UnknownParameter),
        ("MAIL FROM:<a@example.com> BODY=BINARYMIME", Fault::UnknownParameter),
        ("MAIL FROM:<a@example.com> SIZE", Fault::ParameterValue),
        ("MAIL FROM:<a@example.com> SIZE=-1", Fault::ParameterValue),
        ("MAIL FROM:<a@example.com> SIZE=+1", Fault::ParameterValue),
        ("MAIL FROM:<a@example.com> SIZE=999999999999999999999", Fault::ParameterValue),
        ("MAIL FROM:<a@example.com> SIZE=1 SIZE=2", Fault::ParameterValue),
        ("NOOP \x07", Fault::ControlOctet),
        ("NOOP\tthere", Fault::ControlOctet),
        ("MAIL FROM:<ä@example.com>", Fault::NotAsciiPath),
        ("RCPT TO:<a@exämple.com>", Fault::NotAsciiPath),
        ("FRÖM", Fault::UnknownCommand),
        ("AUTH", Fault::Syntax { usage: "AUTH PLAIN|LOGIN [initial response]" }),
        ("AUTH PLAIN a b", Fault::Syntax { usage: "AUTH PLAIN|LOGIN [initial response]" }),
        ("STARTTLS now", Fault::Syntax { usage: "STARTTLS" }),
        ("BDAT 5 LAST", Fault::NotImplemented),
        ("EXPN staff", Fault::NotImplemented),
        ("GET / HTTP/1.1", Fault::OtherProtocol),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 4711 25", Fault::OtherProtocol),
    ] {
        assert_eq!(Command::parse(line.as_bytes()), Err(expected), "{line:?}");
    }
}

#[test]
fn every_command_has_its_place() {
    let heard = |words: &str| codes(&hear(&Settings::default(), words));
    for (words, expected) in [
        ("MAIL FROM:<a@example.com>\r\n", &[503][..]),
        ("RCPT TO:<b@example.com>\r\nDATA\r\n", &[503, 503]),
        ("NOOP\r\nRSET\r\nHELP\r\nVRFY a\r\nQUIT\r\n", &[250, 250, 214, 252, 221]),
        ("HELO app\r\nMAIL FROM:<>\r\n", &[250, 250]),
        ("EHLO app\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", &[250, 503, 503]),
        ("EHLO app\r\nMAIL FROM:<a@example.com>\r\nMAIL FROM:<c@example.com>\r\n", &[250, 250, 503]),
        // RFC 2920: a client that pipelines has said DATA before it hears that its sender is not taken.
        ("EHLO app\r\nMAIL FROM:<a>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", &[250, 553, 503, 503]),
        (
            "EHLO app\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b>\r\nDATA\r\nRCPT TO:<b@example.com>\r\nDATA\r\n",
            &[250, 250, 553, 503, 250, 354],
        ),
        (&format!("{DRAFT}RSET\r\nDATA\r\n"), &[250, 250, 250, 250, 503]),
        (&format!("{DRAFT}EHLO app\r\nDATA\r\n"), &[250, 250, 250, 250, 503]),
        (&format!("{DRAFT}EHLO\r\nDATA\r\n"), &[250, 250, 250, 501, 354]),
        (&format!("{MAIL}DATA\r\nMAIL FROM:<a@example.com>\r\n"), &[250, 250, 250, 354, 250, 503, 250]),
    ] {
        assert_eq!(heard(words), expected, "{words:?}");
    }
}

#[test]
fn a_mail_is_handed_over_as_it_was_given() {
    let words = "HELO box\r\nMAIL FROM:<>\r\nRCPT TO:<b@Example.com>\r\nRCPT TO:<B@example.com>\r\n\
        RCPT TO:<b@example.com>\r\nDATA\r\nA: b\r\n\r\n..\r\n.\r\nQUIT\r\n";
    let heard = hear(&Settings::default(), words);
    assert_eq!(heard.mails, ["10.0.5.7 box <> [<b@example.com>, <B@example.com>] 11"]);
    assert_eq!(codes(&heard), [250, 250, 250, 250, 250, 354, 250, 221]);
    assert!(heard.is_closed);
}

#[test]
fn a_mail_that_is_not_taken_leaves_nothing_behind() {
    let bad = MAIL.replace("A: b\r\n", "A: \0\r\n");
    let good = MAIL.replace("EHLO app\r\n", "").replace("b@example.com", "c@example.com");
    let heard = hear(&Settings::default(), &format!("{bad}{good}QUIT\r\n"));
    assert_eq!(heard.mails, ["10.0.5.7 app <a@example.com> [<c@example.com>] 8"]);
    assert_eq!(codes(&heard), [250, 250, 250, 354, 554, 250, 250, 354, 250, 221]);
}

#[test]
fn what_is_broken_beyond_mending_closes_the_connection() {
    for (words, expected) in [
        ("EHLO app\nMAIL FROM:<a@example.com>\r\n", Reply::BARE_LINE_END),
        ("EHLO app\rMAIL FROM:<a@example.com>\r\n", Reply::BARE_LINE_END),
        ("NOOP \0\r\nNOOP\r\n", Reply::CONTROL_OCTET),
        ("GET / HTTP/1.1\r\nNOOP\r\n", Reply::OTHER_PROTOCOL),
        (&"x".repeat(3000), Reply::line_too_long(2048)),
    ] {
        let heard = hear(&Settings::default(), words);
        assert!(heard.is_closed, "{words:?}");
        assert_eq!(heard.replies, [expected], "{words:?}");
    }
}

#[test]
fn every_limit_is_met() {
    let limits = Settings {
        message_octets_max: 100,
        header_octets_max: 20,
        recipients_max: 1,
        errors_max: 2,
        commands_max: 8,
        ..Settings::default()
    };
    let last = |words: &str| hear(&limits, words).replies.pop().unwrap();
    let long = "x".repeat(101);
    for (words, expected) in [
        ("EHLO app\r\nMAIL FROM:<a@example.com> SIZE=100\r\n", Reply::SENDER_OK),
        ("EHLO app\r\nMAIL FROM:<a@example.com> SIZE=101\r\n", Reply::message_too_long(100)),
        (&format!("{DRAFT}RCPT TO:<c@example.com>\r\n"), Reply::recipients_full(1)),
        (&format!("{DRAFT}RCPT TO:<b@example.com>\r\n"), Reply::RECIPIENT_OK),
        (&format!("{DRAFT}DATA\r\n\r\n{long}\r\n.\r\n"), Reply::message_too_long(100)),
        (&format!("{DRAFT}DATA\r\n{long}\r\n.\r\n"), Reply::message_too_long(100)),
        (&format!("{DRAFT}DATA\r\nA: 456789012345678901\r\n.\r\n"), Reply::header_too_long(20)),
        (&format!("{DRAFT}DATA\r\n{long}{long}"), Reply::endless_message(100)),
        ("FOO\r\nFOO\r\n", Reply::UNKNOWN_COMMAND),
        ("FOO\r\nFOO\r\nDATA\r\n", Reply::TOO_MANY_ERRORS),
        ("FOO\r\nFOO\r\nFOO \0\r\n", Reply::CONTROL_OCTET),
        (&"NOOP\r\n".repeat(8), Reply::OK),
        (&"NOOP\r\n".repeat(9), Reply::TOO_MANY_COMMANDS),
    ] {
        assert_eq!(last(words), expected, "{words:?}");
    }
}

#[test]
fn refused_mails_are_no_faults() {
    let limits = Settings { errors_max: 0, ..Settings::default() };
    let mut session = session(&limits);
    for _ in 0..3 {
        let mut input = BytesMut::from(MAIL);
        while !matches!(advance(&mut session, &mut input), Action::Settle(_)) {}
        let action = session.step(Event::Settled(Reply::not_allowed("d1")));
        assert!(matches!(action, Action::Say(reply) if reply == Reply::not_allowed("d1")));
    }
}

#[test]
fn what_happens_outside_ends_the_session_in_its_own_words() {
    let settled_while_reading = |_: &mut BytesMut| Event::Settled(Reply::OK);
    for (words, event, expected) in [
        ("", (|_| Event::Eof) as fn(&mut BytesMut) -> Event<'_>, None),
        ("EHLO app\r\n", |_| Event::TimedOut, Some(Reply::IDLE)),
        ("EHLO app\r\n", |_| Event::Withdrawn, Some(Reply::WITHDRAWN)),
        (DRAFT, |_| Event::ShuttingDown, Some(Reply::SHUTTING_DOWN)),
        (DRAFT, settled_while_reading, Some(Reply::INTERNAL_ERROR)),
    ] {
        let mut session = session(&Settings::default());
        let mut input = BytesMut::from(words);
        while !matches!(advance(&mut session, &mut input), Action::Read(Awaited::Command)) {}
        assert_eq!(session.is_between_transactions(), words != DRAFT);
        let Action::Close(reply) = session.step(event(&mut input)) else { panic!("{words:?} goes on") };
        assert_eq!(reply, expected, "{words:?}");
        assert!(matches!(session.step(Event::Input(&mut BytesMut::from("NOOP\r\n"))), Action::Close(None)));
    }
}

#[test]
fn starttls_is_offered_where_it_can_be_had_and_the_session_starts_afresh_behind_it() {
    let offers = |reply: &Reply| wire(reply).contains("STARTTLS");
    for (start_tls, mail_in_clear) in
        [(StartTls::Offered, Reply::SENDER_OK), (StartTls::Required, Reply::NEED_TLS)]
    {
        let settings = Settings { start_tls, ..Settings::default() };
        let dialogue = [
            "EHLO app\r\nMAIL FROM:<a@example.com>\r\nRSET\r\n",
            "STARTTLS\r\n",
            "MAIL FROM:<a@example.com>\r\n",
        ];
        let within = ["EHLO app\r\nSTARTTLS\r\n", "MAIL FROM:<a@example.com>\r\n"];
        let heard = talk(&settings, dialogue.iter().chain(&within).map(|packet| packet.as_bytes()));
        let [in_clear, mail, ok, ready, forgotten, within, again, sender] = heard.replies.as_slice() else {
            panic!("{heard:?}")
        };
        assert!(offers(in_clear) && !offers(within), "{heard:?}");
        assert_eq!((mail, ok, ready), (&mail_in_clear, &Reply::OK, &Reply::READY_FOR_TLS));
        assert_eq!((forgotten, again), (&Reply::NEED_HELLO, &Reply::WITHIN_TLS));
        assert_eq!(sender, &Reply::SENDER_OK);
    }
    let heard = hear(&Settings::default(), "EHLO app\r\nSTARTTLS\r\n");
    assert!(!offers(&heard.replies[0]));
    assert_eq!(heard.replies[1], Reply::NOT_IMPLEMENTED);
}

#[test]
fn starttls_has_its_place_between_transactions_and_at_the_end_of_a_packet() {
    let offered = Settings { start_tls: StartTls::Offered, ..Settings::default() };
    let heard = hear(&offered, &format!("{DRAFT}STARTTLS\r\nDATA\r\nA: b\r\n\r\n.\r\n"));
    assert_eq!(heard.replies[3], Reply::TLS_WITHIN_TRANSACTION);
    assert_eq!(heard.mails.len(), 1);

    // CVE-2011-0411: what stands behind STARTTLS in clear must not count as said within TLS.
    for injected in ["EHLO mallory\r\n", "MAIL FROM:<a@example.com>\r\n", "R", "\r\n", "\0"] {
        let heard = talk(&offered, [format!("EHLO app\r\nSTARTTLS\r\n{injected}").as_bytes()]);
        assert_eq!(heard.replies[1..], [Reply::OCTETS_BEHIND_STARTTLS], "{injected:?}");
        assert!(heard.is_closed);
    }
}

#[test]
fn a_last_reply_to_a_mail_closes_the_connection() {
    let mut session = session(&Settings::default());
    let mut input = BytesMut::from(MAIL);
    while !matches!(advance(&mut session, &mut input), Action::Settle(_)) {}
    let action = session.step(Event::Settled(Reply::SHUTTING_DOWN));
    assert!(matches!(action, Action::Close(Some(reply)) if reply == Reply::SHUTTING_DOWN));
}

#[test]
fn a_message_for_which_there_is_no_room_is_read_to_its_end() {
    let mut session = session(&Settings::default());
    let mut input = BytesMut::from(format!("{DRAFT}DATA\r\nA: b\r\n").as_str());
    while !matches!(advance(&mut session, &mut input), Action::Read(Awaited::Message)) {}
    assert_eq!(session.octets_held(), 6);
    assert!(matches!(session.step(Event::OutOfMemory), Action::Read(Awaited::Message)));
    assert_eq!(session.octets_held(), 0);
    input.extend_from_slice(b"\r\n.\r\n");
    let action = session.step(Event::Input(&mut input));
    assert!(matches!(action, Action::Say(reply) if reply == Reply::OUT_OF_MEMORY));
    assert!(session.is_between_transactions());
}

#[test]
fn a_reply_is_written_as_its_rfcs_say() {
    for (reply, expected) in [
        (Reply::greeting("relay.internal"), "220 relay.internal ESMTP sesgate\r\n"),
        (
            Reply::extensions("relay.internal", 100),
            "250-relay.internal\r\n250-PIPELINING\r\n250-SIZE 100\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
        ),
        (Reply::hello("relay.internal"), "250 relay.internal\r\n"),
        (Reply::SEND_MESSAGE, "354 End data with <CR><LF>.<CR><LF>\r\n"),
        (
            Reply::accepted("0106019dec617b98-00000000-000000"),
            "250 2.0.0 Ok 0106019dec617b98-00000000-000000\r\n",
        ),
        (
            Reply::denied("OnlyBilling", "d-1"),
            "554 5.7.1 Denied by policy: statement OnlyBilling (decision d-1)\r\n",
        ),
        (
            Reply::refused_by_ses(552, Some((3, 4)), "Message is too long."),
            "552 5.3.4 Message is too long.\r\n",
        ),
        (
            Reply::refused_by_ses(571, None, "4.3.4 Transaction failed\r\n250 Ok"),
            "571 5.0.0 4.3.4 Transaction failed??250 Ok\r\n",
        ),
        (Reply::refused_by_ses(250, None, "Ok"), "554 5.0.0 Ok\r\n"),
    ] {
        assert_eq!(wire(&reply), expected);
    }
}

#[test]
fn the_catalogue_is_complete_and_each_reply_stands_in_it_once() {
    let source = [include_str!("../src/smtp/reply.rs"), include_str!("../src/smtp/reply/login.rs")].concat();
    let catalogue = Reply::catalogue();
    let is_entry = |line: &&str| {
        let is_constructor = line.ends_with("-> Self {") && !line.contains("(self");
        let is_constant = line.starts_with("    pub const ") && !line.contains(" fn ");
        is_constant || is_constructor && (line.starts_with("    pub fn ") || line.starts_with("    ) "))
    };
    assert_eq!(catalogue.len(), source.lines().filter(is_entry).count());
    for (position, reply) in catalogue.iter().enumerate() {
        assert!(!catalogue[..position].contains(reply), "{reply} stands twice");
        let is_goodbye = matches!(reply.code(), 221 | 421) || wire(reply).contains("closing connection");
        assert_eq!(reply.is_last(), is_goodbye, "{reply}");
    }
}

proptest! {
    #[test]
    fn no_input_is_too_much(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..10), command in any::<String>(),
    ) {
        let settings = Settings { line_octets_max: 64, message_octets_max: 256, ..Settings::default() };
        talk(&settings, packets.iter().map(Vec::as_slice));
        let words = format!("{DRAFT}{command}\r\nDATA\r\n{command}\r\n.\r\n");
        let whole = talk(&settings, [words.as_bytes()]);
        prop_assert_eq!(talk(&settings, words.as_bytes().chunks(7)), whole);
    }

    #[test]
    fn whatever_is_put_into_it_a_reply_is_one_printable_line(text in any::<String>(), times in 1_usize..100) {
        let text = text.repeat(times);
        for reply in [
            Reply::denied(&text, "d-1"), Reply::denied("Sid", &text), Reply::refused_by_ses(554, None, &text), Reply::greeting(&text),
            Reply::identity_not_verified("eu-west-1", &text, "d-1"),
        ] {
            let line = wire(&reply);
            prop_assert!(line.len() <= 512);
            let line = line.strip_suffix("\r\n").unwrap();
            prop_assert!(line.bytes().all(|octet| matches!(octet, b' '..=b'~')), "{}", line);
        }
        for reply in [Reply::denied(&text, "d-1"), Reply::identity_not_verified(&text, &text, "d-1")] {
            prop_assert!(wire(&reply).ends_with(" (decision d-1)\r\n"));
        }
    }
}
