//! What only real sockets show: the relay started whole, on a port of its own.
#![cfg(test)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sesgate::app::App;
use sesgate::config;
use sesgate::telemetry::JsonLines;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

const GREETING: &str = "220 gate.test ESMTP sesgate\r\n";
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn connections_beyond_the_limit_are_turned_away_until_one_ends() {
    let app = start();
    let address = app.addresses()[0];
    let mut first = TcpStream::connect(address).await.unwrap();
    assert_eq!(heard(&mut first).await, GREETING);

    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(heard(&mut second).await, "421 4.7.0 Too many connections; close some or try again later\r\n");
    assert_eq!(heard(&mut second).await, "");

    drop(first);
    let greeted = async {
        // When the relay notices that the first is gone is up to the kernel.
        while heard(&mut TcpStream::connect(address).await.unwrap()).await != GREETING {}
    };
    timeout(PATIENCE, greeted).await.unwrap();
    app.stop().await;
}

#[tokio::test]
async fn a_relay_that_stops_lets_its_clients_go_and_takes_no_more() {
    let app = start();
    let address = app.addresses()[0];
    let mut client = TcpStream::connect(address).await.unwrap();
    assert_eq!(heard(&mut client).await, GREETING);
    let ((), last_words) = tokio::join!(app.stop(), heard(&mut client));
    assert_eq!(last_words, "421 4.3.2 The relay is shutting down; connect again\r\n");
    assert!(TcpStream::connect(address).await.is_err());
}

/// A relay that takes one connection. Nothing here goes on to SES.
fn start() -> App {
    let policies =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/policies/sending_is_allowed.json");
    let environment = [
        ("SESGATE_SERVER_HOSTNAME", "gate.test"),
        ("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0"),
        ("SESGATE_ADMIN_ADDRESS", "off"),
        ("SESGATE_LIMITS_CONNECTIONS_MAX", "1"),
        ("SESGATE_SES_REGION", "ap-northeast-1"),
        ("SESGATE_SES_ACCOUNT_ID", "123456789012"),
        ("SESGATE_SES_IDENTITIES", "mail.example.com"),
        ("SESGATE_SES_HOST", "127.0.0.1"),
        ("SESGATE_SES_TLS", "none"),
        ("SESGATE_POLICY_FILES", policies.to_str().unwrap()),
    ];
    let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let config = config::load(None, &environment).unwrap();
    App::start(&config, Arc::new(JsonLines::new(std::io::sink()))).unwrap()
}

/// What one read brings; nothing at the end of the stream.
async fn heard(stream: &mut TcpStream) -> String {
    let mut octets = [0; 512];
    let read = timeout(PATIENCE, stream.read(&mut octets)).await.unwrap().unwrap();
    String::from_utf8_lossy(&octets[..read]).into_owned()
}
