//! How far a request has come: nothing of it may be on the wire, a part, or all.
//!
//! SES cannot act on half a request, so who knows where a request broke off knows whether SES may have the mail. The
//! body goes out in pieces, each when the wire has room for it.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_sesv2::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sesv2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sesv2::error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::upstream::progress::Progress;

const PIECE_OCTETS: usize = 64 * 1024;

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Credentials to sign it with are looked up.
    Unsigned,
    /// A connection is made.
    Unsaid,
    /// So much of it is said that more has to follow.
    Begun,
    /// SES may have it whole.
    Said,
}

/// How long a request may stay where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub unsigned: Duration,
    pub unsaid: Duration,
    pub begun: Duration,
    pub said: Duration,
}

/// One request on its way. Clones are of the same.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    /// Where it is, and since when.
    at: watch::Sender<(Stage, Instant)>,
    progress: Progress,
}

impl Upload {
    pub fn new(progress: &Progress) -> Self {
        let at = watch::Sender::new((Stage::Unsigned, Instant::now()));
        Self { at, progress: progress.clone() }
    }

    pub fn stage(&self) -> Stage {
        self.at.borrow().0
    }

    /// Waits for what comes of it as long as it goes on; else tells for how long it did not.
    pub async fn follow<T>(&self, answer: impl Future<Output = T>, limits: Limits) -> Result<T, Duration> {
        let mut answer = pin!(answer);
        let mut at = self.at.subscribe();
        loop {
            let (stage, since) = *at.borrow_and_update();
            let limit = match stage {
                Stage::Unsigned => limits.unsigned,
                Stage::Unsaid => limits.unsaid,
                Stage::Begun => limits.begun,
                Stage::Said => limits.said,
            };
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                // Its sender is `self`.
                _ = at.changed() => {}
                () = sleep_until(since + limit) => return Err(limit),
            }
        }
    }

    fn reach(&self, stage: Stage) {
        if stage == Stage::Said {
            self.progress.end_offered();
        }
        self.at.send_replace((stage, Instant::now()));
    }
}

impl Intercept for Upload {
    fn name(&self) -> &'static str {
        "Upload"
    }

    /// The request is signed by now: the octets stay the same.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.reach(Stage::Unsaid);
        let whole = context.request_mut().take_body();
        let pieces = Pieces { whole, said: 0, upload: self.clone() };
        *context.request_mut().body_mut() = SdkBody::from_body_1_x(pieces);
        Ok(())
    }
}

/// The body of a request.
struct Pieces {
    whole: SdkBody,
    said: usize,
    upload: Upload,
}

impl Pieces {
    fn rest(&self) -> &[u8] {
        self.whole.bytes().and_then(|whole| whole.get(self.said..)).unwrap_or_default()
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let pieces = self.get_mut();
        let rest = pieces.rest();
        let piece = Bytes::copy_from_slice(rest.get(..PIECE_OCTETS).unwrap_or(rest));
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        pieces.said = pieces.said.saturating_add(piece.len());
        pieces.upload.reach(if pieces.is_end_stream() { Stage::Said } else { Stage::Begun });
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest().len()).unwrap_or(u64::MAX))
    }
}
