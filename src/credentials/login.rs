//! A user name and a password that could be right: what certainly is wrong is refused where it is made, with
//! the reason, and not by SES with a bare 535.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::credentials::smtp_password::smtp_password;
use crate::secret::Secret;

/// The version octet of the passwords that SES derived before January 2019 (Signature Version 2), and their
/// decoded length.
const SIGV2_VERSION: u8 = 0x02;
const SIGV2_OCTETS: usize = 33;

/// How the relay logs in to SES.
#[derive(Debug, Clone)]
pub struct Login {
    user_name: String,
    password: Secret,
}

/// Why a login cannot be right. None of the texts holds the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    #[error("the user name is empty")]
    EmptyUserName,
    #[error("the password or secret access key is empty")]
    EmptyPassword,
    #[error("the user name has white space around it or a control character in it")]
    UserNameSpace,
    #[error("the password or secret access key has white space around it or a control character in it")]
    PasswordSpace,
    #[error(
        "`{0}` is a temporary access key, and SES takes no SMTP login made from one: use the key of an IAM user"
    )]
    TemporaryKey(String),
    #[error("`{0}` is not an access key id: it is made of capital letters and digits")]
    AccessKeyId(String),
    #[error("`{0}` is not a region's name, such as `eu-west-1`")]
    Region(String),
    #[error(
        "the password was made before 2019 (Signature Version 2), and SES throttles it in every region: make a new one"
    )]
    SigV2Password,
}

impl Login {
    /// SMTP credentials as the SES console hands them out.
    pub fn new(user_name: String, password: Secret) -> Result<Self, LoginError> {
        if user_name.is_empty() {
            return Err(LoginError::EmptyUserName);
        }
        if is_spaced(&user_name) {
            return Err(LoginError::UserNameSpace);
        }
        if is_temporary_key(&user_name) {
            return Err(LoginError::TemporaryKey(user_name));
        }
        check_secret(&password)?;
        if is_sigv2(password.expose()) {
            return Err(LoginError::SigV2Password);
        }
        Ok(Self { user_name, password })
    }

    /// The login of an IAM user by its access key: the id is the user name, the password is derived.
    pub fn from_access_key(
        access_key_id: String,
        secret_access_key: &Secret,
        region: &str,
    ) -> Result<Self, LoginError> {
        if !access_key_id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            return Err(LoginError::AccessKeyId(access_key_id));
        }
        // The shape only: AWS adds regions faster than a list could follow.
        if region.is_empty()
            || !region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            return Err(LoginError::Region(region.to_owned()));
        }
        check_secret(secret_access_key)?;
        Self::new(access_key_id, smtp_password(secret_access_key, region))
    }

    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// Whether both are the same. Nobody who could measure the time it takes says either of them.
    pub fn is(&self, other: &Self) -> bool {
        self.user_name == other.user_name && self.password.expose() == other.password.expose()
    }
}

/// Secrets that were pasted or read from a file often bring a line end along, and NUL would end a field of AUTH
/// PLAIN early (RFC 4616 section 2).
fn check_secret(secret: &Secret) -> Result<(), LoginError> {
    match secret.expose() {
        "" => Err(LoginError::EmptyPassword),
        text if is_spaced(text) => Err(LoginError::PasswordSpace),
        _ => Ok(()),
    }
}

fn is_spaced(text: &str) -> bool {
    text.trim() != text || text.contains(char::is_control)
}

/// Keys of roles and sessions begin with `ASIA`. They need a session token, for which AUTH has no place.
fn is_temporary_key(user_name: &str) -> bool {
    user_name.len() >= 16 && user_name.starts_with("ASIA")
}

fn is_sigv2(password: &str) -> bool {
    STANDARD
        .decode(password)
        .is_ok_and(|octets| octets.len() == SIGV2_OCTETS && octets.first() == Some(&SIGV2_VERSION))
}

#[cfg(test)]
mod tests {
    use super::{Login, LoginError};
    use crate::secret::Secret;

    const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn an_access_key_becomes_a_login() {
        let secret = Secret::new(SECRET.to_owned());
        let login = Login::from_access_key(KEY_ID.to_owned(), &secret, "us-east-1").unwrap();
        assert_eq!(login.user_name(), KEY_ID);
        assert_eq!(login.password().expose(), "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9");
        assert!(!format!("{login:?}").contains("BLBM"));
    }

    #[test]
    fn an_access_key_that_cannot_be_right_is_refused() {
        for (id, secret, region, expected) in [
            ("ASIAIOSFODNN7EXAMPLE", SECRET, "eu-west-1", "temporary"),
            ("akiaiosfodnn7example", SECRET, "eu-west-1", "not an access key id"),
            ("AKIAIOSFODNN7EXAMPLE ", SECRET, "eu-west-1", "not an access key id"),
            ("", SECRET, "eu-west-1", "user name is empty"),
            (KEY_ID, "", "eu-west-1", "secret access key is empty"),
            (KEY_ID, "secret\n", "eu-west-1", "white space"),
            (KEY_ID, SECRET, "", "not a region"),
            (KEY_ID, SECRET, "EU (Ireland)", "not a region"),
        ] {
            let error =
                Login::from_access_key(id.to_owned(), &Secret::new(secret.to_owned()), region).unwrap_err();
            assert!(error.to_string().contains(expected), "{id} {region}: {error}");
        }
    }

    #[test]
    fn a_login_that_cannot_be_right_is_refused() {
        for (user_name, password, expected) in [
            ("", "secret", LoginError::EmptyUserName),
            (KEY_ID, "", LoginError::EmptyPassword),
            ("user ", "secret", LoginError::UserNameSpace),
            ("us\0er", "secret", LoginError::UserNameSpace),
            ("user", " secret", LoginError::PasswordSpace),
            ("user", "secret\r\n", LoginError::PasswordSpace),
            ("user", "An60U4ZD3sd4fg+FvXUjayOipTt8LO4rUUmhpdX6ctDy", LoginError::SigV2Password),
            ("ASIAIOSFODNN7EXAMPLE", "secret", LoginError::TemporaryKey("ASIAIOSFODNN7EXAMPLE".to_owned())),
        ] {
            let error = Login::new(user_name.to_owned(), Secret::new(password.to_owned())).unwrap_err();
            assert_eq!(error, expected, "{user_name}");
        }
    }

    #[test]
    fn a_password_that_merely_begins_with_a_is_taken() {
        assert!(Login::new("sandbox".to_owned(), Secret::new("Another secret".to_owned())).is_ok());
    }
}
