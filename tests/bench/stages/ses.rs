//! SES in memory: a stream that answers each command at once, so that what is measured is who speaks to it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use sesgate::upstream::{Dial, Dialling, Settings, Stream, Upstream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const END: &[u8] = b".\r\n";

struct InMemory;

#[derive(Default)]
struct Ses {
    answers: VecDeque<&'static [u8]>,
    takes_message: bool,
}

/// Towards it, on one session that is kept.
pub fn upstream() -> Upstream {
    let settings = Settings { connection_mails_max: u32::MAX, ..Settings::new("ses.test") };
    Upstream::new(settings, None, std::sync::Arc::new(InMemory)).expect("settings that are right")
}

impl Dial for InMemory {
    fn connect(&self) -> Dialling<'_> {
        let ses = Ses { answers: [&b"220 ses.test ESMTP\r\n"[..]].into(), takes_message: false };
        Box::pin(async move { Ok(Box::new(ses) as Box<dyn Stream>) })
    }

    fn secure(&self, clear: Box<dyn Stream>) -> Dialling<'_> {
        Box::pin(async move { Ok(clear) })
    }
}

impl Ses {
    /// The relay ends a message with a piece of its own, and writes a command in one piece.
    fn hear(&mut self, last_piece: &[u8]) {
        if self.takes_message {
            if last_piece.ends_with(END) {
                self.takes_message = false;
                self.answers.push_back(b"250 Ok 0100019a0000000-bench-000000\r\n");
            }
            return;
        }
        self.takes_message = last_piece.starts_with(b"DATA");
        self.answers.push_back(if self.takes_message { b"354 End data\r\n" } else { b"250 Ok\r\n" });
    }
}

impl AsyncRead for Ses {
    /// Whoever reads has written before, and so is never left waiting.
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(answer) = self.answers.pop_front() else { return Poll::Pending };
        buffer.put_slice(answer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ses {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.hear(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.hear(pieces.last().map_or(&[][..], |piece| piece));
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
