//! The one table: how a mail ended → what the client hears. Its texts are in `smtp::Reply`.

use std::fmt::Display;
use std::time::Duration;

use crate::gate::{DecisionId, Refusal};
use crate::inspect::Defect;
use crate::mail::{Address, Client};
use crate::relay::Ending;
use crate::relay::budget::Spent;
use crate::smtp::{Limit, Reply};
use crate::upstream::{AccountTrouble, Outcome};

pub(super) fn reply(ending: &Ending, region: &str, decision: DecisionId) -> Reply {
    match ending {
        Ending::Defective(defective) => reply_to_defect(&defective.1, decision),
        Ending::Refused(refused) => {
            reply_to_refusal(&refused.refusal, &refused.submission.client, region, decision)
        }
        Ending::Delivered(_, delivery) => delivered(&delivery.outcome, decision),
        Ending::Withheld(_, doubt) => {
            Reply::still_in_doubt(doubt.decision, seconds(doubt.wait)).naming(decision)
        }
        Ending::OverBudget(_, Spent { recipients_per_day, wait }) => {
            Reply::over_budget(recipients_per_day, in_words(*wait)).naming(decision)
        }
        Ending::GivenUp(_) => Reply::SHUTTING_DOWN_IN_DOUBT.naming(decision),
        Ending::Unsent(_) => Reply::SHUTTING_DOWN.naming(decision),
        Ending::Unrecorded(_) => Reply::CANNOT_SEND.naming(decision),
    }
}

pub fn reply_to_defect(defect: &Defect, decision: impl Display) -> Reply {
    let reply = Reply::defective_message(defect, decision);
    let is_limit = matches!(defect, Defect::TooManyFields { .. });
    if is_limit { reply.meeting(Limit::HeaderFields) } else { reply }
}

pub fn reply_to_refusal(refusal: &Refusal, client: &Client, region: &str, decision: impl Display) -> Reply {
    match refusal {
        Refusal::NullSender => Reply::null_sender(decision),
        Refusal::TooManyRecipients { recipients_max } => Reply::too_many_recipients(recipients_max, decision),
        Refusal::Unverified { addresses } => {
            let addresses: Vec<&str> = addresses.iter().map(Address::as_str).collect();
            Reply::identity_not_verified(region, addresses.join(", "), decision)
        }
        Refusal::Denied { statement } => Reply::denied(statement, decision),
        Refusal::NotAllowed => Reply::not_allowed(decision),
        Refusal::UnknownApp => Reply::unknown_client(client.address),
    }
}

/// 250 is said for one outcome only: SES has the mail and has named it. What is not about the mail is 4xx.
fn delivered(outcome: &Outcome, decision: DecisionId) -> Reply {
    let failure = match outcome {
        Outcome::Accepted { message_id, .. } => return Reply::accepted(message_id),
        Outcome::Refused(verdict) | Outcome::Unverified(verdict) => {
            let answer = &verdict.answer;
            return Reply::refused_by_ses(answer.code(), answer.enhanced(), &answer.public_text());
        }
        Outcome::Throttled(_) | Outcome::Paced { .. } => Reply::SES_RATE_EXCEEDED,
        Outcome::Blocked { trouble: AccountTrouble::DailyQuota, .. } => Reply::SES_QUOTA_EXCEEDED,
        Outcome::Blocked {
            trouble:
                AccountTrouble::SigV2
                | AccountTrouble::AccessDenied
                | AccountTrouble::Suspended
                | AccountTrouble::NotLoggedIn,
            ..
        }
        | Outcome::LoginRefused(_) => Reply::CANNOT_SEND,
        Outcome::Deferred(_) => Reply::SES_TROUBLE,
        Outcome::Interrupted { .. } | Outcome::Unreachable(_) => Reply::SES_UNREACHABLE,
        Outcome::InDoubt { .. } | Outcome::Unconfirmed(_) => Reply::IN_DOUBT,
        Outcome::Busy { .. } => Reply::BUSY,
    };
    failure.naming(decision)
}

/// Rounded up: who waits so long has waited long enough.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// As somebody who waits would say it, rounded up.
fn in_words(wait: Duration) -> String {
    match wait.as_secs().div_ceil(60) {
        ..=1 => "a minute".to_owned(),
        minutes @ 2..=90 => format!("{minutes} minutes"),
        minutes => format!("{} hours", minutes.div_ceil(60)),
    }
}
