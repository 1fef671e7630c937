//! A mailbox address that no two readers can read differently.
//!
//! Only the plain form of RFC 5321 is an [`Address`]: a dot-atom local part without the routing characters of
//! old (`%`, `!`), one `@`, a domain of LDH labels or A-labels. Quoted local parts, source routes, address
//! literals and U-labels are refused, because the places that read them disagree about what they mean.

use std::fmt;
use std::sync::Arc;

/// RFC 5321 section 4.5.3.1.1.
const LOCAL_PART_OCTETS_MAX: usize = 64;
/// RFC 5321 section 4.5.3.1.3: a path is at most 256 octets, of which two are the angle brackets.
const ADDRESS_OCTETS_MAX: usize = 254;
/// RFC 1035 section 2.3.4.
const LABEL_OCTETS_MAX: usize = 63;
/// RFC 1035 section 2.3.4, less the length octets of the first label and of the root.
const DOMAIN_OCTETS_MAX: usize = 253;

/// `local@domain`: the local part as written, the domain in lower case.
///
/// A mail's addresses are named in its envelope, its header and its records: they share one text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: Arc<str>,
    /// Where the `@` stands.
    at: usize,
}

/// A domain name of LDH labels or A-labels (RFC 5890), in lower case, without a trailing dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Box<str>);

/// Why a text is not an [`Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("the address is longer than 254 octets")]
    TooLong,
    #[error("the address has no `@`")]
    NoAt,
    #[error("the address has more than one `@`")]
    TwoAts,
    #[error("the part before the `@` is empty or longer than 64 octets")]
    LocalPartLength,
    #[error("the part before the `@` is quoted; quoted local parts are not taken")]
    QuotedLocalPart,
    #[error("the part before the `@` holds `%` or `!`, which once meant routing")]
    RoutingCharacter,
    #[error("the part before the `@` is not a dot-atom (RFC 5322 section 3.2.3)")]
    LocalPartSyntax,
    #[error("the domain is not a host name of letters, digits and hyphens")]
    DomainSyntax,
    #[error("the domain is an address literal; a domain name is needed")]
    AddressLiteral,
    #[error("the domain has an `xn--` label that is not a valid A-label (RFC 5890)")]
    InvalidALabel,
}

impl Address {
    /// Reads `local@domain`, without brackets, display name, comment or white space.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > ADDRESS_OCTETS_MAX {
            return Err(AddressError::TooLong);
        }
        if text.starts_with('"') {
            return Err(AddressError::QuotedLocalPart);
        }
        let at = memchr::memchr(b'@', text.as_bytes()).ok_or(AddressError::NoAt)?;
        let (local, domain) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        if memchr::memchr(b'@', domain.as_bytes()).is_some() {
            return Err(AddressError::TwoAts);
        }
        check_local_part(local.as_bytes())?;
        check_domain(domain)?;
        let mut text: Arc<str> = Arc::from(text);
        // Nobody shares it yet.
        if let Some(domain) = Arc::get_mut(&mut text).and_then(|text| text.get_mut(at..)) {
            domain.make_ascii_lowercase();
        }
        Ok(Self { text, at })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn local(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// The domain itself, then each parent: `a.b.c`, `b.c`, `c`.
    pub fn domain_and_parents(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.domain()), |domain| domain.split_once('.').map(|(_, parent)| parent))
    }
}

