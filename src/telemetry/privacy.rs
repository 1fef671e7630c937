//! How much of an address the log and the audit records show: all of it, its domain, or a keyed hash by which it can
//! be followed without being read.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::secret::Secret;

/// How much of an address is shown. Display names count as much as addresses do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Addresses {
    /// `bob@example.com`
    #[default]
    Plain,
    /// `*@example.com`
    Domain,
    /// `7f3c9a0be5d21468@example.com`
    Hashed(HashKey),
}

/// What turns an address into its hash. Without it nobody can try addresses against the hashes.
#[derive(Clone)]
pub struct HashKey(Arc<hmac::Key>);

impl HashKey {
    pub fn new(secret: &Secret) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())))
    }

    /// Eight octets: enough that of a million addresses hardly two share one.
    fn hash(&self, text: &str) -> String {
        let tag = hmac::sign(&self.0, text.as_bytes());
        let shown = tag.as_ref().first_chunk().copied().unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(shown))
    }
}

impl PartialEq for HashKey {
    /// Keys are alike if their hashes are.
    fn eq(&self, other: &Self) -> bool {
        self.hash("") == other.hash("")
    }
}

impl Eq for HashKey {}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Addresses {
    /// As the configuration calls it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Domain => "domain",
            Self::Hashed(_) => "hashed",
        }
    }

    /// An address, or the empty text that is none.
    pub fn address<'a>(&self, address: &'a str) -> Cow<'a, str> {
        if self.shows_all() {
            return Cow::Borrowed(address);
        }
        match (self, address.rsplit_once('@')) {
            (Self::Plain, _) | (_, None) => Cow::Borrowed(address),
            (Self::Domain, Some((_, domain))) => Cow::Owned(format!("*@{domain}")),
            (Self::Hashed(key), Some((local, domain))) => {
                // The domain is the same in any letter case (RFC 5321 section 2.4), the local part is not.
                let domain = domain.to_ascii_lowercase();
                Cow::Owned(format!("{}@{domain}", key.hash(&format!("{local}@{domain}"))))
            }
        }
    }

    /// A display name. It has no part that could be shown by itself.
    pub fn display_name<'a>(&self, name: &'a str) -> Option<Cow<'a, str>> {
        match self {
            Self::Plain => Some(Cow::Borrowed(name)),
            Self::Domain => None,
            Self::Hashed(key) => Some(Cow::Owned(key.hash(name))),
        }
    }

    /// The ARN of an identity, which may be an address.
    pub fn resource<'a>(&self, arn: &'a str) -> Cow<'a, str> {
        if self.shows_all() {
            return Cow::Borrowed(arn);
        }
        match arn.split_once("identity/") {
            None => Cow::Borrowed(arn),
            Some((start, name)) => Cow::Owned(format!("{start}identity/{}", self.address(name))),
        }
    }

    /// A text that may hold addresses: a reply, a Message-ID, a line of the log.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.shows_all() || !text.contains('@') {
            return Cow::Borrowed(text);
        }
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('@') {
            let domain_octets = behind.find(|character| !is_of_domain(character)).unwrap_or(behind.len());
            let (domain, after) = behind.split_at(domain_octets);
            let local_start = before.rfind(|character| !is_of_local_part(character));
            let local = local_start.and_then(|at| before.get(at..)).unwrap_or(before);
            let local = local
                .trim_start_matches(|character| !is_of_local_part(character) || QUOTES.contains(&character));
            shown.push_str(before.strip_suffix(local).unwrap_or(before));
            if local.is_empty() || domain.is_empty() {
                shown.extend([local, "@", domain]);
            } else {
                shown.push_str(&self.address(&format!("{local}@{domain}")));
            }
            rest = after;
        }
        shown.push_str(rest);
        Cow::Owned(shown)
    }

    /// Then nothing has to be looked for.
    fn shows_all(&self) -> bool {
        matches!(self, Self::Plain)
    }
}

/// What stands around an address more often than at its start, though RFC 5322 lets it.
const QUOTES: [char; 4] = ['`', '\'', '=', '/'];

/// RFC 5322 section 3.2.3, and what RFC 6532 adds.
fn is_of_local_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || !character.is_ascii() || "!#$%&'*+-/=?^_`{|}~.".contains(character)
}

fn is_of_domain(character: char) -> bool {
    character.is_ascii_alphanumeric() || !character.is_ascii() || "-.".contains(character)
}

#[cfg(test)]
mod tests {
    use super::{Addresses, HashKey};
    use crate::secret::Secret;

    fn hashed(key: &str) -> Addresses {
        Addresses::Hashed(HashKey::new(&Secret::new(key.to_owned())))
    }

    #[test]
    fn an_address_shows_as_much_as_it_may() {
        let address = "Bob@Example.com";
        assert_eq!(Addresses::Plain.address(address), address);
        assert_eq!(Addresses::Domain.address(address), "*@Example.com");
        let shown = hashed("a key").address(address).into_owned();
        assert_eq!(
            shown.split_once('@').map(|(hash, domain)| (hash.len(), domain)),
            Some((16, "example.com"))
        );
        assert_eq!(hashed("a key").address("Bob@EXAMPLE.com"), shown);
        assert_ne!(hashed("a key").address("bob@example.com"), shown);
        assert_ne!(hashed("another key").address(address), shown);
        assert_eq!(hashed("a key").address(""), "");
    }

    #[test]
    fn addresses_within_a_text_are_found() {
        for (text, expected) in [
            ("nobody", "nobody"),
            ("failed: a.b@c.example, `d+e@f.example` (x)", "failed: *@c.example, `*@f.example` (x)"),
            ("<id@host>", "<*@host>"),
            ("a@b@c", "*@b@c"),
            ("@ a@ @b @", "@ a@ @b @"),
            ("name=bob@example.com", "*@example.com"),
            ("büro@example.com", "*@example.com"),
        ] {
            assert_eq!(Addresses::Domain.text(text), expected, "{text}");
        }
        let arn = "arn:aws:ses:eu-west-1:123456789012:identity/a/b@example.com";
        let expected = "arn:aws:ses:eu-west-1:123456789012:identity/*@example.com";
        assert_eq!(Addresses::Domain.resource(arn), expected);
    }

    proptest::proptest! {
        #[test]
        fn no_local_part_is_left_in_any_text(
            before in "([^@]*[ <,;:])?", local in "[a-z]{9}", domain in "[a-z]{3}\\.example", behind in "([ >,;)][^@]*)?",
        ) {
            let text = format!("{before}{local}@{domain}{behind}");
            for addresses in [Addresses::Domain, hashed("a key")] {
                let shown = addresses.text(&text);
                let expected = format!("{before}{}{behind}", addresses.address(&format!("{local}@{domain}")));
                proptest::prop_assert_eq!(shown.as_ref(), expected.as_str());
            }
        }
    }
}
