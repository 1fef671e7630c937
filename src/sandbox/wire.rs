//! Octets off a connection, cut into lines and messages; words onto it. Every wait is bounded, and so is what
//! is kept while waiting.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr2, memmem};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::sandbox::settings::{Oversize, Settings};

/// `SubEthaSMTP` closes the connection when a line grows to this.
const LINE_OCTETS_MAX: usize = 998;
const READ_OCTETS: usize = 64 * 1024;
const END_OF_DATA: &[u8] = b"\r\n.\r\n";
/// For a client that does not read what it is told.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a closed connection is still read from.
const LINGER: Duration = Duration::from_millis(500);

/// A connection, in the clear or in TLS.
#[derive(Debug)]
pub struct Wire<S> {
    stream: S,
    buffer: BytesMut,
}

/// What a client sent as a command, without its CRLF.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Text(String),
    /// A CR or LF that stands alone.
    BareLineEnd {
        position: usize,
    },
    TooLong,
}

/// What a client sent after DATA.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// Without the stuffed dots; empty if there were too many octets to keep.
    pub unstuffed: Bytes,
    pub octets: usize,
}

/// Why there is nothing more to read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    Idle,
    Gone,
    Stopped,
    /// The message grew longer than is read.
    TooLong,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// The next command. The whole line must come within the idle time-out.
    pub async fn line(&mut self, idle_timeout: Duration) -> Result<Line, Hangup> {
        let deadline = Instant::now() + idle_timeout;
        loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end);
                self.buffer.advance(2);
                return Ok(read_line(&line));
            }
            if self.buffer.len() >= LINE_OCTETS_MAX {
                return Ok(Line::TooLong);
            }
            self.fill(deadline).await?;
        }
    }

    /// Waits until a first part of a message is there.
    pub async fn message_begins(&mut self, idle_timeout: Duration) -> Result<(), Hangup> {
        if self.buffer.is_empty() { self.fill(Instant::now() + idle_timeout).await } else { Ok(()) }
    }

    /// Everything up to CRLF . CRLF (RFC 5321 section 4.1.1.4). What is longer than `octets_max`, stuffed dots
    /// included, is read but not kept, or not read.
    pub async fn message(&mut self, settings: &Settings) -> Result<Message, Hangup> {
        let kept_max = settings.message_octets_max.saturating_add(END_OF_DATA.len());
        let mut dropped: usize = 0;
        let mut searched: usize = 0;
        loop {
            // The CRLF before the dot may be the one that ended DATA.
            if dropped == 0 && self.buffer.starts_with(b".\r\n") {
                self.buffer.advance(3);
                return Ok(Message { unstuffed: Bytes::new(), octets: 0 });
            }
            let unsearched = self.buffer.get(searched..).unwrap_or_default();
            if let Some(at) = memmem::find(unsearched, END_OF_DATA) {
                let stuffed = self.buffer.split_to(searched.saturating_add(at).saturating_add(2)).freeze();
                self.buffer.advance(3);
                return Ok(finish_message(stuffed, dropped));
            }
            searched = self.buffer.len().saturating_sub(END_OF_DATA.len() - 1);
            if dropped > 0 || self.buffer.len() > kept_max {
                if settings.oversize == Oversize::Cut {
                    return Err(Hangup::TooLong);
                }
                self.buffer.advance(searched);
                dropped = dropped.saturating_add(searched);
                searched = 0;
            }
            self.fill(Instant::now() + settings.idle_timeout).await?;
        }
    }

    /// Writes one answer, in one piece.
    pub async fn say(&mut self, words: &str) -> Result<(), Hangup> {
        self.write(&format!("{words}\r\n")).await
    }

    /// Writes an answer, or as much of it as there is to be.
    pub async fn write(&mut self, octets: &str) -> Result<(), Hangup> {
        let write = async {
            self.stream.write_all(octets.as_bytes()).await?;
            self.stream.flush().await
        };
        match timeout(WRITE_TIMEOUT, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Hangup::Gone),
        }
    }

    /// Closes, and reads on for a moment: closing on unread octets would send RST, and that can take back the
    /// last answer before the client has read it (RFC 1122 section 4.2.2.13).
    pub async fn close(mut self) {
        let closing = async {
            self.stream.shutdown().await?;
            loop {
                self.buffer.clear();
                self.buffer.reserve(READ_OCTETS);
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Ok::<(), std::io::Error>(());
                }
            }
        };
        // Whether it went well makes no difference any more.
        let _ = timeout(LINGER, closing).await;
    }

    async fn fill(&mut self, deadline: Instant) -> Result<(), Hangup> {
        self.buffer.reserve(READ_OCTETS);
        match timeout_at(deadline, self.stream.read_buf(&mut self.buffer)).await {
            Ok(Ok(0) | Err(_)) => Err(Hangup::Gone),
            Ok(Ok(_)) => Ok(()),
            Err(_) => Err(Hangup::Idle),
        }
    }
}

fn read_line(line: &[u8]) -> Line {
    match memchr2(b'\r', b'\n', line) {
        Some(position) => Line::BareLineEnd { position },
        None if line.len() >= LINE_OCTETS_MAX => Line::TooLong,
        None => Line::Text(String::from_utf8_lossy(line).into_owned()),
    }
}

fn finish_message(stuffed: Bytes, dropped: usize) -> Message {
    if dropped > 0 {
        return Message { unstuffed: Bytes::new(), octets: dropped.saturating_add(stuffed.len()) };
    }
    let unstuffed = unstuff(stuffed);
    Message { octets: unstuffed.len(), unstuffed }
}

/// RFC 5321 section 4.5.2.
fn unstuff(stuffed: Bytes) -> Bytes {
    let mut dots = memmem::find_iter(&stuffed, b"\r\n.").map(|at| at.saturating_add(2)).peekable();
    if dots.peek().is_none() && !stuffed.starts_with(b".") {
        drop(dots);
        return stuffed;
    }
    let mut unstuffed = BytesMut::with_capacity(stuffed.len());
    let mut from = usize::from(stuffed.starts_with(b"."));
    for dot in dots {
        unstuffed.extend_from_slice(stuffed.get(from..dot).unwrap_or_default());
        from = dot.saturating_add(1);
    }
    unstuffed.extend_from_slice(stuffed.get(from..).unwrap_or_default());
    unstuffed.freeze()
}
