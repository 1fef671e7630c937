//! From nothing to a session that is logged in: connect, secure, greet, log in.
//!
//! Never is anything said in clear but EHLO and STARTTLS, unless the settings say that SES is on this host.

use std::error::Error;
use std::time::Duration;

use tokio::time::timeout;

use crate::credentials::Login;
use crate::mail::DomainName;
use crate::upstream::answer::{Answer, Class};
use crate::upstream::conversation::{Conversation, Step};
use crate::upstream::dial::{Dial, DialError};
use crate::upstream::settings::{Security, Settings};
use crate::upstream::wire::WireError;

/// Why there is no session. Nothing here is a verdict on a mail.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("no connection came about within {0:?}")]
    ConnectTimeout(Duration),
    #[error("the TLS handshake was not done within {0:?}")]
    TlsTimeout(Duration),
    #[error(transparent)]
    Dial(DialError),
    #[error("SES offers no STARTTLS, and nothing is said to it in clear")]
    NoStartTls,
    #[error("SES offers neither AUTH PLAIN nor AUTH LOGIN")]
    NoMechanism,
    #[error("SES refused the login: {0}")]
    LoginRefused(Answer),
    #[error("there is no login yet: where it is kept cannot be reached")]
    NoLogin,
    #[error("AWS gives no credentials to sign with: {0}")]
    NoCredentials(String),
    #[error("no request reached SES: {0}")]
    Request(String),
    #[error("the session failed at {step}")]
    Session { step: Step, source: WireError },
}

impl OpenError {
    pub(super) fn at(step: Step, source: WireError) -> Self {
        match (step, source) {
            (Step::Auth, WireError::Unfitting(answer)) => Self::LoginRefused(answer),
            (step, source) => Self::Session { step, source },
        }
    }

    /// Whether SES is there and only the login is not good enough.
    pub fn is_of_login(&self) -> bool {
        match self {
            Self::NoMechanism | Self::LoginRefused(_) | Self::NoLogin | Self::NoCredentials(_) => true,
            Self::ConnectTimeout(_)
            | Self::TlsTimeout(_)
            | Self::Dial(_)
            | Self::NoStartTls
            | Self::Request(_)
            | Self::Session { .. } => false,
        }
    }

    /// What SES said of a login that is wrong; another one may be right.
    pub(super) fn refusal_of_login(&self) -> Option<&Answer> {
        match self {
            Self::LoginRefused(answer) if answer.class() == Class::Permanent => Some(answer),
            Self::LoginRefused(_)
            | Self::NoLogin
            | Self::NoCredentials(_)
            | Self::NoMechanism
            | Self::ConnectTimeout(_)
            | Self::TlsTimeout(_)
            | Self::Dial(_)
            | Self::NoStartTls
            | Self::Request(_)
            | Self::Session { .. } => None,
        }
    }

    /// Whether SES is there and takes only no further connection.
    pub(super) fn is_one_too_many(&self) -> bool {
        match self {
            Self::Session { step: Step::Greeting, source: WireError::Unfitting(answer) } => {
                answer.code() == 421 && answer.says("too many")
            }
            Self::Session { .. }
            | Self::ConnectTimeout(_)
            | Self::TlsTimeout(_)
            | Self::Dial(_)
            | Self::NoStartTls
            | Self::NoMechanism
            | Self::NoLogin
            | Self::NoCredentials(_)
            | Self::Request(_)
            | Self::LoginRefused(_) => false,
        }
    }

    /// The error and all its causes in one line.
    pub fn causes(&self) -> String {
        causes(self)
    }
}

pub(super) fn causes(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
    sources.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

pub(super) async fn open(
    settings: &Settings,
    ehlo_name: &DomainName,
    login: Option<&Login>,
    dial: &dyn Dial,
) -> Result<Conversation, OpenError> {
    let connecting = timeout(settings.connect_timeout, dial.connect());
    let clear = connecting.await.map_err(|_| OpenError::ConnectTimeout(settings.connect_timeout))?;
    let clear = clear.map_err(OpenError::Dial)?;
    let secure = async |clear| {
        let securing = timeout(settings.tls_timeout, dial.secure(clear));
        let secured = securing.await.map_err(|_| OpenError::TlsTimeout(settings.tls_timeout))?;
        secured.map_err(OpenError::Dial)
    };
    let mut conversation = match settings.security {
        Security::ImplicitTls => Conversation::greeted(secure(clear).await?, settings).await?,
        Security::None => Conversation::greeted(clear, settings).await?,
        Security::StartTls => {
            let mut in_clear = Conversation::greeted(clear, settings).await?;
            in_clear.hello(ehlo_name.as_str()).await?;
            let (clear, session) = in_clear.start_tls().await?;
            Conversation::resumed(secure(clear).await?, session, settings)
        }
    };
    // RFC 3207 section 4.2: what was offered in clear does not count.
    conversation.hello(ehlo_name.as_str()).await?;
    if let Some(login) = login {
        conversation.log_in(login).await?;
    }
    Ok(conversation)
}
