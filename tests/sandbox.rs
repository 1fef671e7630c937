#![cfg(test)]
//! The stand-in for SES, over real sockets: its dialogue as transcripts, and what a dialogue does not show.

#[path = "sandbox/client.rs"]
mod client;
#[path = "sandbox/control.rs"]
mod control;
#[path = "sandbox/transcript.rs"]
mod transcript;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use client::{Client, Pace};
use rustls::version::{TLS12, TLS13};
use sesgate::sandbox::{Endpoints, ListenError, Login, Sending, Settings, StandIn, StartError, answer_names};
use sesgate::secret::Secret;
use transcript::{login, play, settings};

const ACCEPTABLE: &[u8] = b"From: billing@example.com\r\n\r\n.\r\n";

fn transcripts() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/transcripts");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 30, "only {} transcripts", files.len());
    files
        .into_iter()
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(file).unwrap())
        })
        .collect()
}

/// A client at the plain port, past greeting and login.
async fn logged_in(stand_in: &StandIn) -> Client {
    let mut client = Client::connect(stand_in.endpoints().plain, Pace::Whole).await;
    assert!(client.line().await.starts_with("220 "));
    login(&mut client).await;
    client
}

#[tokio::test]
async fn the_dialogue_is_that_of_ses() {
    for (name, text) in transcripts() {
        play(&name, &text, Pace::Whole).await;
    }
}

#[tokio::test]
async fn the_dialogue_is_the_same_octet_by_octet() {
    for (name, text) in transcripts() {
        // What is sent in one piece with STARTTLS is the point of those.
        if !text.contains("\\r") {
            play(&name, &text, Pace::Octets).await;
        }
    }
}

#[test]
fn every_answer_is_heard_in_a_test() {
    let source = include_str!("../src/sandbox/answer.rs");
    let mut heard: String = transcripts().into_iter().map(|(_, text)| text).collect();
    heard.push_str(include_str!("sandbox.rs"));
    let mut answers = 0;
    for literal in source.split('"').skip(1) {
        let words = literal.split(['{', '\\', '"']).next().unwrap();
        let is_answer = words.len() > 4 && words.as_bytes()[..3].iter().all(u8::is_ascii_digit);
        if is_answer {
            answers += 1;
            assert!(heard.contains(words), "no test hears `{words}`");
        }
    }
    assert!(answers > 40, "only {answers} answers found");
}

#[tokio::test]
async fn a_mail_is_kept_octet_for_octet() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut watcher = stand_in.mailbox().watch();
    let mut client = logged_in(&stand_in).await;
    client.ask("HELO app.test").await;
    client.envelope("<bounces@example.com>", &["<ann@customer.test>", "Bob@customer.test"]).await;
    let message: &[&[u8]] = &[
        b"From: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= <billing@example.com>\r\nSubject: A\r\n folded\r\n",
        b"X-SES-Configuration-Set: live\r\nx-ses-message-tags: a=b,\r\n c=d\r\n",
        b"\r\n.leading dot\r\n..\r\n.\n.\r\x00\xff bare\n\r\n",
    ];
    let message = message.concat();
    let text = message.iter().map(|octet| char::from(*octet)).collect::<String>();
    let stuffed: Vec<u8> = text.replace("\r\n.", "\r\n..").chars().map(|letter| letter as u8).collect();
    client.write(&stuffed).await;
    let answer = client.ask(".").await;

    let mails = stand_in.mailbox().wait_for(1).await;
    let mail = &mails[0];
    assert_eq!(mail.octets, message);
    assert_eq!(answer, format!("250 Ok {}", mail.summary.message_id));
    assert_eq!(mail.summary.sender, "bounces@example.com");
    assert_eq!(mail.summary.recipients, ["ann@customer.test", "Bob@customer.test"]);
    assert_eq!(mail.summary.from, "Grüße <billing@example.com>");
    assert_eq!(mail.summary.subject, "A folded");
    assert_eq!(mail.summary.octets, message.len());
    assert_eq!(mail.client_name, "app.test");
    assert_eq!(mail.session_token.len(), 20);
    let steering = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        mail.ses_fields,
        [steering("X-SES-Configuration-Set", "live"), steering("x-ses-message-tags", "a=b, c=d")]
    );
    assert_eq!(*watcher.recv().await.unwrap(), mail.summary);
}

