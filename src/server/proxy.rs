//! The PROXY header, in which a load balancer tells whose connection it hands on: versions 1 and 2 of
//! `proxy-protocol.txt` by `HAProxy`, read strictly and without I/O.
//!
//! Whether the one who sends it may be believed is not asked here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Section 2.1: the longest line, CRLF included.
const V1_OCTETS_MAX: usize = 107;
const V1_BEGINNING: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const V2_FIXED_OCTETS: usize = 16;
/// Addresses take 36 octets, and what cloud providers add some 100 more. There is no reason to wait for more.
const V2_VARIABLE_OCTETS_MAX: usize = 2048;

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// A client's, whose address this is.
    Client(SocketAddr),
    /// The load balancer's own, to see whether somebody is here (LOCAL of version 2).
    LoadBalancer,
}

/// Why it is no header that says whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    #[error("the connection does not begin with a PROXY header")]
    Absent,
    #[error("the PROXY header of version 1 is not `PROXY TCP4|TCP6 source destination port port`")]
    Line,
    #[error("the PROXY header has version {0}; versions 1 and 2 are known")]
    Version(u8),
    #[error("the PROXY header has the unknown command {0}")]
    Command(u8),
    #[error("the PROXY header is of {0} octets, which is too long")]
    TooLong(usize),
    #[error("the PROXY header is too short for its addresses")]
    TooShort,
    /// UNKNOWN, UNSPEC, UDP or a Unix socket.
    #[error("the PROXY header names no TCP client")]
    NoTcpClient,
}

impl ProxyHeader {
    /// Reads the header that `octets` begin with, and tells its length. `None`: its end has not come yet, and it is
    /// worth waiting for.
    pub fn parse(octets: &[u8]) -> Result<Option<(Self, usize)>, ProxyError> {
        if begins_alike(octets, V2_SIGNATURE) {
            version_2(octets)
        } else if begins_alike(octets, V1_BEGINNING) {
            version_1(octets)
        } else {
            Err(ProxyError::Absent)
        }
    }
}

/// As far as both go.
fn begins_alike(octets: &[u8], beginning: &[u8]) -> bool {
    octets.iter().zip(beginning).all(|(octet, expected)| octet == expected)
}

/// Section 2.1.
fn version_1(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    let window = octets.get(..V1_OCTETS_MAX).unwrap_or(octets);
    let Some(lf) = window.iter().position(|octet| *octet == b'\n') else {
        return if window.len() < V1_OCTETS_MAX { Ok(None) } else { Err(ProxyError::Line) };
    };
    let line = window.get(..lf).and_then(|line| line.strip_suffix(b"\r")).ok_or(ProxyError::Line)?;
    let line = std::str::from_utf8(line).map_err(|_| ProxyError::Line)?;
    let words: Vec<&str> = line.split(' ').collect();
    let (source, destination) = match words.as_slice() {
        ["PROXY", "TCP4", source, destination, from, to] => {
            (endpoint::<Ipv4Addr>(source, from), endpoint::<Ipv4Addr>(destination, to))
        }
        ["PROXY", "TCP6", source, destination, from, to] => {
            (endpoint::<Ipv6Addr>(source, from), endpoint::<Ipv6Addr>(destination, to))
        }
        ["PROXY", "UNKNOWN", ..] => return Err(ProxyError::NoTcpClient),
        _ => return Err(ProxyError::Line),
    };
    match (source, destination) {
        (Some(source), Some(_)) => Ok(Some((ProxyHeader::Client(source), lf.saturating_add(1)))),
        (None, _) | (_, None) => Err(ProxyError::Line),
    }
}

fn endpoint<A: std::str::FromStr + Into<IpAddr>>(address: &str, port: &str) -> Option<SocketAddr> {
    let is_number =
        port.bytes().all(|octet| octet.is_ascii_digit()) && (port == "0" || !port.starts_with('0'));
    let port = if is_number { port.parse().ok()? } else { return None };
    Some(SocketAddr::new(address.parse::<A>().ok()?.into(), port))
}

