//! Turns a panic within one connection's work into a value, so that the others never learn of it.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// What a panic said.
#[derive(Debug)]
pub(super) struct Panic(pub(super) String);

/// Runs `work` to its end or to its panic. Whatever it borrowed may be half done then: it is to be given up.
///
/// It stays where it is: a future that took it in would hold the room for it twice, for as long as a connection lasts.
pub(super) async fn survive<T>(mut work: Pin<&mut impl Future<Output = T>>) -> Result<T, Panic> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(payload) => Poll::Ready(Err(Panic(words(payload.as_ref())))),
    })
    .await
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".to_owned())
}
