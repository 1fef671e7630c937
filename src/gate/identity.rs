//! Which verified identity of SES stands behind a sender's address.

use std::fmt;

use crate::mail::{Address, AddressError, DomainName};

/// The verified identities of one account and region, as `[ses] identities` lists them.
#[derive(Debug, Clone, Default)]
pub struct Identities(Vec<Identity>);

/// An address or a domain that SES has verified for the account.
#[derive(Debug, Clone)]
pub struct Identity {
    name: IdentityName,
    arn: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityName {
    Address(Address),
    Domain(DomainName),
}

impl IdentityName {
    /// Reads `someone@example.com` or `example.com`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.contains('@') {
            Address::parse(text).map(Self::Address)
        } else {
            DomainName::parse(text).map(Self::Domain)
        }
    }

    /// Whether SES takes this address as a sender because of the identity.
    pub fn covers(&self, address: &Address) -> bool {
        match self {
            Self::Address(name) => name == address,
            Self::Domain(name) => address.domain_and_parents().any(|parent| parent == name.as_str()),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Address(address) => address.as_str(),
            Self::Domain(domain) => domain.as_str(),
        }
    }
}

impl fmt::Display for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Identity {
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub fn arn(&self) -> &str {
        &self.arn
    }
}

impl Identities {
    /// `arn_prefix` is `arn:<partition>:ses:<region>:<account>:`.
    pub fn new(names: Vec<IdentityName>, arn_prefix: &str) -> Self {
        let identity =
            |name: IdentityName| Identity { arn: format!("{arn_prefix}identity/{}", name.as_str()), name };
        Self(names.into_iter().map(identity).collect())
    }

    /// The identity whose settings and policies SES applies: the exact address, else the deepest domain, else
    /// the address without its `+label` (SES developer guide, "Verified identities").
    pub fn covering(&self, address: &Address) -> Option<&Identity> {
        self.exact(address).or_else(|| self.domain_of(address)).or_else(|| self.without_label(address))
    }

    /// The deepest verified domain that is the address's domain or a parent of it.
    pub fn domain_of(&self, address: &Address) -> Option<&Identity> {
        address.domain_and_parents().find_map(|parent| {
            self.0
                .iter()
                .find(|identity| matches!(&identity.name, IdentityName::Domain(domain) if domain.as_str() == parent))
        })
    }

    fn exact(&self, address: &Address) -> Option<&Identity> {
        self.0
            .iter()
            .find(|identity| matches!(&identity.name, IdentityName::Address(name) if name == address))
    }

    fn without_label(&self, address: &Address) -> Option<&Identity> {
        let (local, _label) = address.local().split_once('+')?;
        self.0.iter().find(|identity| match &identity.name {
            IdentityName::Address(name) => name.local() == local && name.domain() == address.domain(),
            IdentityName::Domain(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Identities, IdentityName};
    use crate::mail::Address;

    fn covering(names: &[&str], address: &str) -> Option<String> {
        let names = names.iter().map(|name| IdentityName::parse(name).unwrap()).collect();
        let identities = Identities::new(names, "arn:aws:ses:eu-west-1:123456789012:");
        identities.covering(&Address::parse(address).unwrap()).map(|identity| identity.name().to_owned())
    }

    #[test]
    fn the_most_specific_identity_covers_an_address() {
        let names = ["example.com", "mail.example.com", "ceo@example.com", "desk@other.example"];
        for (address, expected) in [
            ("ceo@example.com", Some("ceo@example.com")),
            ("ceo@EXAMPLE.com", Some("ceo@example.com")),
            ("CEO@example.com", Some("example.com")),
            ("ceo+label@example.com", Some("example.com")),
            ("desk+label@other.example", Some("desk@other.example")),
            ("bob@other.example", None),
            ("bob@a.mail.example.com", Some("mail.example.com")),
            ("bob@shop.example.com", Some("example.com")),
            ("bob@evil-example.com", None),
            ("bob@com", None),
        ] {
            assert_eq!(covering(&names, address).as_deref(), expected, "{address}");
        }
    }
}
