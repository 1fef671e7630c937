//! Whose turn it is: at most so many mails on their way at once, no faster than SES takes them, and no app before
//! another because it has more of them.
//!
//! The queue and the bucket know no tasks; this gives them a lock, a clock and somebody who waits.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::upstream::bucket::Bucket;
use crate::upstream::fair_queue::{FairQueue, Place};

/// After so long without a refusal one more connection is tried.
const GROW_EVERY: Duration = Duration::from_secs(30);

/// The right to use one connection for one mail. Dropped, it goes to whoever is next.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    begun: Instant,
}

/// Why it was nobody's turn in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Jam {
    /// All connections are in use.
    Connections,
    /// SES takes no more at this rate.
    Rate,
}

/// INVARIANT: there are never more turns than `connections_max`.
pub(super) struct Turns {
    state: Mutex<State>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

struct State {
    waiting: FairQueue<Waiting>,
    taken: usize,
    connections_max: usize,
    /// How many SES takes, as far as it has said, and when it did.
    connections: usize,
    changed: Instant,
    bucket: Bucket,
    /// When a task will give turns, since the bucket has tokens again then.
    tended: Option<Instant>,
}

struct Waiting {
    recipients: u32,
    caller: oneshot::Sender<Turn>,
}

/// Why whoever is next has to wait.
enum Wait {
    ForNobody,
    ForConnections,
    Until(Instant),
}

impl Turns {
    pub fn new(connections_max: usize, recipients_per_second_max: Option<u32>) -> Arc<Self> {
        let now = Instant::now();
        let state = State {
            waiting: FairQueue::default(),
            taken: 0,
            connections_max,
            connections: connections_max,
            changed: now,
            bucket: Bucket::new(recipients_per_second_max, now),
            tended: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        })
    }

    /// Waits for a turn, but no longer than `until`.
    pub async fn turn(
        self: &Arc<Self>,
        app: &str,
        recipients: u32,
        place: Place,
        until: Instant,
    ) -> Result<Turn, Jam> {
        if let Some(turn) = self.at_once(recipients) {
            return Ok(turn);
        }
        let (caller, call) = oneshot::channel();
        self.state().waiting.push(app, place, Waiting { recipients, caller });
        self.give();
        if let Ok(Ok(turn)) = timeout_at(until, call).await {
            return Ok(turn);
        }
        let jam = self.jam();
        // Whoever stood behind a mail to many may have less to wait for.
        self.give();
        Err(jam)
    }

    /// A turn for no mail, if nobody else could use it.
    pub fn spare(self: &Arc<Self>) -> Option<Turn> {
        let mut state = self.state();
        if state.waiting.peek().is_some() || state.taken >= state.connections {
            return None;
        }
        state.taken = state.taken.saturating_add(1);
        Some(Turn { turns: Arc::clone(self), begun: Instant::now() })
    }

    /// A turn for whom nobody stands before, if there is one.
    fn at_once(self: &Arc<Self>, recipients: u32) -> Option<Turn> {
        let begun = Instant::now();
        let mut state = self.state();
        if state.waiting.peek().is_some() {
            return None;
        }
        state.take(recipients, begun).ok()?;
        Some(Turn { turns: Arc::clone(self), begun })
    }

    /// SES took the mail of a turn.
    pub fn accepted(&self, recipients: u32) {
        self.state().bucket.accepted(recipients, Instant::now());
    }

    /// SES throttled the mail of a turn that was begun then. Tells the new rate, if it is another.
    pub fn throttled(&self, begun: Instant) -> Option<f64> {
        self.state().bucket.throttled(begun, Instant::now())
    }

    /// How many mails are on their way.
    pub fn taken(&self) -> usize {
        self.state().taken
    }

    /// How many mails wait for their turn.
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Recipients a second, if there is a rate.
    pub fn rate(&self) -> Option<f64> {
        self.state().bucket.rate()
    }

    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Gives turns to those who are next, as many as there are.
    fn give(self: &Arc<Self>) {
        let begun = Instant::now();
        let mut next = Vec::new();
        {
            let mut state = self.state();
            let wait = loop {
                match state.next(begun) {
                    Ok(caller) => next.push(caller),
                    Err(wait) => break wait,
                }
            };
            if let Wait::Until(until) = wait
                && state.tended.is_none_or(|tended| until < tended)
            {
                state.tended = Some(until);
                self.tasks.spawn(Arc::clone(self).tend(until));
            }
        }
        for caller in next {
            // Who has left meanwhile drops the turn, which gives it to the next: hence not under the lock.
            let _ = caller.send(Turn { turns: Arc::clone(self), begun });
        }
    }

    /// Waits for tokens on behalf of those who wait for their turn.
    async fn tend(self: Arc<Self>, until: Instant) {
        if self.closing.run_until_cancelled(sleep_until(until)).await.is_some() {
            {
                let mut state = self.state();
                if state.tended == Some(until) {
                    state.tended = None;
                }
            }
            self.give();
        }
    }

    fn jam(&self) -> Jam {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.caller.is_closed());
        if state.taken < state.connections { Jam::Rate } else { Jam::Connections }
    }

    fn give_back(self: &Arc<Self>) {
        {
            let mut state = self.state();
            state.taken = state.taken.saturating_sub(1);
        }
        self.give();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self, now: Instant) -> Result<oneshot::Sender<Turn>, Wait> {
        while self.waiting.peek().is_some_and(|waiting| waiting.caller.is_closed()) {
            self.waiting.pop();
        }
        let recipients = self.waiting.peek().ok_or(Wait::ForNobody)?.recipients;
        self.take(recipients, now)?;
        let waiting = self.waiting.pop().ok_or(Wait::ForNobody)?;
        Ok(waiting.caller)
    }

    /// One turn, and the tokens for it.
    fn take(&mut self, recipients: u32, now: Instant) -> Result<(), Wait> {
        self.grow(now);
        if self.taken >= self.connections {
            return Err(Wait::ForConnections);
        }
        self.bucket.take(recipients, now).map_err(Wait::Until)?;
        self.taken = self.taken.saturating_add(1);
        Ok(())
    }

    fn grow(&mut self, now: Instant) {
        if self.connections < self.connections_max && now.duration_since(self.changed) >= GROW_EVERY {
            self.connections = self.connections.saturating_add(1);
            self.changed = now;
        }
    }
}

impl Turn {
    /// When it was given.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// SES has refused the connection for this turn, since there are too many.
    pub fn shrink(&self) {
        let mut state = self.turns.state();
        let others = state.taken.saturating_sub(1).max(1);
        state.connections = state.connections.min(others);
        state.changed = Instant::now();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.give_back();
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Turns")
            .field("taken", &state.taken)
            .field("connections", &state.connections)
            .finish_non_exhaustive()
    }
}
