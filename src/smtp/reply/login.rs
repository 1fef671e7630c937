//! The part of the catalogue that is about logins (RFC 4954), about clients that nobody knows, and about apps that
//! want more than they are granted.

use std::fmt::Display;

use crate::smtp::{Limit, Reply};

impl Reply {
    pub const LOGIN_OK: Self = Self::fixed(235, 7, 0, "Authentication successful");
    /// RFC 4954 section 4: a mechanism with nothing to ask asks with an empty text.
    pub const SEND_CREDENTIALS: Self = Self::question("");
    /// `Username:` in base64. Clients compare the text.
    pub const SEND_USER_NAME: Self = Self::question("VXNlcm5hbWU6");
    /// `Password:` in base64.
    pub const SEND_PASSWORD: Self = Self::question("UGFzc3dvcmQ6");

    pub const LOGIN_CANCELLED: Self = Self::fixed(501, 7, 0, "Authentication cancelled");
    pub const LOGIN_UNDECODABLE: Self = Self::fixed(501, 5, 2, "This is not base64");
    pub const LOGIN_MALFORMED: Self =
        Self::fixed(501, 5, 2, "This does not hold a user name and a password as it should");
    pub const UNKNOWN_MECHANISM: Self =
        Self::fixed(504, 5, 4, "Mechanism not known; AUTH takes PLAIN and LOGIN");
    pub const LOGGED_IN: Self = Self::fixed(503, 5, 1, "You are logged in already");
    pub const LOGIN_IN_TRANSACTION: Self =
        Self::fixed(503, 5, 1, "AUTH cannot come within a transaction; RSET ends it");
    pub const LOGIN_NEEDS_TLS: Self =
        Self::fixed(538, 7, 11, "Encryption required: no password is taken in clear");

    /// For every reason why credentials are not taken, so that the text tells no user name from another.
    pub const LOGIN_REFUSED: Self = Self::fixed(535, 7, 8, "Authentication credentials invalid");
    pub const LOGIN_LOCKED_OUT: Self =
        Self::fixed(454, 7, 0, "Too many failed logins from your address; try again later")
            .meeting(Limit::LoginFailures);
    pub const LOGIN_UNCHECKED: Self =
        Self::fixed(454, 7, 0, "Too many logins at once; try again later").meeting(Limit::LoginChecks);
    pub const TOO_MANY_LOGINS: Self =
        Self::last(421, 7, 0, "Too many failed logins; closing connection").meeting(Limit::LoginsFailed);

    /// To MAIL, of a client that could log in.
    pub const LOGIN_NEEDED: Self = Self::fixed(530, 7, 0, "Authentication required");

    /// To MAIL, of a client that is no app and cannot become one.
    pub fn unknown_client(address: impl Display) -> Self {
        Self::line(550, 7, 1, format!("No app is known at {address}"))
    }

    pub const TOO_MANY_FROM_APP: Self =
        Self::last(421, 7, 0, "Too many connections of your app; close some or try again later")
            .meeting(Limit::AppConnections);

    /// To MAIL, of an app that sends more than the operator grants it.
    pub fn too_many_mails(per_minute: impl Display, wait_seconds: impl Display) -> Self {
        let text = format!("Your app may send {per_minute} mails a minute; try again in {wait_seconds} s");
        Self::line(451, 7, 1, text).meeting(Limit::AppMails)
    }

    const fn question(text: &'static str) -> Self {
        Self::fixed(334, 0, 0, text).without_enhanced_code()
    }
}
