//! What became of a mail: SES's answers sorted by what they are about.
//!
//! It says nothing to a client; `relay::verdict` does. The texts are those that SES is known to use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::upstream::answer::{Answer, Class, MessageId};
use crate::upstream::conversation::{Said, SessionId, Step};
use crate::upstream::open::{OpenError, causes};
use crate::upstream::wire::WireError;

/// The end of one delivery, for all recipients of the mail together.
#[derive(Debug)]
pub enum Outcome {
    /// SES has the mail, and named it.
    Accepted { message_id: MessageId, session: Option<SessionId> },
    /// SES will never take this mail.
    Refused(Verdict),
    /// An address or domain that the mail names as a sender is not verified at SES.
    Unverified(Verdict),
    /// The account sends faster than SES takes: not this mail's fault.
    Throttled(Verdict),
    /// Nothing of the account, or of its login, goes through: for an operator to mend.
    Blocked { trouble: AccountTrouble, verdict: Verdict },
    /// SES cannot take the mail just now.
    Deferred(Verdict),
    /// SES said yes without a message id, and says itself that this is no acceptance.
    Unconfirmed(Verdict),
    /// The connection failed before the final dot, a fresh one too: SES does not have the mail.
    Interrupted { step: Step, why: WireError, session: Option<SessionId> },
    /// The connection failed after the final dot: SES may have the mail.
    InDoubt { why: WireError, session: Option<SessionId> },
    /// No session with SES could be opened.
    Unreachable(Arc<OpenError>),
    /// SES did not take the relay's login.
    LoginRefused(Arc<OpenError>),
    /// No connection came free in time.
    Busy { held: Duration },
    /// It was not its turn in time, because SES takes no more at this rate.
    Paced { held: Duration },
}

/// What SES answered, and to what.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub step: Step,
    pub answer: Answer,
    pub session: Option<SessionId>,
}

/// What stops all mail of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountTrouble {
    /// No more mails in this span of 24 hours.
    DailyQuota,
    /// The password was made before 2019, and is throttled.
    SigV2,
    /// The IAM user may not send this.
    AccessDenied,
    Suspended,
    /// The session was not, or is no longer, logged in.
    NotLoggedIn,
}

impl Outcome {
    pub(super) fn new(said: Said, session: Option<SessionId>) -> Self {
        match said {
            Said::Answered { step, answer } => Self::judged(Verdict { step, answer, session }),
            Said::Unsaid { step, why } => Self::Interrupted { step, why, session },
            Said::Doubt { why } => Self::InDoubt { why, session },
        }
    }

    pub(super) fn unopened(cause: Arc<OpenError>) -> Self {
        if cause.is_of_login() { Self::LoginRefused(cause) } else { Self::Unreachable(cause) }
    }

