//! What each client meets that wants too much, and that the others do not notice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sesgate::server::Connections;
use sesgate::telemetry::{AuditSink, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::rig::{Authority, Log, Records, Rig, connections};

const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
const ALLOWED: &str = "127.0.0.1:4711";
const FORBIDDEN: &str = "10.6.6.6:4711";

/// A client of a relay without sockets.
fn client_of(connections: &Arc<Connections>, address: &str, octets: usize) -> (DuplexStream, JoinHandle<()>) {
    let (ours, theirs) = duplex(octets);
    let address: SocketAddr = address.parse().unwrap();
    let connections = Arc::clone(connections);
    (ours, tokio::spawn(async move { connections.welcome(theirs, address).await }))
}

async fn greeted(connections: &Arc<Connections>, address: &str) -> Client<DuplexStream> {
    let mut client = Client::new(client_of(connections, address, 1 << 20).0);
    assert!(client.hear().await.starts_with("220 "));
    client
}

#[tokio::test]
async fn an_address_has_its_connections_and_all_together_theirs() {
    let authority = Authority::new();
    for (limit, reply) in [
        (
            "connections_per_address_max",
            "421 4.7.0 Too many connections from your address; close some or try again later\r\n",
        ),
        ("connections_max", "421 4.7.0 Too many connections; close some or try again later\r\n"),
    ] {
        let rig = Rig::start(&authority, &format!("{LISTENER}[limits]\n{limit} = 2\n")).await;
        let first = Client::greeted(rig.address()).await;
        let mut second = Client::greeted(rig.address()).await;
        let mut third = Client::connect(rig.address()).await;
        assert_eq!(third.hear().await, reply);
        assert_eq!(third.hear().await, "");
        assert!(second.ask("NOOP").await.starts_with("250 "));
        drop(first);
        let mut greetings = 0;
        for _ in 0..1000 {
            let heard = Client::connect(rig.address()).await.hear().await;
            greetings += usize::from(heard.starts_with("220 "));
        }
        assert!(greetings > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_is_given_up_and_one_that_is_merely_slow_is_not() {
    let connections = connections(Arc::<Records>::default(), "[limits]\nmessage_rate_min = 100\n", |_| {});
    for (octets_a_second, expected) in [(50, "421 4.4.2 The message came too slowly"), (150, "451 ")] {
        let mut client = greeted(&connections, ALLOWED).await;
        client.begin().await;
        client.say("From: app@example.com\r\n\r\n").await;
        let begun = Instant::now();
        let line = format!("{}\r\n", "x".repeat(octets_a_second - 2));
        let (mut reader, mut writer) = tokio::io::split(client.into_inner());
        let trickle = tokio::spawn(async move {
            for _ in 0..120 {
                if writer.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
                sleep(Duration::from_secs(1)).await;
            }
            let _ = writer.write_all(b".\r\n").await;
            // The client stays until it has heard the reply.
            std::future::pending::<()>().await;
        });
        let mut reply = [0; 256];
        let length = reader.read(&mut reply).await.unwrap();
        let reply = String::from_utf8_lossy(&reply[..length]).into_owned();
        assert!(reply.starts_with(expected), "{reply}");
        let range = if octets_a_second == 50 { 30..90 } else { 120..180 };
        assert!(range.contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        trickle.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_given_up() {
    let connections = connections(Arc::<Records>::default(), "[limits]\nidle_timeout = \"7s\"\n", |_| {});
    let (mut client, ended) = client_of(&connections, ALLOWED, 512);
    let begun = Instant::now();
    tokio::spawn(async move {
        // More is answered than there is room for.
        while client.write_all(b"EHLO app\r\n").await.is_ok() {}
        std::future::pending::<()>().await;
    });
    ended.await.unwrap();
    assert!((7..10).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_room_a_message_waits_a_little_and_is_then_refused_for_now() {
    let small = |config: &mut sesgate::config::Config| config.limits.messages_octets_max = 256 * 1024;
    let connections = connections(Arc::<Records>::default(), "", small);
    let line = format!("{}\r\n", "x".repeat(998));
    let mut greedy = greeted(&connections, ALLOWED).await;
    greedy.begin().await;
    greedy.say(format!("From: app@example.com\r\n\r\n{}", line.repeat(150))).await;
    sleep(Duration::from_millis(1)).await;

    // In vain.
    let mut second = greeted(&connections, ALLOWED).await;
    let begun = Instant::now();
    second.begin().await;
    second.say(format!("From: app@example.com\r\n\r\n{}.\r\n", line.repeat(9))).await;
    assert_eq!(second.hear().await, "452 4.3.1 No room for the message now; try again later\r\n");
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert!(second.ask("NOOP").await.starts_with("250 "));

    // Not in vain: the message goes on when the other has ended.
    let mut third = greeted(&connections, ALLOWED).await;
    third.begin().await;
    third.say("From: app@example.com\r\n\r\n.\r\n").await;
    let waiting = tokio::spawn(async move { third.hear().await });
    sleep(Duration::from_secs(2)).await;
    assert!(!waiting.is_finished());
    drop(greedy);
    assert!(waiting.await.unwrap().starts_with("451 4.4.1 "));
}

/// Panics at the first mail.
#[derive(Debug)]
struct Fragile;

impl AuditSink for Fragile {
    fn record(&self, record: &Record<'_>, _: &Arc<[u8]>) {
        panic!("cannot record {}", record.client);
    }
}

#[tokio::test]
async fn a_panic_ends_one_session_and_no_other() {
    let (log, _guard) = Log::capture();
    let connections = connections(Arc::new(Fragile), "", |_| {});
    let mut other = greeted(&connections, ALLOWED).await;
    other.begin().await;
    for count in 1..=2 {
        let mut client = greeted(&connections, FORBIDDEN).await;
        assert_eq!(client.send().await, "421 4.3.0 Internal error of the relay; closing connection\r\n");
        assert_eq!(client.hear().await, "");
        let panics = format!("panics={count}");
        log.line(&["ERROR", "a session panicked", &panics, "cannot record 10.6.6.6", FORBIDDEN]).await;
    }
    other.say("no header\r\n.\r\n").await;
    // It is its own mail that this session panics at, and not before.
    assert!(other.hear().await.starts_with("421 4.3.0 "));
}

#[tokio::test]
async fn a_client_that_closes_its_half_hears_what_became_of_its_mail() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, LISTENER).await;
    let mut client = Client::greeted(rig.address()).await;
    client.begin().await;
    client.say("From: app@example.com\r\n\r\nHello\r\n.\r\n").await;
    let mut stream = client.into_inner();
    stream.shutdown().await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert!(heard.starts_with("250 2.0.0 Ok "), "{heard}");

    // Half a message is none.
    let mut client = Client::greeted(rig.address()).await;
    client.begin().await;
    client.say("From: app@example.com\r\n\r\nHello\r\n").await;
    let mut stream = client.into_inner();
    stream.shutdown().await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "");
    assert_eq!(rig.audited(), ["127.0.0.1 default tls=false 250"]);
    assert_eq!(rig.stand_in.mailbox().accepted(), 1);
}
