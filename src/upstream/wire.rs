//! The octets between the relay and SES: commands out, answers in, each wait bounded.
//!
//! It knows neither the order of commands nor what an answer means; `conversation` does.

use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::task::coop::unconstrained;
use tokio::time::timeout;

use crate::upstream::answer::{Answer, AnswerError};
use crate::upstream::octets::Octets;
use crate::upstream::progress::Progress;

const READ_OCTETS: usize = 1024;

/// A stream of octets to SES, in clear or within TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why a connection cannot be used any longer.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("SES closed the connection")]
    Closed,
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("SES said nothing for {0:?}")]
    Silent(Duration),
    #[error("SES took nothing for {0:?}")]
    Stuck(Duration),
    #[error("SES spoke unasked")]
    Unasked,
    #[error("SES's answer cannot be read")]
    Garbled(#[source] AnswerError),
    #[error("SES's answer {0} does not fit the command")]
    Unfitting(Answer),
    #[error("the request failed: {0}")]
    Request(String),
}

/// How the writing of a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Whole,
    /// SES spoke or closed before it had all.
    Interrupted,
}

/// One connection's stream, and what was read from it but not yet understood.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    unread: BytesMut,
}

enum Event {
    Wrote(usize),
    Flushed,
    Heard(io::Result<()>),
}

impl Wire {
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, unread: BytesMut::new() }
    }

    /// The stream itself, to be secured. Octets that came behind the last answer would be read as if they had
    /// come through TLS (RFC 3207 section 4.2, and the NO STARTTLS attacks of 2021).
    pub fn into_stream(self) -> Result<Box<dyn Stream>, WireError> {
        if self.unread.is_empty() { Ok(self.stream) } else { Err(WireError::Unasked) }
    }

    /// Says a line, and hears the answer. Whatever came before the command was said cannot be its answer.
    pub async fn ask(&mut self, line: &str, limit: Duration) -> Result<Answer, WireError> {
        if !self.unread.is_empty() {
            return Err(WireError::Unasked);
        }
        let asked = timeout(limit, async {
            self.stream.write_all(line.as_bytes()).await.map_err(broken)?;
            self.stream.flush().await.map_err(broken)?;
            self.next_answer().await
        });
        asked.await.unwrap_or(Err(WireError::Silent(limit)))
    }

    /// Hears an answer that comes by itself or is already asked for.
    pub async fn hear(&mut self, limit: Duration) -> Result<Answer, WireError> {
        timeout(limit, self.next_answer()).await.unwrap_or(Err(WireError::Silent(limit)))
    }

    /// Writes `octets`, straight from where they lie, and looks meanwhile whether SES speaks: it may refuse a
    /// message in the middle of it and read no further. `limit` is for each bit of progress.
    ///
    /// When this returns, `octets` is empty if SES may have got the final dot.
    pub async fn write(
        &mut self,
        octets: &mut Octets,
        limit: Duration,
        progress: &Progress,
    ) -> Result<Written, WireError> {
        if !self.unread.is_empty() {
            return Ok(Written::Interrupted);
        }
        loop {
            if octets.are_offered_whole() {
                progress.end_offered();
            }
            let event = timeout(limit, self.next_event(octets)).await;
            match event.map_err(|_| WireError::Stuck(limit))? {
                Ok(Event::Wrote(0)) => return Err(WireError::Closed),
                Ok(Event::Wrote(count)) => octets.advance(count),
                Ok(Event::Flushed) => return Ok(Written::Whole),
                Ok(Event::Heard(Ok(()))) => return Ok(Written::Interrupted),
                Ok(Event::Heard(Err(error))) => return Err(broken(error)),
                Err(error) => {
                    // INVARIANT: a failed write may have put on the wire all that it was offered.
                    if octets.are_offered_whole() {
                        octets.clear();
                    }
                    return Err(broken(error));
                }
            }
        }
    }

    /// Whether SES has said nothing and has not closed: a look that waits for nothing.
    pub async fn is_quiet(&mut self) -> bool {
        let mut octet = [0; 1];
        let peek = std::future::poll_fn(|context| {
            let read = Pin::new(&mut self.stream).poll_read(context, &mut ReadBuf::new(&mut octet));
            Poll::Ready(read.is_pending())
        });
        // A task that has used up its turn would be told that nothing is there to be read.
        self.unread.is_empty() && unconstrained(peek).await
    }

    /// Ends the connection so that the other side sees a proper end.
    pub async fn shut(mut self, limit: Duration) {
        // There is nothing more to be done for a connection that does not even close.
        let _ = timeout(limit, self.stream.shutdown()).await;
    }

    async fn next_answer(&mut self) -> Result<Answer, WireError> {
        loop {
            if let Some(answer) = Answer::take(&mut self.unread).map_err(WireError::Garbled)? {
                return Ok(answer);
            }
            self.unread.reserve(READ_OCTETS);
            if self.stream.read_buf(&mut self.unread).await.map_err(broken)? == 0 {
                return Err(WireError::Closed);
            }
        }
    }

    async fn next_event(&mut self, octets: &Octets) -> io::Result<Event> {
        std::future::poll_fn(|context| {
            let mut space = [0; READ_OCTETS];
            let mut heard = ReadBuf::new(&mut space);
            if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, &mut heard) {
                self.unread.extend_from_slice(heard.filled());
                return Poll::Ready(Ok(Event::Heard(read)));
            }
            let stream = Pin::new(&mut self.stream);
            if octets.is_empty() {
                ready!(stream.poll_flush(context))?;
                return Poll::Ready(Ok(Event::Flushed));
            }
            stream.poll_write_vectored(context, &octets.slices()).map_ok(Event::Wrote)
        })
        .await
    }
}

/// TLS without a proper end reads as an unexpected one, and so does a connection that is reset.
fn broken(error: io::Error) -> WireError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            WireError::Closed
        }
        _ => WireError::Broken(error),
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::{Wire, WireError};
    use crate::gate::PermittedMail;
    use crate::mail::Message;
    use crate::upstream::octets::Octets;
    use crate::upstream::progress::Progress;

    /// Says nothing, and breaks when written to.
    struct Brittle;

    impl AsyncRead for Brittle {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Brittle {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_write_that_fails_may_have_given_away_the_dot() {
        let message = Message::from(&b"From: a@example.com\r\n"[..]);
        let mut octets = Octets::of(&PermittedMail::for_tests("a@example.com", &["b@example.org"], &message));
        let written = Wire::new(Box::new(Brittle))
            .write(&mut octets, Duration::from_secs(1), &Progress::default())
            .await;
        assert!(matches!(written, Err(WireError::Closed)));
        assert!(octets.is_empty());
    }
}
