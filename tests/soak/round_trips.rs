//! How often a mail has to wait for SES's answer on a connection that is kept: what a distance of 20 ms costs it.
//!
//! MAIL, each RCPT, DATA and the message: SES offers no PIPELINING (RFC 2920), and a client must not send the next
//! command before the answer to the last where it is not offered.

use std::io::{Write as _, stderr};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use sesgate::sandbox::StandIn;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::client::{Attempt, Client, Mail};
use crate::relay::{Relay, SENDER, account, way};

/// There and back.
const DISTANCE: Duration = Duration::from_millis(20);

/// How often the relay spoke, having heard something since it spoke last.
#[derive(Debug, Default)]
struct Turns {
    count: AtomicU32,
    is_heard: AtomicBool,
}

/// Carries octets to SES at once, and its answers back late.
async fn carry(listener: TcpListener, ses: SocketAddr, turns: Arc<Turns>) {
    while let Ok((near, _)) = listener.accept().await {
        let far = TcpStream::connect(ses).await.unwrap();
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        let ((near_reader, near_writer), (far_reader, far_writer)) = (near.into_split(), far.into_split());
        let (spoken, heard) = (Arc::clone(&turns), Arc::clone(&turns));
        tokio::spawn(pass(near_reader, far_writer, Duration::ZERO, move || {
            if spoken.is_heard.swap(false, Ordering::SeqCst) {
                spoken.count.fetch_add(1, Ordering::SeqCst);
            }
        }));
        tokio::spawn(pass(far_reader, near_writer, DISTANCE, move || {
            heard.is_heard.store(true, Ordering::SeqCst);
        }));
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
    passed: impl Fn(),
) {
    let mut octets = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut octets).await {
        sleep(delay).await;
        passed();
        if to.write_all(&octets[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_on_a_kept_connection_waits_three_times_and_once_for_each_recipient() {
    let stand_in = StandIn::start(account()).await.unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, turns) = (proxy.local_addr().unwrap(), Arc::new(Turns::default()));
    tokio::spawn(carry(proxy, stand_in.endpoints().implicit_tls, Arc::clone(&turns)));
    let relay = Relay::start(None, way("implicit", address, &stand_in), stand_in.ca_pem());
    let mut client = Client::new(relay.address());
    // More than one write, and more than a proxy reads at once.
    for (number, (recipients, octets)) in
        [(1, 100), (1, 100), (1, 300_000), (3, 100), (50, 100)].into_iter().enumerate()
    {
        let (before, begun) = (turns.count.load(Ordering::SeqCst), Instant::now());
        let attempt = client.attempt(&Mail::new(number, SENDER, recipients, octets)).await;
        let (took, waits) = (begun.elapsed(), turns.count.load(Ordering::SeqCst) - before);
        assert!(matches!(&attempt, Attempt::Replied(reply) if reply.starts_with("250 ")), "{attempt:?}");
        let kept = if number == 0 { "new" } else { "kept" };
        let _ = writeln!(
            stderr(),
            "round trips: {waits} and {took:?} at a distance of {DISTANCE:?}, for {octets} octets to {recipients} \
             on a {kept} connection",
        );
        // The first opens the connection: TLS, EHLO and AUTH come on top.
        if number > 0 {
            let expected = 3 + u32::try_from(recipients).unwrap();
            assert_eq!(waits, expected, "for {recipients} recipients");
            assert!(took >= DISTANCE * expected, "{took:?}");
        }
    }
    relay.stop().await;
}
