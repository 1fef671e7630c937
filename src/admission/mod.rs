//! Who comes in, and as which app: by the network that it connects from, by a certificate, by a login, or by
//! several of these.
//!
//! [`Admission::welcome`] says what a new client is and may do; [`Admission::prove`] finds out whose credentials
//! it has. What an app may send is no matter here, nor how a login is spoken (`smtp::sasl`).

mod directory;
mod expiring;
mod failures;
mod network;
mod password;
mod prover;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::admission::directory::Directory;
use crate::admission::failures::Failures;
use crate::admission::prover::Prover;
use crate::mail::{Client, Transport};
use crate::smtp::{Credentials, LoginOffer, LoginOutcome, Standing, Welcome};

pub use directory::{App, Login};
pub use network::{Network, NetworkError};
pub use password::{PasswordHash, PasswordHashError};

/// However often an address has failed, it waits no longer than this.
const FAILURE_DELAY_MAX: Duration = Duration::from_secs(30);

/// What the operator says of apps and logins.
#[derive(Debug, Clone)]
pub struct Settings {
    pub apps: Vec<App>,
    pub listeners: Vec<ListenerRules>,
    pub limits: Limits,
}

/// What a listener asks of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerRules {
    pub listener: Arc<str>,
    pub clear_text: ClearText,
    pub strangers: Strangers,
    /// Within TLS.
    pub asks_for_certificates: bool,
}

/// Whether passwords may come over connections that are not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearText {
    Refused,
    Taken,
}

/// Who is a stranger until it has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// Whoever is not known by its network or its certificate.
    Unknown,
    Everybody,
}

#[derive(Debug, Clone)]
pub struct Limits {
    /// Failed logins from one address before it is locked out.
    pub failures_max: u32,
    /// How long it is locked out, and how long its failures are remembered.
    pub lockout: Duration,
    /// How long the first failed login of an address takes, whatever was wrong with it; the second takes twice as
    /// long, the third three times, and so on.
    pub failure_delay: Duration,
    /// Passwords that are checked at once. Each check takes the memory and time that its hash says.
    pub checks_max: usize,
    /// How long a password that was right is not checked again.
    pub proof_memory: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failures_max: 10,
            lockout: Duration::from_mins(10),
            failure_delay: Duration::from_secs(1),
            checks_max: 2,
            proof_memory: Duration::from_mins(5),
        }
    }
}

/// Knows the apps.
#[derive(Debug)]
pub struct Admission {
    directory: Directory,
    listeners: Vec<ListenerRules>,
    prover: Prover,
    failures: Failures,
    failure_delay: Duration,
}

impl Admission {
    pub fn new(settings: Settings) -> Self {
        let Settings { apps, listeners, limits } = settings;
        let directory = Directory::new(apps);
        Self {
            prover: Prover::new(&directory, &limits),
            failures: Failures::new(limits.failures_max, limits.lockout),
            failure_delay: limits.failure_delay,
            listeners,
            directory,
        }
    }

    /// Other apps, listeners and limits; who has failed is remembered, and so is what was proven of logins that are
    /// the same.
    #[must_use]
    pub fn renewed(&self, settings: Settings) -> Self {
        let Settings { apps, listeners, limits } = settings;
        let directory = Directory::new(apps);
        Self {
            prover: self.prover.renewed(&directory, &limits),
            failures: self.failures.renewed(limits.failures_max, limits.lockout),
            failure_delay: limits.failure_delay,
            listeners,
            directory,
        }
    }

    /// Whether a client is welcomed and known here as it is there, whoever it is.
    pub fn welcomes_as(&self, other: &Self) -> bool {
        self.directory == other.directory && self.listeners == other.listeners
    }

    /// What a client is before it has said anything, and whether it can log in.
    pub fn welcome(&self, client: &Client) -> Welcome {
        let rules = self.listeners.iter().find(|rules| rules.listener == client.listener);
        let clear_text = rules.map_or(ClearText::Refused, |rules| rules.clear_text);
        let strangers = rules.map_or(Strangers::Unknown, |rules| rules.strangers);
        let login = match (self.directory.has_logins(), client.transport, clear_text) {
            (false, _, _) => LoginOffer::Never,
            (true, Transport::Tls, _) | (true, Transport::Plain, ClearText::Taken) => LoginOffer::Now,
            (true, Transport::Plain, ClearText::Refused) => LoginOffer::NeedsTls,
        };
        let known = match strangers {
            Strangers::Unknown => self.directory.known_without_login(client),
            Strangers::Everybody => None,
        };
        let may_show_more = client.transport == Transport::Plain
            && rules.is_some_and(|rules| rules.asks_for_certificates)
            && self.directory.has_certificates();
        let standing = match (known, login) {
            (Some(app), _) => Standing::Known(app),
            (None, LoginOffer::Never | LoginOffer::NeedsTls) if may_show_more => Standing::TlsNeeded,
            (None, LoginOffer::Now | LoginOffer::NeedsTls) => Standing::LoginNeeded,
            (None, LoginOffer::Never) => Standing::Stranger,
        };
        Welcome { standing, login }
    }

    /// Finds out whose credentials these are. All failures look alike from outside: a password is checked though
    /// nobody has that user name, and the answer comes at a time that depends on the client's address alone.
    pub async fn prove(&self, client: &Client, credentials: Credentials) -> LoginOutcome {
        let begun = Instant::now();
        if self.failures.are_too_many(client.address, begun) {
            return LoginOutcome::LockedOut;
        }
        let login = self.directory.login(&credentials.user_name);
        let still_welcome = || !self.failures.are_too_many(client.address, Instant::now());
        let reason = match (self.prover.check(login, credentials, still_welcome).await, login) {
            (Err(prover::Unchecked::NoTime), _) => {
                tracing::warn!(client = %client.address, "too many logins at once; one was not looked at");
                return LoginOutcome::Unchecked;
            }
            (Err(prover::Unchecked::Unwelcome), _) => return LoginOutcome::LockedOut,
            (Ok(true), Some(login)) => match self.directory.app_of(login, client) {
                Some(app) => {
                    tracing::debug!(client = %client.address, app = &*app, "logged in");
                    return LoginOutcome::Proven { app };
                }
                None => "the password is right, but the app requires more than a login",
            },
            (Ok(false), Some(_)) => "wrong password",
            (Ok(_), None) => "nobody has that user name",
        };
        self.refuse(client, login, reason, begun).await;
        LoginOutcome::Refused
    }

    async fn refuse(&self, client: &Client, login: Option<&Login>, reason: &str, begun: Instant) {
        let failures = self.failures.add(client.address, Instant::now());
        // A user name that nobody has may be a password, typed into the wrong field.
        let user_name = login.map(|login| login.user_name.as_str());
        tracing::warn!(
            client = %client.address, listener = &*client.listener, user_name, failures, reason, "login refused"
        );
        let delay = self.failure_delay.saturating_mul(failures).min(FAILURE_DELAY_MAX);
        tokio::time::sleep_until(begun + delay).await;
    }
}
