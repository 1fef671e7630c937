//! Everything that the stand-in says, in SES's words: the one place where they are written.
//!
//! SES's SMTP front end descends from the Java library `SubEthaSMTP`; where no transcript of SES shows an answer,
//! the words are that library's.

use crate::sandbox::machine::Channel;
use crate::sandbox::settings::Extensions;

pub const OK: &str = "250 Ok";
pub const HELO: &str = "250 email-smtp.amazonaws.com";
pub const BYE: &str = "221 Bye";
pub const START_TLS: &str = "220 Ready to start TLS";
pub const START_MAIL: &str = "354 End data with <CR><LF>.<CR><LF>";

pub const AUTHENTICATED: &str = "235 Authentication successful.";
/// SES does not send the empty challenge of RFC 4954 section 4.
pub const PLAIN_CHALLENGE: &str = "334 Ok";
/// `Username:` in Base64.
pub const USER_NAME_CHALLENGE: &str = "334 VXNlcm5hbWU6";
/// `Password:` in Base64.
pub const PASSWORD_CHALLENGE: &str = "334 UGFzc3dvcmQ6";

pub const SESSION_FULL: &str = "421 Connection closed by server. Maximum message count per session reached.";
/// Until 2024.
const SESSION_FULL_IN_OLD_WORDS: &str = "421 Connection closed by server. Too many messages in one session.";
/// Until 2018.
const IDLE_IN_OLD_WORDS: &str = "421 Timeout waiting for data from client.";
const COMMANDS_FAIL: &str = "421 4.4.0 Problem attempting to execute commands. Please try again later.";
const SYSTEM_FAILURE: &str = "421 4.3.0 Mail system failure, closing transmission channel";
pub const TOO_MANY_CONNECTIONS: &str = "421 Too many concurrent SMTP connections";
pub const SERVICE_NOT_AVAILABLE: &str = "421 Service not available, closing transmission channel.";
pub const IDLE: &str = "451 4.4.2 Timeout waiting for data from client.";
pub const TEMPORARY_FAILURE: &str = "451 Temporary service failure";
const THROTTLED: &str = "454 Throttling failure: Maximum sending rate exceeded.";
const QUOTA_EXCEEDED: &str = "454 Throttling failure: Daily message quota exceeded.";
/// To a login of before 2019.
const SIGV2_THROTTLED: &str = "454 Throttling failure: Maximum SigV2 SMTP sending rate exceeded.";
const SERVICE_FAILURE: &str = "454 Temporary service failure";
const LOGIN_FAILURE: &str = "454 Temporary authentication failure";
pub const TOO_MANY_RECIPIENTS: &str = "452 Error: too many recipients";
pub const TLS_ACTIVE: &str = "454 TLS not available due to temporary reason: TLS already active";
pub const TLS_NOT_SUPPORTED: &str = "454 TLS not supported";

pub const BAD_SYNTAX: &str = "500 Error: bad syntax";
pub const NOT_IMPLEMENTED: &str = "500 Error: command not implemented";
pub const LINE_TOO_LONG: &str = "501 Input line length is too long!";
pub const EHLO_SYNTAX: &str = "501 Syntax: EHLO hostname";
pub const HELO_SYNTAX: &str = "501 Syntax: HELO <hostname>";
pub const AUTH_SYNTAX: &str = "501 Syntax: AUTH mechanism [initial-response]";
pub const NO_PARAMETERS: &str = "501 Syntax error (no parameters allowed)";
pub const NOT_BASE64: &str = "501 Invalid command argument, not a valid Base64 string";
pub const AUTH_CANCELED: &str = "501 Authentication canceled by client.";
pub const INVALID_SENDER: &str = "501 Invalid MAIL FROM address provided";
pub const VRFY_DISABLED: &str = "502 VRFY command is disabled";
pub const SENDER_SPECIFIED: &str = "503 Sender already specified.";
pub const NEED_MAIL: &str = "503 Error: need MAIL command";
pub const NEED_RECIPIENT: &str = "503 Error: need RCPT command";
pub const ALREADY_AUTHENTICATED: &str = "503 Refusing any other AUTH command.";
pub const MECHANISM_UNKNOWN: &str = "504 The requested authentication mechanism is not supported";
pub const MUST_START_TLS: &str = "530 Must issue a STARTTLS command first";
pub const MUST_AUTHENTICATE: &str = "530 Authentication required";
pub const CREDENTIALS_INVALID: &str = "535 Authentication Credentials Invalid";
const NOT_SUBSCRIBED: &str = "535 Account not subscribed to SES";
const TOO_LONG: &str = "552 5.3.4 Message is too long.";
const SUSPENDED: &str = "554 Message rejected: Sending suspended for this account. For more information, please check \
    the inbox of the email address associated with your AWS account.";
const MAIL_FROM_DOMAIN: &str =
    "554 MAIL FROM domain not verified: DNS setup for MAIL FROM domain is invalid.";

