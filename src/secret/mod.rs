//! Secrets: values that cannot be printed, logged or compared by accident, and are wiped when dropped.
//!
//! The one home of the `secrecy` crate. Whoever needs the text calls [`Secret::expose`], so a search for that
//! word finds every place where a secret can leave.

use std::fmt;

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};

/// A secret text. Its `Debug` says only that it is one; it has no `Display`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text itself: for the wire and for key derivation, never for a message.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Overwrites what held a secret on its way here. The compiler does not leave this out.
pub fn wipe(octets: &mut [u8]) {
    octets.zeroize();
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "[secret]");
    }
}
