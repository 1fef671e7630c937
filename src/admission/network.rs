//! A network, as operators write it. The one home of `ipnetwork` beside the policy language.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnetwork::IpNetwork;

/// Addresses that begin alike. Every network has one form: no bits behind its prefix, and IPv4 is never written
/// as IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNetwork);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("not an address and no network")]
    Syntax,
    /// It means either of two things.
    #[error("`{0}` is the network that this address is in")]
    HostBits(Network),
    /// Clients' addresses are read as IPv4 too.
    #[error("IPv4 is written as IPv4")]
    Mapped,
}

impl Network {
    /// All addresses of IPv4, and all of IPv6.
    pub fn everywhere() -> Vec<Self> {
        ["0.0.0.0/0", "::/0"].into_iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Clients' addresses are canonical: an IPv4 address is in no IPv6 network.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(address)
    }

    pub fn prefix(&self) -> u8 {
        self.0.prefix()
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            // A mask is a length here.
            Some((address, length)) => (address, Some(length.parse().map_err(|_| NetworkError::Syntax)?)),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Syntax)?;
        if address.to_canonical() != address {
            return Err(NetworkError::Mapped);
        }
        let Some(prefix) = prefix else { return Ok(Self(address.into())) };
        let written = IpNetwork::new(address, prefix).map_err(|_| NetworkError::Syntax)?;
        let network = IpNetwork::new(written.network(), prefix).map_err(|_| NetworkError::Syntax)?;
        if network == written { Ok(Self(network)) } else { Err(NetworkError::HostBits(Self(network))) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, NetworkError};

    #[test]
    fn a_network_has_one_form() {
        for (text, expected) in [
            ("10.0.5.0/24", "10.0.5.0/24"),
            ("10.0.5.7", "10.0.5.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("fd00:5::/64", "fd00:5::/64"),
            ("FD00:5::7", "fd00:5::7/128"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(text.parse::<Network>().map(|network| network.to_string()).as_deref(), Ok(expected));
        }
        for text in ["", "10.0.5", "10.0.5.0/33", "10.0.5.0/255.255.255.0", "10.0.5.0/", "a/8", " 10.0.0.0/8"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Syntax), "{text}");
        }
        for text in ["::ffff:10.0.5.0/120", "::ffff:10.0.5.7"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Mapped), "{text}");
        }
        let error = "10.0.5.7/24".parse::<Network>().unwrap_err();
        assert_eq!(error.to_string(), "`10.0.5.0/24` is the network that this address is in");
    }

    #[test]
    fn everywhere_is_every_address() {
        for address in ["0.0.0.0", "255.255.255.255", "::", "fd00::1"] {
            let address = address.parse().unwrap();
            assert!(Network::everywhere().iter().any(|network| network.contains(address)), "{address}");
        }
    }
}
