//! Hashes of passwords, by argon2id (RFC 9106). The one home of the `argon2` crate.

use std::fmt;

use argon2::password_hash::{self, PasswordHashString, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{ARGON2ID_IDENT, Argon2, Params};
use aws_lc_rs::rand;

use crate::secret::Secret;

/// What RFC 9106 section 3.1 recommends.
const SALT_OCTETS: usize = 16;
const OUTPUT_OCTETS_MIN: usize = 16;
const SALT_CHARACTERS_MIN: usize = 11;
/// Memory that one check may take, in KiB.
const MEMORY_MAX: u32 = 262_144;
const PASSES_MAX: u32 = 32;
const LANES_MAX: u32 = 16;
/// The least of OWASP's equivalent choices (Password Storage Cheat Sheet): 7 MiB in five passes, in KiB.
const WORK_MIN: u32 = 7_168 * 5;
const MEMORY_MIN: u32 = 7_168;

/// A hash that a password can be checked against, as strong as it has to be.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(PasswordHashString);

/// Why a text is not a hash that is good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordHashError {
    #[error("not a hash in PHC form, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`")]
    Syntax,
    #[error("not of argon2id, version 19")]
    Algorithm,
    #[error("too cheap to guess for somebody who steals it; m=19456,t=2,p=1 is enough")]
    TooWeak,
    #[error("too costly to check at every login; m=19456,t=2,p=1 is enough")]
    TooCostly,
    #[error("the system gives no random numbers")]
    NoRandomness,
}

impl PasswordHash {
    /// Reads the PHC form.
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let hash = password_hash::PasswordHash::new(text).map_err(|_| PasswordHashError::Syntax)?;
        if hash.algorithm != ARGON2ID_IDENT || hash.version != Some(argon2::Version::V0x13.into()) {
            return Err(PasswordHashError::Algorithm);
        }
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(PasswordHashError::Syntax);
        };
        let params = Params::try_from(&hash).map_err(|_| PasswordHashError::Syntax)?;
        let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        if memory > MEMORY_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
            return Err(PasswordHashError::TooCostly);
        }
        let is_short = output.len() < OUTPUT_OCTETS_MIN || salt.as_str().len() < SALT_CHARACTERS_MIN;
        if memory < MEMORY_MIN || memory.saturating_mul(passes) < WORK_MIN || is_short {
            return Err(PasswordHashError::TooWeak);
        }
        Ok(Self(hash.serialize()))
    }

    /// Hashes a password with a salt of its own, as OWASP recommends: 19 MiB, two passes, one lane.
    pub fn new(password: &Secret) -> Result<Self, PasswordHashError> {
        let salt =
            SaltString::encode_b64(&random::<SALT_OCTETS>()?).map_err(|_| PasswordHashError::Syntax)?;
        let hash = argon2().hash_password(password.expose().as_bytes(), &salt);
        Ok(Self(hash.map_err(|_| PasswordHashError::Syntax)?.serialize()))
    }

    /// Takes memory and time: tens of milliseconds, on purpose.
    pub fn is_of(&self, password: &Secret) -> bool {
        argon2().verify_password(password.expose().as_bytes(), &self.0.password_hash()).is_ok()
    }

    /// The memory and time of one check, to be compared with others.
    pub(super) fn work(&self) -> u64 {
        let params = Params::try_from(&self.0.password_hash()).unwrap_or_default();
        u64::from(params.m_cost()).saturating_mul(params.t_cost().into())
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Whoever has a hash can try passwords on it, as fast as he can pay for.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::DEFAULT)
}

fn random<const OCTETS: usize>() -> Result<[u8; OCTETS], PasswordHashError> {
    let mut octets = [0; OCTETS];
    rand::fill(&mut octets).map_err(|_| PasswordHashError::NoRandomness)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::{PasswordHash, PasswordHashError};
    use crate::secret::Secret;

    const SALT_AND_HASH: &str = "OZEtDVEgCQxNd3Uh5cuqdQ$rU4Zg5skSwRzuxJe56FZ8QFLwdIc/ubxP6IEo/vhznE";

    #[test]
    fn a_password_is_known_by_its_hash_and_no_hash_is_like_another() {
        let password = Secret::new("correct horse".to_owned());
        let hash = PasswordHash::new(&password).unwrap();
        assert_ne!(hash, PasswordHash::new(&password).unwrap());
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(PasswordHash::parse(hash.as_str()).unwrap().is_of(&password));
        assert!(!hash.is_of(&Secret::new("Correct horse".to_owned())));
        assert_eq!(format!("{hash:?}"), "[password hash]");
    }

    #[test]
    fn a_hash_is_argon2id_and_neither_cheap_nor_dear() {
        for (parameters, expected) in [
            ("argon2id$v=19$m=19456,t=2,p=1", None),
            ("argon2id$v=19$m=7168,t=5,p=1", None),
            ("argon2id$v=19$m=65536,t=3,p=4", None),
            ("argon2id$v=19$m=262144,t=32,p=16", None),
            ("argon2id$v=19$m=7168,t=4,p=1", Some(PasswordHashError::TooWeak)),
            ("argon2id$v=19$m=4096,t=30,p=1", Some(PasswordHashError::TooWeak)),
            ("argon2id$v=19$m=262145,t=1,p=1", Some(PasswordHashError::TooCostly)),
            ("argon2id$v=19$m=19456,t=33,p=1", Some(PasswordHashError::TooCostly)),
            ("argon2id$v=19$m=19456,t=2,p=17", Some(PasswordHashError::TooCostly)),
            ("argon2id$v=16$m=19456,t=2,p=1", Some(PasswordHashError::Algorithm)),
            ("argon2i$v=19$m=19456,t=2,p=1", Some(PasswordHashError::Algorithm)),
            ("argon2id$m=19456,t=2,p=1", Some(PasswordHashError::Algorithm)),
        ] {
            let hash = PasswordHash::parse(&format!("${parameters}${SALT_AND_HASH}"));
            assert_eq!(hash.err(), expected, "{parameters}");
        }
        for (text, expected) in [
            ("", PasswordHashError::Syntax),
            ("correct horse", PasswordHashError::Syntax),
            ("$2y$10$abcdefghijklmnopqrstuv", PasswordHashError::Syntax),
            ("$argon2id$v=19$m=19456,t=2,p=1$OZEtDVEgCQxNd3Uh5cuqdQ", PasswordHashError::Syntax),
            ("$argon2id$v=19$m=19456,t=2,p=1$OZEtDVEg$rU4Zg5skSwRzuxJe56FZ8Q", PasswordHashError::TooWeak),
        ] {
            assert_eq!(PasswordHash::parse(text), Err(expected), "{text}");
        }
    }
}
