//! The octets of one connection: what came and is not yet read, what is said and not yet sent, in clear or within
//! TLS. What they mean is not known here.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::secret;
use crate::smtp::{Awaited, Reply};

/// Room for the commands of one packet.
const COMMAND_BUFFER_OCTETS: usize = 2048;
/// Room for what one read of a message brings.
pub(super) const MESSAGE_BUFFER_OCTETS: usize = 65_536;
/// With less room than this a message's buffer is left behind, held by what was read into it. With more it is
/// filled on: or each octet that comes alone would hold a buffer of its own.
const MESSAGE_ROOM_OCTETS_MIN: usize = 4096;
/// How much of what a client still sends is read after the last reply, and for how long. A socket that is closed
/// with input unread is reset, and the client may never see that reply.
const LINGER_OCTETS: usize = 1 << 20;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// One connection and what of it is not yet read or sent.
pub(super) struct Wire<S> {
    stream: Layer<S>,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    received: u64,
    sent: u64,
}

enum Layer<S> {
    Clear(S),
    Secured(Box<TlsStream<Replayed<S>>>),
    /// A handshake is on its way, or has failed.
    Gone,
}

/// A stream, before it the octets that were read from it already.
struct Replayed<S> {
    octets: BytesMut,
    stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        let (input, output) = (BytesMut::new(), BytesMut::new());
        Self { stream: Layer::Clear(stream), input, output, received: 0, sent: 0 }
    }

    /// Reads what comes; 0 octets are the end.
    pub(super) async fn receive(&mut self, awaited: Awaited) -> io::Result<usize> {
        if self.input.is_empty()
            && (awaited == Awaited::Command || self.input.capacity() > MESSAGE_BUFFER_OCTETS)
        {
            // An idle connection holds no room, neither for its last message nor for the next command.
            self.input = BytesMut::new();
        }
        let room = self.input.capacity().saturating_sub(self.input.len());
        if awaited == Awaited::Message && room < MESSAGE_ROOM_OCTETS_MIN {
            let more = MESSAGE_BUFFER_OCTETS.saturating_sub(self.input.len());
            self.input.reserve(more.max(MESSAGE_ROOM_OCTETS_MIN));
        }
        let octets = match (&mut self.stream, awaited) {
            (Layer::Clear(stream), Awaited::Message) => stream.read_buf(&mut self.input).await,
            (Layer::Secured(stream), Awaited::Message) => stream.read_buf(&mut self.input).await,
            (Layer::Clear(stream), Awaited::Command) => read_by_the_stack(stream, &mut self.input).await,
            (Layer::Secured(stream), Awaited::Command) => read_by_the_stack(stream, &mut self.input).await,
            (Layer::Gone, _) => Ok(0),
        }?;
        self.received = self.received.saturating_add(u64::try_from(octets).unwrap_or(u64::MAX));
        Ok(octets)
    }

    /// Of the commands and messages, without what TLS adds.
    pub(super) fn octets_received(&self) -> u64 {
        self.received
    }

    pub(super) fn octets_sent(&self) -> u64 {
        self.sent
    }

    /// `TLSv1_3`
    pub(super) fn tls_version(&self) -> Option<&'static str> {
        match &self.stream {
            Layer::Secured(stream) => stream.get_ref().1.protocol_version()?.as_str(),
            Layer::Clear(_) | Layer::Gone => None,
        }
    }

    pub(super) fn say(&mut self, reply: &Reply) {
        reply.write_to(&mut self.output);
    }

    /// Sends all that was said, in one piece.
    pub(super) async fn send(&mut self, limit: Duration) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let octets = u64::try_from(self.output.len()).unwrap_or(u64::MAX);
        let sent = timeout(limit, async {
            match &mut self.stream {
                Layer::Clear(stream) => send_all(stream, &mut self.output).await,
                Layer::Secured(stream) => send_all(stream, &mut self.output).await,
                Layer::Gone => Err(io::ErrorKind::NotConnected.into()),
            }
        });
        sent.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        self.sent = self.sent.saturating_add(octets);
        Ok(())
    }

    /// Goes on within TLS, whose first octets may have been read already. If that fails the connection is gone.
    pub(super) async fn secure(&mut self, acceptor: &TlsAcceptor, limit: Duration) -> io::Result<()> {
        let Layer::Clear(stream) = std::mem::replace(&mut self.stream, Layer::Gone) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let replayed = Replayed { octets: std::mem::take(&mut self.input), stream };
        // In a box, or every connection would hold the room of a handshake for as long as it lasts.
        let secured = Box::pin(timeout(limit, acceptor.accept(replayed)))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        self.stream = Layer::Secured(Box::new(secured));
        Ok(())
    }

    /// What the client has shown within TLS.
    pub(super) fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        match &self.stream {
            Layer::Secured(stream) => stream.get_ref().1.peer_certificates()?.first(),
            Layer::Clear(_) | Layer::Gone => None,
        }
    }

    /// Sends what was said and the last word, and closes so that the client can read it.
    pub(super) async fn close(&mut self, last_word: Option<&Reply>, limit: Duration) -> io::Result<()> {
        if let Some(reply) = last_word {
            self.say(reply);
        }
        self.send(limit).await?;
        let shutdown = async {
            match &mut self.stream {
                Layer::Clear(stream) => stream.shutdown().await,
                Layer::Secured(stream) => stream.shutdown().await,
                Layer::Gone => Ok(()),
            }
        };
        timeout(limit, shutdown).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let linger = async {
            let mut read = 0_usize;
            while read < LINGER_OCTETS {
                self.input.clear();
                match self.receive(Awaited::Command).await {
                    Ok(0) | Err(_) => return,
                    Ok(octets) => read = read.saturating_add(octets),
                }
            }
        };
        let _ = timeout(LINGER_TIME, linger).await;
        Ok(())
    }
}

/// So that whoever waits for commands holds no buffer meanwhile. They may hold a password.
async fn read_by_the_stack(stream: &mut (impl AsyncRead + Unpin), input: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|context| {
        let mut room = [MaybeUninit::uninit(); COMMAND_BUFFER_OCTETS];
        let mut octets = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut octets))?;
        input.extend_from_slice(octets.filled());
        secret::wipe(octets.filled_mut());
        Poll::Ready(Ok(octets.filled().len()))
    })
    .await
}

async fn send_all(stream: &mut (impl AsyncWrite + Unpin), output: &mut BytesMut) -> io::Result<()> {
    stream.write_all_buf(output).await?;
    stream.flush().await
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.octets.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let octets = self.octets.len().min(buffer.remaining());
        buffer.put_slice(self.octets.get(..octets).unwrap_or_default());
        self.octets.advance(octets);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::{Awaited, MESSAGE_BUFFER_OCTETS, Wire};

    #[tokio::test]
    async fn octets_that_come_one_by_one_share_a_buffer() {
        let (mut client, server) = duplex(1);
        let mut wire = Wire::new(server);
        let mut held = Vec::new();
        let mut buffers = 0;
        let mut next = std::ptr::null();
        for _ in 0..MESSAGE_BUFFER_OCTETS {
            client.write_all(b"x").await.unwrap();
            assert_eq!(wire.receive(Awaited::Message).await.unwrap(), 1);
            let octet = wire.input.split().freeze();
            buffers += usize::from(octet.as_ptr() != next);
            next = octet.as_ptr().wrapping_add(1);
            held.push(octet);
        }
        assert_eq!(buffers, 2);
    }
}
