//! The sessions that are kept between mails: never one that SES is about to close.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::upstream::conversation::{Conversation, Standing};
use crate::upstream::settings::Settings;
use crate::upstream::turns::Turn;

/// INVARIANT: sessions in use, each with its turn, and idle ones are never more than there are turns: whoever's
/// turn it is opens a session only when none is idle or in place of one that died, and gives it back before the
/// turn. Those that are taking their leave come on top.
pub(super) struct Pool {
    settings: Arc<Settings>,
    idle: Mutex<Idle>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// Oldest first.
#[derive(Default)]
struct Idle {
    sessions: VecDeque<(Instant, Conversation)>,
    /// A task runs that takes leave of those that are idle too long.
    is_tended: bool,
}

impl Pool {
    pub fn new(settings: Arc<Settings>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            idle: Mutex::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        })
    }

    /// The session that was used last, if it is well. The oldest may rest until they are too old.
    pub async fn reuse(&self, _turn: &Turn) -> Option<Conversation> {
        loop {
            let (_, mut session) = self.idle().sessions.pop_back()?;
            if session.is_worn(&self.settings) {
                self.retire(session);
            } else if session.is_quiet().await {
                return Some(session);
            }
        }
    }

    /// Takes a session back after a mail, cleaned if need be. The mail's outcome does not wait for that.
    pub fn give_back(self: &Arc<Self>, turn: Turn, mut session: Conversation) {
        match session.standing() {
            Standing::Spent => {}
            Standing::Ready | Standing::TransactionOpen if session.is_worn(&self.settings) => {
                self.retire(session);
            }
            Standing::Ready => self.keep(session),
            Standing::TransactionOpen => {
                let pool = Arc::clone(self);
                self.tasks.spawn(async move {
                    if session.reset().await.is_ok() {
                        pool.keep(session);
                    }
                    drop(turn);
                });
            }
        }
    }

    /// The session that was silent for longest, if that is so long.
    pub async fn reuse_silent(&self, _turn: &Turn, silence: Duration) -> Option<Conversation> {
        let mut session = {
            let mut idle = self.idle();
            idle.sessions.front().filter(|(since, _)| since.elapsed() >= silence)?;
            idle.sessions.pop_front()?.1
        };
        if session.is_quiet().await { Some(session) } else { None }
    }

    pub fn idle_count(&self) -> usize {
        self.idle().sessions.len()
    }

    /// A task that ends when the pool is closed.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            closing.run_until_cancelled(task).await;
        });
    }

    /// Takes leave of a session in the background.
    pub fn retire(&self, session: Conversation) {
        self.tasks.spawn(session.quit());
    }

    /// Takes leave of all idle sessions, and waits until that is done.
    pub async fn close(&self) {
        self.closing.cancel();
        let sessions = std::mem::take(&mut self.idle().sessions);
        for (_, session) in sessions {
            self.retire(session);
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn keep(self: &Arc<Self>, session: Conversation) {
        let mut idle = self.idle();
        if self.closing.is_cancelled() {
            return self.retire(session);
        }
        idle.sessions.push_back((Instant::now(), session));
        if !idle.is_tended {
            idle.is_tended = true;
            self.tasks.spawn(Arc::clone(self).tend());
        }
    }

    /// Closes each idle session before SES would, for as long as there are any.
    async fn tend(self: Arc<Self>) {
        while let Some(until) = self.next_leave() {
            let closed = self.closing.run_until_cancelled(sleep_until(until)).await;
            if closed.is_none() {
                return;
            }
            let overdue = {
                let mut idle = self.idle();
                let count = idle.sessions.partition_point(|(since, _)| self.leave(*since) <= Instant::now());
                idle.sessions.drain(..count).collect::<Vec<_>>()
            };
            for (_, session) in overdue {
                self.retire(session);
            }
        }
    }

    fn next_leave(&self) -> Option<Instant> {
        let mut idle = self.idle();
        let next = idle.sessions.front().map(|(since, _)| self.leave(*since));
        idle.is_tended = next.is_some();
        next
    }

    fn leave(&self, since: Instant) -> Instant {
        since + self.settings.connection_idle_max
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.idle().sessions.len();
        f.debug_struct("Pool").field("idle", &idle).finish_non_exhaustive()
    }
}