#[tokio::test]
async fn fifty_recipients_are_taken_and_one_more_is_refused_after_the_dot() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    for (recipients, answer) in [(51, "554 Transaction failed: Recipient count exceeds 50."), (50, "250 Ok ")]
    {
        client.envelope("<billing@example.com>", &vec!["<ann@customer.test>"; recipients]).await;
        client.write(ACCEPTABLE).await;
        let heard = client.line().await;
        assert!(heard.starts_with(answer), "{heard}");
        client.expect("RSET", "250 Ok").await;
    }
}

#[tokio::test]
async fn a_thousand_recipients_are_all_that_is_listened_to() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    client.expect("MAIL FROM:<billing@example.com>", "250 Ok").await;
    for _ in 0..1000 {
        client.expect("RCPT TO:<ann@customer.test>", "250 Ok").await;
    }
    client.expect("RCPT TO:<ann@customer.test>", "452 Error: too many recipients").await;
}

#[tokio::test]
async fn a_header_without_end_is_not_read() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    client.envelope("<billing@example.com>", &["<ann@customer.test>"]).await;
    client.write("X-Pad: 012345678901234567890123456789\r\n".repeat(10_000).as_bytes()).await;
    client.write(b"From: billing@example.com\r\n\r\n").await;
    client.expect(".", "554 Transaction failed: Header section too long.").await;
}

#[tokio::test]
async fn a_long_list_of_unverified_identities_is_cut() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    client.envelope("<billing@example.com>", &["<ann@customer.test>"]).await;
    client.write(format!("From: {}\r\n\r\n", "a@b.test, ".repeat(1000)).as_bytes()).await;
    let heard = client.ask(".").await;
    assert!(heard.starts_with("554 Message rejected: Email address is not verified."), "{heard}");
    assert!(heard.ends_with("...") && heard.len() < 600, "{heard}");
}

