//! The list of the whole catalogue, for the tests that hold each of its replies to the rules and hear it spoken.

use crate::smtp::Reply;

impl Reply {
    /// Every reply once, `*` standing for what is only known when it is spoken.
    pub fn catalogue() -> Vec<Self> {
        [Self::of_dialogue(), Self::of_logins(), Self::of_faults(), Self::of_mails()].concat()
    }

    fn of_dialogue() -> Vec<Self> {
        vec![
            Self::OK,
            Self::SENDER_OK,
            Self::RECIPIENT_OK,
            Self::SEND_MESSAGE,
            Self::HELP,
            Self::NOT_VERIFIED,
            Self::READY_FOR_TLS,
            Self::BYE,
            Self::greeting("*"),
            Self::hello("*"),
            Self::extensions("*", "*"),
        ]
    }

    fn of_logins() -> Vec<Self> {
        vec![
            Self::LOGIN_OK,
            Self::SEND_CREDENTIALS,
            Self::SEND_USER_NAME,
            Self::SEND_PASSWORD,
            Self::LOGIN_CANCELLED,
            Self::LOGIN_UNDECODABLE,
            Self::LOGIN_MALFORMED,
            Self::UNKNOWN_MECHANISM,
            Self::LOGGED_IN,
            Self::LOGIN_IN_TRANSACTION,
            Self::LOGIN_NEEDS_TLS,
            Self::LOGIN_REFUSED,
            Self::LOGIN_LOCKED_OUT,
            Self::LOGIN_UNCHECKED,
            Self::TOO_MANY_LOGINS,
            Self::LOGIN_NEEDED,
            Self::unknown_client("*"),
            Self::TOO_MANY_FROM_APP,
            Self::too_many_mails("*", "*"),
        ]
    }

    fn of_faults() -> Vec<Self> {
        vec![
            Self::BARE_LINE_END,
            Self::CONTROL_OCTET,
            Self::OTHER_PROTOCOL,
            Self::UNKNOWN_COMMAND,
            Self::NOT_IMPLEMENTED,
            Self::UNKNOWN_PARAMETER,
            Self::NOT_ASCII_PATH,
            Self::PARAMETER_VALUE,
            Self::NEED_HELLO,
            Self::NEED_SENDER,
            Self::NEED_RECIPIENT,
            Self::SENDER_GIVEN,
            Self::NEED_TLS,
            Self::WITHIN_TLS,
            Self::TLS_WITHIN_TRANSACTION,
            Self::OCTETS_BEHIND_STARTTLS,
            Self::BARE_LF,
            Self::BARE_CR,
            Self::NUL,
            Self::OUT_OF_MEMORY,
            Self::TOO_MANY_ERRORS,
            Self::TOO_MANY_COMMANDS,
            Self::TOO_MANY_CONNECTIONS,
            Self::TOO_MANY_FROM_ADDRESS,
            Self::NOT_A_LOAD_BALANCER,
            Self::NO_PROXY_HEADER,
            Self::TOO_SLOW,
            Self::IDLE,
            Self::line_too_long("*"),
            Self::syntax("*"),
            Self::sender_not_taken("*"),
            Self::recipient_not_taken("*"),
            Self::recipients_full("*"),
            Self::header_too_long("*"),
            Self::message_too_long("*"),
            Self::endless_message("*"),
        ]
    }

    fn of_mails() -> Vec<Self> {
        vec![
            Self::defective_message("*", "*"),
            Self::null_sender("*"),
            Self::denied("*", "*"),
            Self::not_allowed("*"),
            Self::identity_not_verified("*", "*", "*"),
            Self::too_many_recipients("*", "*"),
            Self::SES_UNREACHABLE.naming("*"),
            Self::SES_RATE_EXCEEDED.naming("*"),
            Self::SES_QUOTA_EXCEEDED.naming("*"),
            Self::SES_TROUBLE.naming("*"),
            Self::BUSY.naming("*"),
            Self::CANNOT_SEND.naming("*"),
            Self::IN_DOUBT.naming("*"),
            Self::over_budget("*", "*").naming("*"),
            Self::still_in_doubt("*", "*").naming("*"),
            Self::INTERNAL_ERROR,
            Self::SHUTTING_DOWN,
            Self::WITHDRAWN,
            Self::SHUTTING_DOWN_IN_DOUBT.naming("*"),
            Self::accepted("*"),
            Self::refused_by_ses(554, None, "*"),
        ]
    }
}
