//! Who the client is, and what it can do to become known: the part of RFC 4954 around the exchange itself.

use std::sync::Arc;

use crate::mail::{Client, Evidence, Greeting, KnownApp};
use crate::smtp::sasl::{Credentials, Exchange, Mechanism, Response, SaslFault, Turn};
use crate::smtp::stage::{Dialogue, Stage};
use crate::smtp::{Reply, Settings};

/// What awaits a client that connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    pub standing: Standing,
    pub login: LoginOffer,
}

/// Which app the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Known(KnownApp),
    /// None as yet; a login would tell.
    LoginNeeded,
    /// None as yet; a certificate would tell, and is shown within TLS.
    TlsNeeded,
    /// None, and no login could change it.
    Stranger,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOffer {
    /// Nobody can log in here.
    Never,
    /// Not before the connection is encrypted.
    NeedsTls,
    Now,
}

/// AUTH with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    pub mechanism: Mechanism,
    pub initial_response: Option<Response>,
}

/// What became of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginOutcome {
    /// They are this app's.
    Proven {
        app: Arc<str>,
    },
    Refused,
    /// Too many were refused that came from this client's address.
    LockedOut,
    /// Nobody had time to look at them.
    Unchecked,
}

/// Who speaks in a session.
#[derive(Debug)]
pub(super) struct Visitor {
    client: Client,
    welcome: Welcome,
    /// The app whose login was proven. It goes before what the welcome says.
    proven: Option<Arc<str>>,
    logins_failed: u32,
}

/// What the session does after a command.
#[derive(Debug)]
pub(super) enum Answer {
    Say(Reply),
    /// A mail of this app is to be begun.
    Begin(Arc<str>),
    Prove(Credentials),
}

impl Visitor {
    pub(super) fn new(client: Client, welcome: Welcome) -> Self {
        Self { client, welcome, proven: None, logins_failed: 0 }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// RFC 3207 section 4.2: what was said in clear is forgotten, save how often it failed.
    pub(super) fn secure(&mut self, client: Client, welcome: Welcome) {
        *self = Self { logins_failed: self.logins_failed, ..Self::new(client, welcome) };
    }

    /// The app that may begin a transaction, or why nobody may.
    pub(super) fn app(&self) -> Result<KnownApp, Reply> {
        match (&self.proven, &self.welcome.standing) {
            (Some(app), _) => Ok(KnownApp { name: Arc::clone(app), by: Evidence::Login }),
            (None, Standing::Known(app)) => Ok(app.clone()),
            (None, Standing::LoginNeeded) => Err(Reply::LOGIN_NEEDED),
            (None, Standing::TlsNeeded) => Err(Reply::NEED_TLS),
            (None, Standing::Stranger) => Err(Reply::unknown_client(self.client.address)),
        }
    }

    pub(super) fn known_as(&self) -> Option<&Arc<str>> {
        match (&self.proven, &self.welcome.standing) {
            (Some(app), _) => Some(app),
            (None, Standing::Known(app)) => Some(&app.name),
            (None, Standing::LoginNeeded | Standing::TlsNeeded | Standing::Stranger) => None,
        }
    }

    /// The reply to EHLO, with AUTH where it is taken.
    pub(super) fn offered(&self, reply: Reply) -> Reply {
        match self.welcome.login {
            LoginOffer::Now => reply.offering("AUTH PLAIN LOGIN"),
            LoginOffer::Never | LoginOffer::NeedsTls => reply,
        }
    }

    /// AUTH between transactions.
    pub(super) fn begin_login(&self, greeting: Greeting, auth: &Auth) -> (Stage, Answer) {
        let refusal = match (self.welcome.login, &self.proven) {
            (LoginOffer::Never, _) => Reply::NOT_IMPLEMENTED,
            // RFC 4954 section 6 keeps 538 for clients that try without having been asked to.
            (LoginOffer::NeedsTls, _) => Reply::LOGIN_NEEDS_TLS,
            // RFC 4954 section 4: once only in a session.
            (LoginOffer::Now, Some(_)) => Reply::LOGGED_IN,
            (LoginOffer::Now, None) => {
                let turn = Exchange::begin(auth.mechanism, auth.initial_response.as_ref());
                return proceed(greeting, turn);
            }
        };
        (Stage::Dialogue(Dialogue::Idle { greeting }), Answer::Say(refusal))
    }

    /// Takes what became of the credentials. A client that fails too often is left.
    pub(super) fn admit(&mut self, outcome: LoginOutcome, settings: &Settings) -> Reply {
        let reply = match outcome {
            LoginOutcome::Proven { app } => {
                self.proven = Some(app);
                return Reply::LOGIN_OK;
            }
            LoginOutcome::Unchecked => return Reply::LOGIN_UNCHECKED,
            LoginOutcome::Refused => Reply::LOGIN_REFUSED,
            LoginOutcome::LockedOut => Reply::LOGIN_LOCKED_OUT,
        };
        self.logins_failed = self.logins_failed.saturating_add(1);
        if self.logins_failed >= settings.logins_failed_max { Reply::TOO_MANY_LOGINS } else { reply }
    }
}

/// One step of an exchange: to the next question, to its end, or back to where it began.
pub(super) fn proceed(greeting: Greeting, turn: Result<Turn, SaslFault>) -> (Stage, Answer) {
    match turn {
        Ok(Turn::Ask(exchange)) => {
            let question = match exchange {
                Exchange::Plain => Reply::SEND_CREDENTIALS,
                Exchange::LoginUserName => Reply::SEND_USER_NAME,
                Exchange::LoginPassword { .. } => Reply::SEND_PASSWORD,
            };
            (Stage::Login { greeting, exchange }, Answer::Say(question))
        }
        Ok(Turn::Claim(credentials)) => (Stage::Proving { greeting }, Answer::Prove(credentials)),
        Err(fault) => (Stage::Dialogue(Dialogue::Idle { greeting }), Answer::Say(fault.into())),
    }
}
