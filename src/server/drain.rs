//! How the relay stops: no new connections, what is in hand is finished, and what cannot be finished in time is
//! refused before the client could believe otherwise.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Every task of the server belongs to it.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    tasks: TaskTracker,
    begun: CancellationToken,
    over: CancellationToken,
}

impl Drain {
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Resolves when the relay was told to stop: end as soon as nothing is in hand.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Resolves when there is no more time: end at once.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }

    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Tells every task to stop, and waits for them: `within` for what is in hand, then a moment for the last words.
    pub async fn run(&self, within: Duration) {
        const LAST_WORDS: Duration = Duration::from_secs(1);
        self.begun.cancel();
        self.tasks.close();
        if tokio::time::timeout(within, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "not all connections ended in time; closing them");
            self.over.cancel();
            let _ = tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await;
        }
    }
}