/// Section 2.2. What follows the addresses (TLVs) is skipped.
fn version_2(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    const PROXY: u8 = 1;
    const LOCAL: u8 = 0;
    const TCP_OVER_IPV4: u8 = 0x11;
    const TCP_OVER_IPV6: u8 = 0x21;
    let Some((fixed, rest)) = octets.split_at_checked(V2_FIXED_OCTETS) else { return Ok(None) };
    let [.., version_and_command, family, high, low] = *fixed else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (version, command) = (version_and_command >> 4, version_and_command & 0x0f);
    if version != 2 {
        return Err(ProxyError::Version(version));
    }
    if length > V2_VARIABLE_OCTETS_MAX {
        return Err(ProxyError::TooLong(length));
    }
    let Some(variable) = rest.get(..length) else { return Ok(None) };
    let header = match (command, family) {
        (LOCAL, _) => ProxyHeader::LoadBalancer,
        (PROXY, TCP_OVER_IPV4) => ProxyHeader::Client(ipv4(variable).ok_or(ProxyError::TooShort)?),
        (PROXY, TCP_OVER_IPV6) => ProxyHeader::Client(ipv6(variable).ok_or(ProxyError::TooShort)?),
        (PROXY, _) => return Err(ProxyError::NoTcpClient),
        (command, _) => return Err(ProxyError::Command(command)),
    };
    Ok(Some((header, V2_FIXED_OCTETS.saturating_add(length))))
}

/// Source, destination, source port, destination port.
fn ipv4(octets: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = octets.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let (ports, _) = rest.split_first_chunk::<4>()?;
    Some((*source, port(*ports)).into())
}

fn ipv6(octets: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = octets.split_first_chunk::<16>()?;
    let (_, rest) = rest.split_first_chunk::<16>()?;
    let (ports, _) = rest.split_first_chunk::<4>()?;
    Some((*source, port(*ports)).into())
}

