//! A PROXY header is the same however it is cut into packets, ends where it ends, and written again by another hand
//! in either version names the same client.
#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use sesgate::server::ProxyHeader;

fuzz_target!(|octets: &[u8]| {
    let whole = ProxyHeader::parse(octets);
    let mut decisions = (0..=octets.len()).map(|end| (end, ProxyHeader::parse(&octets[..end])));
    let Some((end, decided)) = decisions.find(|(_, parsed)| *parsed != Ok(None)) else {
        // Section 2.2 allows 65,535 octets; nobody waits for as many.
        assert!(octets.len() < 16 + 2048, "{} octets, and it waits for more", octets.len());
        return;
    };
    assert_eq!(decided, whole);
    assert!(decisions.all(|(_, parsed)| parsed == whole));
    let Ok(Some((header, length))) = decided else { return };
    assert_eq!(length, end, "it reads past its end");
    if let ProxyHeader::Client(client) = header {
        for again in [version_1(client), version_2(client)] {
            assert_eq!(ProxyHeader::parse(&again), Ok(Some((header, again.len()))));
        }
    }
});

fn version_1(client: SocketAddr) -> Vec<u8> {
    let (family, ip, port) = (if client.is_ipv4() { "TCP4" } else { "TCP6" }, client.ip(), client.port());
    format!("PROXY {family} {ip} {ip} {port} {port}\r\n").into_bytes()
}

fn version_2(client: SocketAddr) -> Vec<u8> {
    let (family, ip) = match client.ip() {
        IpAddr::V4(ip) => (0x11, ip.octets().to_vec()),
        IpAddr::V6(ip) => (0x21, ip.octets().to_vec()),
    };
    let port = client.port().to_be_bytes();
    let addresses = [&ip[..], &ip, &port, &port].concat();
    let fixed = [0x21, family, 0, u8::try_from(addresses.len()).unwrap()];
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &fixed, &addresses].concat()
}
