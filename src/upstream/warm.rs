//! Sessions that are kept ready while there is traffic, so that a mail does not wait for TCP, TLS and login.
//!
//! SES closes a session after ten seconds of silence. NOOP begins them anew, at one round trip instead of seven. A
//! relay without mail leaves SES alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::upstream::endpoint::{Endpoint, Means};
use crate::upstream::open::OpenError;
use crate::upstream::smtp::Smtp;

/// How long after the last mail another one is expected.
const TRAFFIC: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long before a session would be closed for its silence it is broken.
const AHEAD: Duration = Duration::from_millis(1_500);

#[derive(Debug, Default)]
pub(super) struct Warmth(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last_mail: Option<Instant>,
    /// A task runs that keeps sessions ready.
    is_tended: bool,
}

impl Warmth {
    /// There is traffic. Tells whether somebody has to tend from now on.
    fn begin(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last_mail = Some(now);
        !std::mem::replace(&mut state.is_tended, true)
    }

    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_tended = false;
    }

    /// Whether there is traffic still. Who is told that there is none tends no longer.
    fn goes_on(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_tended = state.last_mail.is_some_and(|last| now.duration_since(last) < TRAFFIC);
        state.is_tended
    }
}

impl Endpoint {
    /// SES took a mail, and more may come.
    pub(super) fn keep_warm(self: &Arc<Self>) {
        if self.settings.connections_min > 0 && self.warmth.begin(Instant::now()) {
            let endpoint = Arc::clone(self);
            self.pool.spawn(async move {
                match &endpoint.means {
                    Means::Smtp(smtp) => endpoint.tend_while_warm(smtp).await,
                    // The SDK keeps its connections itself.
                    #[cfg(feature = "aws")]
                    Means::Api(_) => endpoint.warmth.end(),
                }
            });
        }
    }

    async fn tend_while_warm(&self, smtp: &Smtp) {
        while self.warmth.goes_on(Instant::now()) {
            sleep(LOOK_EVERY).await;
            if self.tend(smtp).await.is_err() {
                // Whether SES is well is for the next mail to find out: none is put off for this.
                self.warmth.end();
                return;
            }
        }
    }

    /// Breaks the silence of as many sessions as are to be ready, lets the others go, and opens what is missing.
    async fn tend(&self, smtp: &Smtp) -> Result<(), OpenError> {
        let min = self.settings.connections_min;
        let silence = self.settings.connection_idle_max.saturating_sub(AHEAD);
        // INVARIANT: each step has a turn, as a mail has, so that there are never too many connections.
        while let Some(turn) = self.turns.spare() {
            let silent = self.pool.reuse_silent(&turn, silence).await;
            let open = self.turns.taken().saturating_add(self.pool.idle_count());
            match silent {
                Some(session) if open > min => self.pool.retire(session),
                Some(mut session) => {
                    if session.noop().await.is_ok() {
                        self.pool.give_back(turn, session);
                    }
                }
                // The turn itself is no session yet.
                None if open > min => break,
                None => {
                    let session = self.log_in(smtp).await?;
                    self.pool.give_back(turn, session);
                }
            }
        }
        Ok(())
    }
}