/// What a fault may call by a name instead of writing it out. SES closes the connection behind a 421 and behind the
/// time-out.
pub const NAMED: &[(&str, &str)] = &[
    ("auth-failure", LOGIN_FAILURE),
    ("bad-credentials", CREDENTIALS_INVALID),
    ("commands-fail", COMMANDS_FAIL),
    ("mail-from-domain", MAIL_FROM_DOMAIN),
    ("no-message-id", OK),
    ("not-subscribed", NOT_SUBSCRIBED),
    ("old-session-full", SESSION_FULL_IN_OLD_WORDS),
    ("old-timeout", IDLE_IN_OLD_WORDS),
    ("quota-exceeded", QUOTA_EXCEEDED),
    ("service-failure", SERVICE_FAILURE),
    ("session-full", SESSION_FULL),
    ("sigv2-throttled", SIGV2_THROTTLED),
    ("stale-transaction", SENDER_SPECIFIED),
    ("suspended", SUSPENDED),
    ("system-failure", SYSTEM_FAILURE),
    ("temporary-failure", TEMPORARY_FAILURE),
    ("throttled", THROTTLED),
    ("timeout", IDLE),
    ("too-long", TOO_LONG),
    ("too-many-connections", TOO_MANY_CONNECTIONS),
    ("unavailable", SERVICE_NOT_AVAILABLE),
];

/// Whether the server closes behind it (RFC 5321 section 4.2.2 on 421; SES does so behind its time-out too).
pub fn ends_session(words: &str) -> bool {
    words.starts_with("421") || words == IDLE
}

/// Whether an answer says that its step was taken (RFC 5321 section 4.2.1).
pub fn is_positive(words: &str) -> bool {
    words.starts_with(['2', '3'])
}

/// The front end that took the connection, and the token that SES also writes into the mail's Received field.
pub fn greeting(front_end: &str, session_token: &str) -> String {
    format!("220 email-smtp.amazonaws.com ESMTP SimpleEmailService-d-{front_end} {session_token}")
}

/// AUTH is offered before TLS too, though it is refused there. The last line is no keyword, and is there.
pub fn extensions(channel: Channel, extensions: Extensions) -> String {
    let size = match extensions {
        Extensions::Of2012 => "250-SIZE 10485760\r\n",
        Extensions::Of2023 | Extensions::Of2026 => "",
    };
    let starttls = match (channel, extensions) {
        (Channel::AwaitingTls, _) | (Channel::Tls, Extensions::Of2012 | Extensions::Of2023) => {
            "250-STARTTLS\r\n"
        }
        (Channel::Tls, Extensions::Of2026) | (Channel::Plain, _) => "",
    };
    format!("250-email-smtp.amazonaws.com\r\n250-8BITMIME\r\n{size}{starttls}250-AUTH PLAIN LOGIN\r\n250 Ok")
}

pub fn accepted(message_id: &str) -> String {
    format!("250 Ok {message_id}")
}

pub fn mail_syntax(parameters: &str) -> String {
    format!("501 Syntax: MAIL FROM: <address>  Error in parameters: \"{parameters}\"")
}

pub fn recipient_syntax(parameters: &str) -> String {
    format!("501 Syntax: RCPT TO: <address>  Error in parameters: \"{parameters}\"")
}

pub fn bare_line_end(position: usize) -> String {
    format!(
        "501 Syntax error at character position {position}. CR and LF must be CRLF paired.  See RFC 2821 #2.7.1."
    )
}

pub fn sender_unreadable(address: &str) -> String {
    format!("553 <{address}> Invalid email address")
}

pub fn recipient_unknown(address: &str) -> String {
    format!("553 <{address}> address unknown")
}

/// Why SES does not take a mail, told after its final dot. `Display` is the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("{}", THROTTLED)]
    SendingRate,
    #[error("{}", QUOTA_EXCEEDED)]
    DailyQuota,
    #[error("{}", TOO_LONG)]
    TooLong,
    #[error(
        "554 Access denied: User `{user}' is not authorized to perform `ses:SendRawEmail' on resource `{resource}'"
    )]
    AccessDenied { user: String, resource: String },
    #[error(
        "554 Message rejected: Email address is not verified. The following identities failed the check in \
         region {region}: {identities}"
    )]
    NotVerified { region: String, identities: String },
    #[error("{}", SUSPENDED)]
    Suspended,
    #[error("554 Transaction failed: Recipient count exceeds 50.")]
    TooManyRecipients,
    #[error("554 Transaction failed: {0}")]
    Header(HeaderFault),
}

/// What SES finds wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    #[error("Header section too long.")]
    TooLong,
    #[error("Empty header names are illegal.")]
    EmptyName,
    #[error("Duplicate header '{0}'.")]
    Duplicate(&'static str),
    #[error("Missing required header 'From'.")]
    NoFrom,
    #[error(transparent)]
    Address(#[from] AddressFault),
}

/// What SES finds wrong with an address, in the words of `JavaMail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    #[error("Empty address")]
    Empty,
    #[error("Missing '\"'")]
    OpenQuote,
    #[error("Missing ')'")]
    OpenComment,
    #[error("Missing '>'")]
    OpenBracket,
    #[error("Missing final '@domain'")]
    NoDomain,
    #[error("Missing local name")]
    NoLocalPart,
    #[error("Local address contains control or whitespace")]
    BlankInLocalPart,
    #[error("Domain contains control or whitespace")]
    BlankInDomain,
}
