//! A name that an authority vouches for in a client's certificate.
//!
//! Only alternative names count (RFC 5280 section 4.2.1.6): what a common name means, its readers never agreed on.

use std::fmt;
use std::str::FromStr;

use crate::mail::DomainName;

/// Names are compared whole: there are no patterns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CertifiedName {
    /// In lower case.
    Dns(String),
    /// A SPIFFE id, say, as it is written.
    Uri(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name such as `spiffe://prod/billing`, `URI:urn:app:billing` or `DNS:billing.internal`")]
pub struct NotACertifiedName;

impl CertifiedName {
    pub fn dns(name: &str) -> Self {
        Self::Dns(name.to_ascii_lowercase())
    }

    pub fn uri(name: &str) -> Self {
        Self::Uri(name.to_owned())
    }
}

impl FromStr for CertifiedName {
    type Err = NotACertifiedName;

    fn from_str(text: &str) -> Result<Self, NotACertifiedName> {
        if let Some(name) = text.strip_prefix("DNS:") {
            return DomainName::parse(name)
                .map(|name| Self::dns(name.as_str()))
                .map_err(|_| NotACertifiedName);
        }
        let uri = match text.strip_prefix("URI:") {
            Some(uri) => uri,
            None if text.starts_with("spiffe://") => text,
            None => return Err(NotACertifiedName),
        };
        let is_uri = uri.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
        let is_printable = uri.bytes().all(|octet| octet.is_ascii_graphic());
        if is_uri && is_printable { Ok(Self::uri(uri)) } else { Err(NotACertifiedName) }
    }
}

impl fmt::Display for CertifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Uri(name) => write!(f, "URI:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CertifiedName, NotACertifiedName};

    #[test]
    fn a_name_says_of_which_kind_it_is() {
        for (text, expected) in [
            ("DNS:Billing.internal", Ok("DNS:billing.internal")),
            ("spiffe://prod/ns/shop/sa/billing", Ok("URI:spiffe://prod/ns/shop/sa/billing")),
            ("URI:spiffe://prod/billing", Ok("URI:spiffe://prod/billing")),
            ("URI:urn:app:billing", Ok("URI:urn:app:billing")),
            ("billing.internal", Err(NotACertifiedName)),
            ("CN=billing", Err(NotACertifiedName)),
            ("DNS:*.internal", Err(NotACertifiedName)),
            ("DNS:", Err(NotACertifiedName)),
            ("URI:billing", Err(NotACertifiedName)),
            ("URI:a: b", Err(NotACertifiedName)),
        ] {
            let name = text.parse::<CertifiedName>().map(|name| name.to_string());
            assert_eq!(name, expected.map(str::to_owned), "{text}");
        }
    }
}
