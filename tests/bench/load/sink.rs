//! What stands in for SES: it takes every mail, as fast as it can or as slowly as it is told, and keeps none.
//!
//! The sandbox's stand-in judges and keeps what it is sent, and would take longer for it than the relay does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use memchr::{memchr, memmem};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{self, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::certificate::Certificate;
use crate::load::scenarios::Delays;

const END: &[u8] = b"\r\n.\r\n";
const BUFFER_OCTETS: usize = 64 << 10;

pub struct Sink {
    pub clear: SocketAddr,
    pub secured: SocketAddr,
    pub certificate: Certificate,
    counts: Arc<Counts>,
    _doors: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    mails: AtomicUsize,
    /// Microseconds that answers were to be delayed, and were.
    asked: AtomicU64,
    slept: AtomicU64,
}

/// What has come so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    pub connections: usize,
    pub mails: usize,
}

impl Sink {
    pub async fn open(delays: Delays) -> Self {
        let certificate = Certificate::new();
        let counts = Arc::new(Counts::default());
        let mut doors = JoinSet::new();
        let mut addresses = Vec::new();
        for tls in [None, Some(acceptor(&certificate))] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            addresses.push(listener.local_addr().expect("an address"));
            doors.spawn(serve(listener, tls, delays, Arc::clone(&counts)));
        }
        let &[clear, secured] = addresses.as_slice() else { panic!("two doors") };
        Self { clear, secured, certificate, counts, _doors: doors }
    }

    pub fn taken(&self) -> Taken {
        let Counts { connections, mails, .. } = &*self.counts;
        Taken { connections: connections.load(Ordering::Relaxed), mails: mails.load(Ordering::Relaxed) }
    }

    /// How much longer than they were to be the delays are: the clock of the runtime counts milliseconds.
    pub fn overshoot(&self) -> f64 {
        let seconds = |microseconds: &AtomicU64| {
            Duration::from_micros(microseconds.load(Ordering::Relaxed)).as_secs_f64()
        };
        seconds(&self.counts.slept) / seconds(&self.counts.asked)
    }
}

fn acceptor(certificate: &Certificate) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(certificate.pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(certificate.pem.as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain.collect::<Result<_, _>>().expect("a certificate"), key);
    TlsAcceptor::from(Arc::new(config.expect("a key that fits")))
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, delays: Delays, counts: Arc<Counts>) {
    let mut sessions = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        counts.connections.fetch_add(1, Ordering::Relaxed);
        sessions.spawn(greet(stream, tls.clone(), delays, Arc::clone(&counts)));
        while sessions.try_join_next().is_some() {}
    }
}

/// A connection that ends is no concern of the sink: whoever waited for an answer will say so.
async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>, delays: Delays, counts: Arc<Counts>) {
    let _ = stream.set_nodelay(true);
    let _ = match tls {
        None => converse(stream, delays, &counts).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => converse(stream, delays, &counts).await,
            Err(error) => Err(error),
        },
    };
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    delays: Delays,
    counts: &Counts,
) -> io::Result<()> {
    let mut input = BytesMut::new();
    say(&mut stream, b"220 sink.test ESMTP\r\n", delays.reply, counts).await?;
    loop {
        let Some(lf) = memchr(b'\n', &input) else {
            if read(&mut stream, &mut input).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let line = input.split_to(lf + 1);
        let reply: &[u8] = match line.first_chunk::<4>().unwrap_or(b"    ") {
            b"EHLO" => b"250-sink.test\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN\r\n250 Ok\r\n",
            b"AUTH" => b"235 Authentication successful.\r\n",
            b"DATA" => {
                say(&mut stream, b"354 End data with <CR><LF>.<CR><LF>\r\n", delays.reply, counts).await?;
                skip_message(&mut stream, &mut input).await?;
                counts.mails.fetch_add(1, Ordering::Relaxed);
                say(&mut stream, b"250 Ok 0100019a0000000-bench-000000\r\n", delays.verdict, counts).await?;
                continue;
            }
            b"QUIT" => return say(&mut stream, b"221 Bye\r\n", Duration::ZERO, counts).await,
            _ => b"250 Ok\r\n",
        };
        say(&mut stream, reply, delays.reply, counts).await?;
    }
}

/// Reads on to behind the final dot.
async fn skip_message(stream: &mut (impl AsyncRead + Unpin), input: &mut BytesMut) -> io::Result<()> {
    loop {
        if let Some(end) = memmem::find(input, END) {
            input.advance(end + END.len());
            return Ok(());
        }
        // The end may have come in part.
        input.advance(input.len().saturating_sub(END.len() - 1));
        if read(stream, input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), input: &mut BytesMut) -> io::Result<usize> {
    input.reserve(BUFFER_OCTETS);
    stream.read_buf(input).await
}

async fn say(
    stream: &mut (impl AsyncWrite + Unpin),
    reply: &[u8],
    delay: Duration,
    counts: &Counts,
) -> io::Result<()> {
    if !delay.is_zero() {
        let begun = Instant::now();
        sleep(delay).await;
        for (sum, time) in [(&counts.asked, delay), (&counts.slept, begun.elapsed())] {
            sum.fetch_add(u64::try_from(time.as_micros()).unwrap_or_default(), Ordering::Relaxed);
        }
    }
    stream.write_all(reply).await?;
    stream.flush().await
}
