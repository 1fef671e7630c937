//! PROXY headers: whose word counts for whose address.

use std::net::Ipv4Addr;

use rustls::version::TLS13;
use tokio::net::TcpStream;

use crate::client::{Client, connector};
use crate::rig::{Authority, Rig};

pub const BEHIND: &str =
    "[[listener]]\naddress = \"127.0.0.1:0\"\nproxy = \"required\"\nproxy_from = [\"127.0.0.1\"]\n";
const VERSION_1: &str = "PROXY TCP4 10.9.8.7 10.0.0.1 4711 25\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn version_2(command: u8, client: Ipv4Addr) -> Vec<u8> {
    let address = [&client.octets()[..], &[10, 0, 0, 1], &[0x12, 0x67, 0, 25]].concat();
    [SIGNATURE, &[0x20 | command, 0x11, 0, 12], &address].concat()
}

#[tokio::test]
async fn the_address_in_the_header_is_the_clients() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, BEHIND).await;
    let outsider = "PROXY TCP4 10.9.9.9 10.0.0.1 4711 25\r\n".as_bytes().to_vec();
    for (header, verdict) in [
        (VERSION_1.as_bytes().to_vec(), "250 "),
        (version_2(1, Ipv4Addr::new(10, 9, 8, 8)), "250 "),
        (outsider, "554 5.7.1 "),
    ] {
        let mut client = Client::connect(rig.address()).await;
        client.say(&header).await;
        assert!(client.hear().await.starts_with("220 "));
        assert!(client.send().await.starts_with(verdict));
    }
    let audited = [
        "10.9.8.7 default tls=false 250",
        "10.9.8.8 default tls=false 250",
        "10.9.9.9 default tls=false 554",
    ];
    assert_eq!(rig.audited(), audited);
}

#[tokio::test]
async fn a_header_octet_by_octet_and_with_what_follows_it_is_the_same() {
    let authority = Authority::new();
    authority.issue("relay", &["localhost"]);
    let rig = Rig::start(&authority, BEHIND).await;
    let mut client = Client::connect(rig.address()).await;
    for octet in VERSION_1.as_bytes() {
        client.say([*octet]).await;
    }
    assert!(client.hear().await.starts_with("220 "));
    let mut client = Client::connect(rig.address()).await;
    client.say(format!("{VERSION_1}EHLO app\r\n")).await;
    assert!(client.hear().await.starts_with("220 "));
    assert!(client.hear().await.starts_with("250-"));

    // A load balancer may send the header and the client's first octets of TLS in one packet.
    let settings = format!("{BEHIND}tls = \"implicit\"\ncertificate_files = [\"relay.pem\"]\n");
    let rig = Rig::start(&authority, &settings).await;
    let stream = TcpStream::connect(rig.address()).await.unwrap();
    let mut balancer = tokio::io::BufWriter::new(stream);
    tokio::io::AsyncWriteExt::write_all(&mut balancer, VERSION_1.as_bytes()).await.unwrap();
    let client = Client::new(balancer);
    let mut client = client.secure("localhost", &connector(&authority.certificate, &[&TLS13])).await.unwrap();
    assert!(client.hear().await.starts_with("220 "));
    assert!(client.send().await.starts_with("250 "));
    assert_eq!(rig.audited(), ["10.9.8.7 default tls=true 250"]);
}

#[tokio::test]
async fn nobody_is_let_in_without_a_header_or_from_elsewhere() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, BEHIND).await;
    let no_header = "421 4.7.0 The connection did not begin with a PROXY header that names the client\r\n";
    for words in ["EHLO app\r\n", "PROXY UNKNOWN\r\n", "PROXY TCP4 10.9.8.7\r\n"] {
        let mut client = Client::connect(rig.address()).await;
        client.say(words).await;
        assert_eq!(client.hear().await, no_header, "{words:?}");
        assert_eq!(client.hear().await, "");
    }
    rig.log.line(&["WARN", "the connection does not begin with a PROXY header"]).await;

    let settings = format!("{BEHIND}[limits]\nproxy_timeout = \"100ms\"\n");
    let rig = Rig::start(&authority, &settings).await;
    assert_eq!(Client::connect(rig.address()).await.hear().await, no_header);

    let rig = Rig::start(&authority, &BEHIND.replace("[\"127.0.0.1\"]", "[\"10.0.0.0/28\"]")).await;
    let mut client = Client::connect(rig.address()).await;
    client.say(VERSION_1).await;
    let elsewhere = "421 4.7.0 This listener takes connections from its load balancers only\r\n";
    assert_eq!(client.hear().await, elsewhere);
    rig.log.line(&["WARN", "none of `proxy_from`"]).await;
}

#[tokio::test]
async fn where_no_header_is_asked_for_none_is_believed() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, "[[listener]]\naddress = \"127.0.0.1:0\"\n").await;
    let mut client = Client::greeted(rig.address()).await;
    client.say(VERSION_1).await;
    assert!(client.hear().await.starts_with("421 4.7.0 This is an SMTP server"));
    let mut client = Client::greeted(rig.address()).await;
    client.say(version_2(1, Ipv4Addr::new(10, 9, 8, 7))).await;
    let mut last = String::new();
    loop {
        let reply = client.hear().await;
        assert!(reply.is_empty() || reply.starts_with("500 "), "{reply}");
        if reply.is_empty() {
            break;
        }
        last = reply;
    }
    assert!(last.ends_with("closing connection\r\n"), "{last}");

    // Behind a load balancer, a client that brings a header of its own is not believed either.
    let rig = Rig::start(&authority, BEHIND).await;
    let mut client = Client::connect(rig.address()).await;
    client.say(format!("{VERSION_1}PROXY TCP4 10.9.8.9 10.0.0.1 1 25\r\n")).await;
    assert!(client.hear().await.starts_with("220 "));
    assert!(client.hear().await.starts_with("421 4.7.0 This is an SMTP server"));
}

#[tokio::test]
async fn health_checks_are_quiet() {
    let authority = Authority::new();
    let rig = Rig::start(&authority, BEHIND).await;
    drop(TcpStream::connect(rig.address()).await.unwrap());
    // LOCAL: the load balancer speaks for itself.
    let mut client = Client::connect(rig.address()).await;
    client.say([SIGNATURE, &[0x20, 0, 0, 0]].concat()).await;
    assert!(client.hear().await.starts_with("220 "));
    assert!(client.send().await.starts_with("250 "));
    drop(client);
    assert_eq!(rig.audited(), ["127.0.0.1 default tls=false 250"]);
    assert!(!rig.log.text().contains("WARN"), "{}", rig.log.text());
}
