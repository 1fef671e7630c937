//! By which login the sessions are that there are: whoever takes a login away has to know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::credentials::{Keyring, Login};

/// How many, by user name; none of them is zero.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<Arc<str>, u32>>);

/// What a session keeps for as long as it is open, from before its login is said.
#[derive(Debug)]
pub struct LoginInUse {
    sessions: Arc<Sessions>,
    user_name: Arc<str>,
}

impl Keyring {
    /// A session is about to be opened by this login.
    pub fn begin_session(&self, login: &Login) -> LoginInUse {
        let (sessions, user_name) = (Arc::clone(&self.counts().sessions), Arc::from(login.user_name()));
        let mut counts = sessions.counts();
        let count = counts.entry(Arc::clone(&user_name)).or_default();
        *count = count.saturating_add(1);
        drop(counts);
        LoginInUse { sessions, user_name }
    }
}

impl Sessions {
    pub(super) fn by_user_name(&self) -> BTreeMap<Arc<str>, u32> {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LoginInUse {
    fn drop(&mut self) {
        let mut counts = self.sessions.counts();
        match counts.get_mut(&self.user_name) {
            Some(count @ 2..) => *count = count.saturating_sub(1),
            Some(_) | None => drop(counts.remove(&self.user_name)),
        }
    }
}
