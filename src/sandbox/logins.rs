//! The SMTP users that SES knows: one at first; others come and go, as when access keys are rotated.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::sandbox::settings::Login;

#[derive(Debug)]
pub struct Logins(Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    login: Login,
    good_from: Instant,
}

impl Logins {
    pub fn new(login: Login, now: Instant) -> Self {
        Self(Mutex::new(vec![Known { login, good_from: now }]))
    }

    /// Known from now on, and good later. One of the same user name is replaced.
    pub fn add(&self, login: Login, good_from: Instant) {
        let mut known = self.known();
        known.retain(|known| known.login.user_name != login.user_name);
        known.push(Known { login, good_from });
    }

    /// What is logged in stays so: each session asks once.
    pub fn remove(&self, user_name: &str) {
        self.known().retain(|known| known.login.user_name != user_name);
    }

    pub fn user_names(&self) -> Vec<String> {
        self.known().iter().map(|known| known.login.user_name.clone()).collect()
    }

    pub fn accept(&self, user_name: &str, password: &str, now: Instant) -> bool {
        self.known().iter().any(|known| {
            let Known { login, good_from } = known;
            login.user_name == user_name && login.password.expose() == password && *good_from <= now
        })
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
