//! How far a mail has come, for whoever gives it up before its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether SES may have the mail: its end may be on the wire, and what SES says to it is not known. Clones know the
/// same.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicBool>);

impl Progress {
    pub fn is_in_doubt(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn end_offered(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// SES has said what it did with the mail.
    pub(super) fn answered(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