    /// Whether the endpoint is what is wrong, so that another one may take the mail. SES surely does not have it then:
    /// no octet of it was said, or SES refused it in so many words.
    pub(super) fn is_of_endpoint(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::LoginRefused(_) => true,
            Self::Blocked { trouble, .. } => match trouble {
                AccountTrouble::Suspended | AccountTrouble::NotLoggedIn => true,
                AccountTrouble::DailyQuota | AccountTrouble::SigV2 | AccountTrouble::AccessDenied => false,
            },
            Self::Accepted { .. }
            | Self::Refused(_)
            | Self::Unverified(_)
            | Self::Throttled(_)
            | Self::Deferred(_)
            | Self::Unconfirmed(_)
            | Self::Interrupted { .. }
            | Self::InDoubt { .. }
            | Self::Busy { .. }
            | Self::Paced { .. } => false,
        }
    }

    /// Whether SES has the mail, or may have it.
    pub fn may_be_sent(&self) -> bool {
        match self {
            Self::Accepted { .. } | Self::Unconfirmed(_) | Self::InDoubt { .. } => true,
            Self::Refused(_)
            | Self::Unverified(_)
            | Self::Throttled(_)
            | Self::Blocked { .. }
            | Self::Deferred(_)
            | Self::Interrupted { .. }
            | Self::Unreachable(_)
            | Self::LoginRefused(_)
            | Self::Busy { .. }
            | Self::Paced { .. } => false,
        }
    }

    /// One word, for logs and metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused(_) => "refused",
            Self::Unverified(_) => "unverified",
            Self::Throttled(_) => "throttled",
            Self::Blocked { .. } => "blocked",
            Self::Deferred(_) => "deferred",
            Self::Unconfirmed(_) => "unconfirmed",
            Self::Interrupted { .. } => "interrupted",
            Self::InDoubt { .. } => "in_doubt",
            Self::Unreachable(_) => "unreachable",
            Self::LoginRefused(_) => "login_refused",
            Self::Busy { .. } => "busy",
            Self::Paced { .. } => "paced",
        }
    }

    /// SES's name for the session in which this happened, if there was one.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Accepted { session, .. }
            | Self::Interrupted { session, .. }
            | Self::InDoubt { session, .. } => session.as_ref(),
            Self::Refused(verdict)
            | Self::Unverified(verdict)
            | Self::Throttled(verdict)
            | Self::Blocked { verdict, .. }
            | Self::Deferred(verdict)
            | Self::Unconfirmed(verdict) => verdict.session.as_ref(),
            Self::Unreachable(_) | Self::LoginRefused(_) | Self::Busy { .. } | Self::Paced { .. } => None,
        }
    }

    fn judged(verdict: Verdict) -> Self {
        let answer = &verdict.answer;
        let blocked = |trouble| Self::Blocked { trouble, verdict: verdict.clone() };
        match (answer.class(), answer.code()) {
            (Class::Positive, 250) => match answer.message_id() {
                Some(message_id) => Self::Accepted { message_id, session: verdict.session },
                None => Self::Unconfirmed(verdict),
            },
            (Class::Positive | Class::Intermediate, _) => Self::Unconfirmed(verdict),
            (Class::Transient, 454) if answer.says("SigV2") => blocked(AccountTrouble::SigV2),
            (Class::Transient, 454) if answer.says("daily message quota") => {
                blocked(AccountTrouble::DailyQuota)
            }
            (Class::Transient, 454) if answer.says("throttling") => Self::Throttled(verdict),
            (Class::Transient, 454) if answer.says("authentication") => blocked(AccountTrouble::NotLoggedIn),
            (Class::Permanent, 530 | 535 | 538) => blocked(AccountTrouble::NotLoggedIn),
            (Class::Permanent, 554) if answer.says("access denied") => blocked(AccountTrouble::AccessDenied),
            (Class::Permanent, 554)
                if answer.says("sending suspended") || answer.says("account is paused") =>
            {
                blocked(AccountTrouble::Suspended)
            }
            (Class::Permanent, 554) if answer.says("not verified") => Self::Unverified(verdict),
            // These find fault with the conversation, not with the mail.
            (Class::Transient, _) | (Class::Permanent, 500 | 502 | 503 | 504 | 521) => {
                Self::Deferred(verdict)
            }
            (Class::Permanent, _) => Self::Refused(verdict),
        }
    }
}

impl Said {
    /// Whether this is what a connection says that has died, or is out of step, since it was last used. SES then
    /// surely has not taken the mail, which can be said again at once.
    pub(super) fn is_stale(&self) -> bool {
        match self {
            Self::Unsaid { .. } => true,
            Self::Doubt { .. } => false,
            Self::Answered { answer, .. } => match answer.code() {
                // RFC 5321 section 3.8: the service closes. SES says it after so many mails in a session. The others
                // are said to one that is out of step, or no longer logged in.
                421 | 503 | 530 | 535 => true,
                451 => answer.says("timeout waiting for data") || answer.enhanced() == Some((4, 2)),
                _ => false,
            },
        }
    }
}

/// One clause for the log, without mail addresses.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { message_id, .. } => write!(f, "SES has it as {message_id}"),
            Self::Refused(verdict) => write!(f, "SES refused the mail: {verdict}"),
            Self::Unverified(verdict) => write!(f, "a sender is not verified: {verdict}"),
            Self::Throttled(verdict) => write!(f, "SES throttles the account: {verdict}"),
            Self::Blocked { trouble, verdict } => write!(f, "{trouble}: {verdict}"),
            Self::Deferred(verdict) => write!(f, "SES cannot take it now: {verdict}"),
            Self::Unconfirmed(verdict) => write!(f, "SES gave no message id: {verdict}"),
            Self::Interrupted { step, why, .. } => write!(f, "interrupted at {step}: {}", causes(why)),
            Self::InDoubt { why, .. } => write!(f, "no verdict after the final dot: {}", causes(why)),
            Self::Unreachable(cause) | Self::LoginRefused(cause) => f.write_str(&cause.causes()),
            Self::Busy { held } => write!(f, "no connection came free within {held:?}"),
            Self::Paced { held } => write!(f, "more mail waited than SES takes, for {held:?}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was answered {}", self.step, self.answer)
    }
}

impl fmt::Display for AccountTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DailyQuota => "the daily quota is used up",
            Self::SigV2 => "the SMTP password was made before 2019 and is throttled",
            Self::AccessDenied => "the IAM user may not send this",
            Self::Suspended => "the account may not send",
            Self::NotLoggedIn => "the session is not logged in",
        })
    }
}