#[tokio::test]
async fn an_account_is_suspended_and_comes_back_while_it_runs() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    for (sending, code) in [(Sending::Suspended, "554"), (Sending::Enabled, "250")] {
        stand_in.set_sending(sending);
        client.envelope("<billing@example.com>", &["<ann@customer.test>"]).await;
        client.write(ACCEPTABLE).await;
        let heard = client.line().await;
        assert!(heard.starts_with(code), "{heard}");
        client.expect("RSET", "250 Ok").await;
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_until_another_ends() {
    let stand_in = StandIn::start(Settings { connections_max: 1, ..settings() }).await.unwrap();
    let mut first = logged_in(&stand_in).await;
    for endpoint in [stand_in.endpoints().plain, stand_in.endpoints().starttls] {
        let mut second = Client::connect(endpoint, Pace::Whole).await;
        assert_eq!(second.line().await, "421 Too many concurrent SMTP connections");
        assert_eq!(second.line().await, "[closed]");
    }
    let second = Client::connect(stand_in.endpoints().implicit_tls, Pace::Whole).await;
    let mut second = second.into_tls(stand_in.ca_pem(), "localhost", &TLS13).await.unwrap();
    assert_eq!(second.line().await, "421 Too many concurrent SMTP connections");

    first.expect("QUIT", "221 Bye").await;
    drop(first);
    while !Client::connect(stand_in.endpoints().plain, Pace::Whole).await.line().await.starts_with("220 ") {}
}

#[tokio::test]
async fn its_certificate_is_good_for_its_names_only() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    for version in [&TLS12, &TLS13] {
        for (name, is_good) in [
            ("email-smtp.ap-northeast-1.amazonaws.com", true),
            ("vpce-1.email-smtp.ap-northeast-1.vpce.amazonaws.com", true),
            ("localhost", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("email-smtp.us-east-1.amazonaws.com", false),
        ] {
            let client = Client::connect(stand_in.endpoints().implicit_tls, Pace::Whole).await;
            let shaken = client.into_tls(stand_in.ca_pem(), name, version).await;
            assert_eq!(shaken.is_ok(), is_good, "{name}");
        }
    }
    let other = StandIn::start(settings()).await.unwrap();
    let client = Client::connect(stand_in.endpoints().implicit_tls, Pace::Whole).await;
    assert!(client.into_tls(other.ca_pem(), "localhost", &TLS13).await.is_err());
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_names_a_port_in_use() {
    let any = Endpoints { plain: "0.0.0.0:0".parse().unwrap(), ..Endpoints::default() };
    let error = StandIn::start(Settings { endpoints: any, ..settings() }).await.unwrap_err();
    assert!(matches!(error, StartError::Listen(ListenError::NotLoopback(_))));
    assert_eq!(error.to_string(), "the stand-in listens on loopback only, and `0.0.0.0:0` is not");

    let stand_in = StandIn::start(settings()).await.unwrap();
    let taken = Settings { endpoints: stand_in.endpoints(), ..settings() };
    let error = StandIn::start(taken).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on `{}`", stand_in.endpoints().implicit_tls));
}

#[tokio::test]
async fn a_login_is_made_up_for_each_start() {
    let one = StandIn::start(Settings::default()).await.unwrap();
    let other = StandIn::start(Settings::default()).await.unwrap();
    assert_eq!(one.login().user_name.len(), 20);
    assert!(one.login().user_name.starts_with("AKIA"));
    assert_eq!(one.login().password.expose().len(), 44);
    assert_ne!(one.login().password.expose(), other.login().password.expose());
}

#[tokio::test]
async fn stopping_says_goodbye_to_those_who_wait_and_lets_a_mail_end() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mailbox = stand_in.mailbox().clone();
    let endpoints = stand_in.endpoints();
    let mut waiting = logged_in(&stand_in).await;
    let mut sending = logged_in(&stand_in).await;
    sending.envelope("<billing@example.com>", &["<ann@customer.test>"]).await;
    let stopped = tokio::spawn(stand_in.stop());
    assert_eq!(waiting.line().await, "421 Service not available, closing transmission channel.");
    assert_eq!(waiting.line().await, "[closed]");
    sending.write(ACCEPTABLE).await;
    assert!(sending.line().await.starts_with("250 Ok "));
    assert_eq!(sending.line().await, "421 Service not available, closing transmission channel.");
    drop(sending);
    stopped.await.unwrap();
    assert_eq!(mailbox.accepted(), 1);
    let refused = tokio::net::TcpStream::connect(endpoints.plain).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn dropped_it_is_gone() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    drop(stand_in);
    assert_eq!(client.line().await, "[closed]");
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    for fault in ["greeting=reset", "greeting=reset"] {
        stand_in.faults().add(fault.parse().unwrap());
        let mut client = Client::connect(stand_in.endpoints().plain, Pace::Whole).await;
        assert_eq!(client.end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    stand_in.faults().add("noop=reset".parse().unwrap());
    let client = Client::connect(stand_in.endpoints().implicit_tls, Pace::Whole).await;
    let mut client = client.into_tls(stand_in.ca_pem(), "localhost", &TLS13).await.unwrap();
    assert!(client.line().await.starts_with("220 "));
    client.write(b"NOOP\r\n").await;
    assert_eq!(client.end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn every_answer_that_has_a_name_is_said_by_it() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let named: &[(&str, &str)] = &[
        ("auth-failure", "454 Temporary authentication failure"),
        ("bad-credentials", "535 Authentication Credentials Invalid"),
        ("commands-fail", "421 4.4.0 Problem attempting to execute commands. Please try again later."),
        ("mail-from-domain", "554 MAIL FROM domain not verified: DNS setup for MAIL FROM domain is invalid."),
        ("no-message-id", "250 Ok"),
        ("not-subscribed", "535 Account not subscribed to SES"),
        ("old-session-full", "421 Connection closed by server. Too many messages in one session."),
        ("old-timeout", "421 Timeout waiting for data from client."),
        ("quota-exceeded", "454 Throttling failure: Daily message quota exceeded."),
        ("service-failure", "454 Temporary service failure"),
        ("session-full", "421 Connection closed by server. Maximum message count per session reached."),
        ("sigv2-throttled", "454 Throttling failure: Maximum SigV2 SMTP sending rate exceeded."),
        ("stale-transaction", "503 Sender already specified."),
        (
            "suspended",
            "554 Message rejected: Sending suspended for this account. For more information, please check the \
             inbox of the email address associated with your AWS account.",
        ),
        ("system-failure", "421 4.3.0 Mail system failure, closing transmission channel"),
        ("temporary-failure", "451 Temporary service failure"),
        ("throttled", "454 Throttling failure: Maximum sending rate exceeded."),
        ("timeout", "451 4.4.2 Timeout waiting for data from client."),
        ("too-long", "552 5.3.4 Message is too long."),
        ("too-many-connections", "421 Too many concurrent SMTP connections"),
        ("unavailable", "421 Service not available, closing transmission channel."),
    ];
    assert!(named.iter().map(|(name, _)| *name).eq(answer_names()));
    for (name, words) in named {
        stand_in.faults().add(format!("noop={name}").parse().unwrap());
        let mut client = logged_in(&stand_in).await;
        client.expect("NOOP", words).await;
        let closes = words.starts_with("421 ") || *name == "timeout";
        let next = if closes { "[closed]" } else { "250 Ok" };
        client.expect("NOOP", next).await;
    }
}

#[tokio::test]
async fn a_login_that_is_new_is_good_after_a_while_and_one_that_is_gone_is_not() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let old = "AUTH PLAIN AEFLSUFTQU5EQk9YAG9wZW4gc2VzYW1l";
    // AKIANEW and `new sesame`.
    let new = "AUTH PLAIN AEFLSUFORVcAbmV3IHNlc2FtZQ==";
    let (good, bad) = ("235 Authentication successful.", "535 Authentication Credentials Invalid");
    stand_in.change_settings(|settings| settings.new_login_delay = Duration::from_mins(1));
    let login = Login { user_name: "AKIANEW".to_owned(), password: Secret::new("new sesame".to_owned()) };
    stand_in.add_login(login);
    let kept = logged_in(&stand_in).await;
    for (wait, old_answer, new_answer) in [(Duration::ZERO, good, bad), (Duration::from_mins(1), bad, good)] {
        tokio::time::pause();
        tokio::time::advance(wait).await;
        tokio::time::resume();
        if !wait.is_zero() {
            stand_in.remove_login("AKIASANDBOX");
        }
        for (line, answer) in [(old, old_answer), (new, new_answer)] {
            let mut client = Client::connect(stand_in.endpoints().plain, Pace::Whole).await;
            client.line().await;
            client.expect(line, answer).await;
        }
    }
    drop(kept);
}

#[tokio::test]
async fn connections_break_when_they_are_told_to_and_when_they_are_old() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut idle = logged_in(&stand_in).await;
    let mut sending = logged_in(&stand_in).await;
    sending.envelope("<billing@example.com>", &["<ann@customer.test>"]).await;
    stand_in.drop_connections();
    for client in [&mut idle, &mut sending] {
        assert_eq!(client.end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    stand_in.change_settings(|settings| settings.connection_age_max = Some(Duration::from_millis(200)));
    let mut client = logged_in(&stand_in).await;
    client.expect("NOOP", "250 Ok").await;
    assert_eq!(client.end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn it_goes_away_and_comes_back_where_it_was() {
    // No other test is given a port of this address while it is away.
    let any = "127.71.71.73:0".parse().unwrap();
    let endpoints = Endpoints { implicit_tls: any, starttls: any, plain: any };
    let stand_in = StandIn::start(Settings { endpoints, ..settings() }).await.unwrap();
    let plain = stand_in.endpoints().plain;
    let mut waiting = logged_in(&stand_in).await;
    let away = async {
        assert_eq!(waiting.line().await, "421 Service not available, closing transmission channel.");
        drop(waiting);
        while tokio::net::TcpStream::connect(plain).await.is_ok() {}
    };
    let (restarted, ()) = tokio::join!(stand_in.restart(Duration::from_millis(300)), away);
    restarted.unwrap();
    assert_eq!(stand_in.endpoints().plain, plain);
    let mut client = logged_in(&stand_in).await;
    client.envelope("<billing@example.com>", &["<ann@customer.test>"]).await;
    client.write(ACCEPTABLE).await;
    assert!(client.line().await.starts_with("250 Ok "));
}

#[tokio::test]
async fn an_answer_may_break_off() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    stand_in.faults().add("noop=cut 250 O".parse().unwrap());
    client.expect("NOOP", "250 O[closed]").await;
}

#[tokio::test]
async fn a_delayed_step_is_taken_later() {
    let stand_in = StandIn::start(settings()).await.unwrap();
    let mut client = logged_in(&stand_in).await;
    stand_in.faults().add("noop=delay 100ms".parse().unwrap());
    let asked = Instant::now();
    client.expect("NOOP", "250 Ok").await;
    assert!(asked.elapsed() >= Duration::from_millis(100));
    assert!(stand_in.faults().remaining().is_empty());
}