impl DomainName {
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        check_domain(text)?;
        Ok(Self(text.to_ascii_lowercase().into_boxed_str()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_local_part(local: &[u8]) -> Result<(), AddressError> {
    if local.is_empty() || local.len() > LOCAL_PART_OCTETS_MAX {
        return Err(AddressError::LocalPartLength);
    }
    if memchr::memchr2(b'%', b'!', local).is_some() {
        return Err(AddressError::RoutingCharacter);
    }
    let is_atom = |atom: &[u8]| !atom.is_empty() && atom.iter().all(|octet| is_atext(*octet));
    if !local.split(|octet| *octet == b'.').all(is_atom) {
        return Err(AddressError::LocalPartSyntax);
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), AddressError> {
    if domain.starts_with('[') {
        return Err(AddressError::AddressLiteral);
    }
    if domain.len() > DOMAIN_OCTETS_MAX {
        return Err(AddressError::TooLong);
    }
    let mut labels = domain.as_bytes().split(|octet| *octet == b'.');
    if !labels.clone().all(is_ldh_label) {
        return Err(AddressError::DomainSyntax);
    }
    // RFC 3696 section 2: a top-level label is never all digits, so that `127.0.0.1` is no domain.
    if labels.clone().next_back().is_some_and(|top| top.iter().all(u8::is_ascii_digit)) {
        return Err(AddressError::AddressLiteral);
    }
    let is_a_label = |label: &[u8]| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
    if labels.any(is_a_label) && !round_trips(&domain.to_ascii_lowercase()) {
        return Err(AddressError::InvalidALabel);
    }
    Ok(())
}

/// RFC 5322 section 3.2.3.
fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

fn is_ldh_label(label: &[u8]) -> bool {
    !label.is_empty()
        && label.len() <= LABEL_OCTETS_MAX
        && !label.starts_with(b"-")
        && !label.ends_with(b"-")
        && label.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
}

/// An A-label that decodes to something whose A-label is another one has two readings (RUSTSEC-2024-0421).
fn round_trips(domain: &str) -> bool {
    idna::domain_to_ascii_strict(domain).is_ok_and(|ascii| ascii == domain)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.text)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError};

    #[test]
    fn an_address_keeps_its_local_part_and_lowers_its_domain() {
        let address = Address::parse("Bob.O'Hara+tag@Mail.EXAMPLE.com").unwrap();
        assert_eq!(address.as_str(), "Bob.O'Hara+tag@mail.example.com");
        assert_eq!(address.local(), "Bob.O'Hara+tag");
        assert_eq!(
            address.domain_and_parents().collect::<Vec<_>>(),
            ["mail.example.com", "example.com", "com"]
        );
    }

    #[test]
    fn what_two_readers_may_read_differently_is_no_address() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_domain = format!("a@{}.com", "a.".repeat(125).trim_end_matches('.'));
        for (text, expected) in [
            ("", AddressError::Empty),
            ("bob", AddressError::NoAt),
            ("a@b@example.com", AddressError::TwoAts),
            ("@example.com", AddressError::LocalPartLength),
            (&long_local, AddressError::LocalPartLength),
            ("\"a b\"@example.com", AddressError::QuotedLocalPart),
            ("bob%evil.test@example.com", AddressError::RoutingCharacter),
            ("evil.test!bob@example.com", AddressError::RoutingCharacter),
            (".bob@example.com", AddressError::LocalPartSyntax),
            ("b..ob@example.com", AddressError::LocalPartSyntax),
            ("b ob@example.com", AddressError::LocalPartSyntax),
            ("böb@example.com", AddressError::LocalPartSyntax),
            ("bob@", AddressError::DomainSyntax),
            ("bob@example..com", AddressError::DomainSyntax),
            ("bob@example.com.", AddressError::DomainSyntax),
            ("bob@-example.com", AddressError::DomainSyntax),
            ("bob@ex_ample.com", AddressError::DomainSyntax),
            ("bob@exämple.com", AddressError::DomainSyntax),
            ("bob@127.0.0.1", AddressError::AddressLiteral),
            ("bob@[127.0.0.1]", AddressError::AddressLiteral),
            ("bob@xn--mail-.example", AddressError::DomainSyntax),
            ("bob@xn--mail.example", AddressError::InvalidALabel),
            (&long_domain, AddressError::TooLong),
        ] {
            assert_eq!(Address::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_labels_and_hyphens_in_the_third_place_are_domains() {
        for text in
            ["a@xn--bcher-kva.example", "a@XN--BCHER-KVA.example", "a@r3---sn.example", "root@localhost"]
        {
            assert!(Address::parse(text).is_ok(), "{text}");
        }
    }
}
