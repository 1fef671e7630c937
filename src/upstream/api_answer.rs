//! What the API says, in the words of SES's SMTP interface.
//!
//! That interface is a door to the same API: it says `MessageRejected` as `554 Message rejected`, and throttling as `454
//! Throttling failure`. So here it is said the same way, and `outcome` sorts both by one table. What the API tells
//! apart and SMTP does not stays apart.

use crate::upstream::answer::Answer;

/// What SES says by SMTP of a login that it does not take.
pub(super) const NOT_LOGGED_IN: u16 = 535;

/// The codes by which AWS finds fault with credentials or with the signature made of them. No mail is at fault.
const OF_CREDENTIALS: [&str; 14] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// An answer of HTTP that is no acceptance. `None` if nobody knows by it whether SES has the mail.
pub(super) fn worded(status: u16, code: Option<&str>, message: &str) -> Option<Answer> {
    let (reply, text) = match (code, status) {
        (Some("MessageRejected"), _) => (554, format!("Message rejected: {message}")),
        (Some("MailFromDomainNotVerifiedException"), _) => {
            (554, format!("MAIL FROM domain not verified: {message}"))
        }
        (Some("BadRequestException" | "ValidationException" | "InvalidParameterValue"), _) => {
            (554, format!("Transaction failed: {message}"))
        }
        (Some("RequestEntityTooLargeException"), _) | (None, 413) => {
            (552, format!("5.3.4 Message is too long. {message}"))
        }
        // One of these is the daily quota, which its words tell.
        (
            Some(
                "TooManyRequestsException"
                | "LimitExceededException"
                | "Throttling"
                | "ThrottlingException"
                | "RequestLimitExceeded",
            ),
            _,
        )
        | (None, 429) => (454, format!("Throttling failure: {message}")),
        (Some("AccessDenied" | "AccessDeniedException"), _) => (554, format!("Access denied: {message}")),
        (Some("AccountSuspendedException"), _) => {
            (554, format!("Message rejected: Sending suspended for this account. {message}"))
        }
        // A set that is paused is no reason to stop the mail of the others.
        (Some("SendingPausedException"), _) if names_configuration_set(message) => {
            (451, format!("Sending is paused: {message}"))
        }
        (Some("SendingPausedException"), _) => (554, format!("Account is paused. {message}")),
        // The configuration set, which an operator can make again: no mail need be lost.
        (Some("NotFoundException"), _) => (451, format!("Not found: {message}")),
        (Some(code), _) if OF_CREDENTIALS.contains(&code) => (NOT_LOGGED_IN, format!("{code}: {message}")),
        (Some(code), 500..) => (451, format!("Temporary service failure: {code}: {message}")),
        (Some(code), 300..500) => (451, format!("{code}: {message}")),
        // Nobody took it on.
        (None, 300..500 | 503) => (451, format!("HTTP {status}")),
        // What can be read of an acceptance is not enough; or something before SES lost sight of it.
        (_, _) => return None,
    };
    Some(Answer::worded(reply, text.trim_end().to_owned()))
}

fn names_configuration_set(message: &str) -> bool {
    message.to_ascii_lowercase().contains("configuration set")
}

#[cfg(test)]
mod tests {
    use super::worded;
    use crate::upstream::conversation::{Said, Step};
    use crate::upstream::outcome::Outcome;

    /// The outcome's one word, or the account's trouble.
    fn outcome(status: u16, code: &str, message: &str) -> String {
        let code = (!code.is_empty()).then_some(code);
        let Some(answer) = worded(status, code, message) else { return "nobody knows".to_owned() };
        match Outcome::new(Said::Answered { step: Step::SendEmail, answer }, None) {
            Outcome::Blocked { trouble, .. } => format!("{trouble:?}"),
            outcome => outcome.label().to_owned(),
        }
    }

    #[test]
    fn each_answer_of_the_api_has_its_outcome() {
        let not_verified = "Email address is not verified. The following identities failed the check in \
                            region US-EAST-1: a@example.com";
        for (status, code, message, expected) in [
            (400, "MessageRejected", not_verified, "unverified"),
            (400, "MessageRejected", "Local address contains control or whitespace", "refused"),
            (400, "MessageRejected", "Sending suspended for this account.", "Suspended"),
            (400, "MailFromDomainNotVerifiedException", "DNS setup is invalid.", "unverified"),
            (400, "BadRequestException", "Recipient count exceeds 50.", "refused"),
            (400, "BadRequestException", "Duplicate header 'Subject'.", "refused"),
            (413, "", "", "refused"),
            (429, "TooManyRequestsException", "Maximum sending rate exceeded.", "throttled"),
            (429, "TooManyRequestsException", "Daily message quota exceeded.", "DailyQuota"),
            (400, "LimitExceededException", "Daily message quota exceeded.", "DailyQuota"),
            (400, "ThrottlingException", "Rate exceeded", "throttled"),
            (429, "", "", "throttled"),
            (403, "AccessDeniedException", "User `x' is not authorized", "AccessDenied"),
            (400, "AccountSuspendedException", "", "Suspended"),
            (400, "SendingPausedException", "Sending paused for this account.", "Suspended"),
            (400, "SendingPausedException", "Sending paused for configuration set news.", "deferred"),
            (404, "NotFoundException", "Configuration set <news> does not exist.", "deferred"),
            (403, "UnrecognizedClientException", "The security token is invalid.", "NotLoggedIn"),
            (403, "ExpiredTokenException", "The token is expired", "NotLoggedIn"),
            (400, "SomethingNewException", "", "deferred"),
            (500, "InternalFailure", "", "deferred"),
            (503, "ServiceUnavailable", "", "deferred"),
            (503, "", "", "deferred"),
            (404, "", "", "deferred"),
            (301, "", "", "deferred"),
            (500, "", "", "nobody knows"),
            (502, "", "", "nobody knows"),
            (504, "", "", "nobody knows"),
            (200, "", "", "nobody knows"),
        ] {
            assert_eq!(outcome(status, code, message), expected, "{status} {code}: {message}");
        }
    }
}