fn port([high, low, ..]: [u8; 4]) -> u16 {
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::{ProxyError, ProxyHeader, V2_SIGNATURE};

    fn version_2(command: u8, family: u8, variable: &[u8]) -> Vec<u8> {
        let length = u16::try_from(variable.len()).unwrap().to_be_bytes();
        [V2_SIGNATURE, &[command, family], &length, variable].concat()
    }

    #[test]
    fn a_header_of_version_1_is_taken_only_as_it_is_defined() {
        let client = |text: &str| Ok(Some(ProxyHeader::Client(text.parse().unwrap())));
        let wrong = Err(ProxyError::Line);
        for (line, expected) in [
            ("PROXY TCP4 10.0.5.7 10.0.0.1 4711 25\r\n", client("10.0.5.7:4711")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n", client("[2001:db8::7]:65535")),
            ("PROXY TCP4 10.0.5.7 10.0.0.1 4711 25\r\nEHLO app\r\n", client("10.0.5.7:4711")),
            ("PROXY UNKNOWN\r\n", Err(ProxyError::NoTcpClient)),
            ("PROXY UNKNOWN 10.0.5.7 10.0.0.1 4711 25\r\n", Err(ProxyError::NoTcpClient)),
            ("", Ok(None)),
            ("PRO", Ok(None)),
            ("PROXY TCP4 10.0.5.7", Ok(None)),
            ("PROXY TCP4 10.0.5.7 10.0.0.1 4711 25\r", Ok(None)),
            ("PROXY TCP4 10.0.5.7 10.0.0.1 4711 25\n", wrong),
            ("PROXY TCP4  10.0.5.7 10.0.0.1 4711 25\r\n", wrong),
            ("PROXY TCP4 10.0.5.7 10.0.0.1 4711 25 \r\n", wrong),
            ("PROXY TCP4 10.0.5.7 10.0.0.1 4711\r\n", wrong),
            ("PROXY TCP4 10.0.5.7 10.0.0.1 +711 25\r\n", wrong),
            ("PROXY TCP4 10.0.5.7 10.0.0.1 0711 25\r\n", wrong),
            ("PROXY TCP4 10.0.5.7 10.0.0.1 65536 25\r\n", wrong),
            ("PROXY TCP4 10.0.5.007 10.0.0.1 4711 25\r\n", wrong),
            ("PROXY TCP4 ::ffff:10.0.5.7 10.0.0.1 4711 25\r\n", wrong),
            ("PROXY TCP6 10.0.5.7 10.0.0.1 4711 25\r\n", wrong),
            ("PROXY UDP4 10.0.5.7 10.0.0.1 4711 25\r\n", wrong),
            ("PROXY \u{e9}\r\n", wrong),
            ("proxy TCP4 10.0.5.7 10.0.0.1 4711 25\r\n", Err(ProxyError::Absent)),
            (" PROXY TCP4 10.0.5.7 10.0.0.1 4711 25\r\n", Err(ProxyError::Absent)),
            ("EHLO app\r\n", Err(ProxyError::Absent)),
        ] {
            let parsed = ProxyHeader::parse(line.as_bytes());
            assert_eq!(parsed.map(|parsed| parsed.map(|(header, _)| header)), expected, "{line:?}");
        }
        let endless = format!("PROXY TCP4 {}", "1".repeat(96));
        assert_eq!(ProxyHeader::parse(endless.as_bytes()), wrong.map(|_: Option<ProxyHeader>| None));
    }

    #[test]
    fn a_header_of_version_2_is_taken_only_as_it_is_defined() {
        let ipv4 = [10, 0, 5, 7, 10, 0, 0, 1, 0x12, 0x67, 0, 25];
        let ipv6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[7], &[0; 16], &[0x12, 0x67, 0, 25]].concat();
        let with_tlv = [&ipv4[..], &[0xea, 0, 2, 1, 2]].concat();
        let client = |text: &str| Ok(Some(ProxyHeader::Client(text.parse().unwrap())));
        for (octets, expected) in [
            (version_2(0x21, 0x11, &ipv4), client("10.0.5.7:4711")),
            (version_2(0x21, 0x11, &with_tlv), client("10.0.5.7:4711")),
            (version_2(0x21, 0x21, &ipv6), client("[2001:db8::7]:4711")),
            (version_2(0x20, 0x00, &[]), Ok(Some(ProxyHeader::LoadBalancer))),
            (version_2(0x20, 0x11, &ipv4), Ok(Some(ProxyHeader::LoadBalancer))),
            (version_2(0x21, 0x11, &ipv4[..11]), Err(ProxyError::TooShort)),
            (version_2(0x21, 0x21, &ipv4), Err(ProxyError::TooShort)),
            (version_2(0x21, 0x00, &[]), Err(ProxyError::NoTcpClient)),
            (version_2(0x21, 0x12, &ipv4), Err(ProxyError::NoTcpClient)),
            (version_2(0x21, 0x31, &[0; 216]), Err(ProxyError::NoTcpClient)),
            (version_2(0x22, 0x11, &ipv4), Err(ProxyError::Command(2))),
            (version_2(0x11, 0x11, &ipv4), Err(ProxyError::Version(1))),
            (version_2(0x21, 0x11, &[0; 2049]), Err(ProxyError::TooLong(2049))),
        ] {
            let parsed = ProxyHeader::parse(&octets);
            assert_eq!(parsed.map(|parsed| parsed.map(|(header, _)| header)), expected, "{octets:02x?}");
        }
    }

    #[test]
    fn a_header_is_waited_for_octet_by_octet_and_nothing_behind_it_is_taken() {
        let version_1 = b"PROXY TCP4 10.0.5.7 10.0.0.1 4711 25\r\n".to_vec();
        let version_2 = version_2(0x21, 0x11, &[10, 0, 5, 7, 10, 0, 0, 1, 0x12, 0x67, 0, 25]);
        let client = ProxyHeader::Client("10.0.5.7:4711".parse().unwrap());
        for header in [version_1, version_2] {
            for end in 0..header.len() {
                assert_eq!(ProxyHeader::parse(&header[..end]), Ok(None), "{end}");
            }
            let with_more = [&header[..], b"EHLO app\r\n"].concat();
            assert_eq!(ProxyHeader::parse(&with_more), Ok(Some((client, header.len()))));
        }
    }
}
