//! What an operator is told of clients that all have one address.

use sesgate::admin::{Check, State};

use crate::client::Client;
use crate::proxy::BEHIND;
use crate::rig::{Authority, Rig};

/// Sessions of a client behind the load balancer, each with two mails.
async fn sessions(rig: &Rig, count: usize, client: &str) {
    for _ in 0..count {
        let mut balancer = Client::connect(rig.address()).await;
        balancer.say(format!("PROXY TCP4 {client} 10.0.0.1 4711 25\r\n")).await;
        assert!(balancer.hear().await.starts_with("220 "));
        assert!(balancer.ask("EHLO app").await.starts_with("250"));
        for _ in 0..2 {
            assert!(balancer.ask("MAIL FROM:<app@example.com>").await.starts_with("250 "));
            assert!(balancer.ask("RSET").await.starts_with("250 "));
        }
        assert!(balancer.ask("QUIT").await.starts_with("221 "));
    }
}

fn told(rig: &Rig) -> Option<Check> {
    rig.app.readiness().checks.into_iter().find(|check| check.name == "client-addresses")
}

fn warnings(rig: &Rig) -> usize {
    rig.log.text().matches("policies judge by addresses").count()
}

#[tokio::test]
async fn clients_that_all_have_one_private_address_are_doubted_until_another_comes() {
    let gauge = r#"sesgate_clients_of_one_address{listener="default"} 1.0"#;
    let rig = Rig::start(&Authority::new(), BEHIND).await;
    sessions(&rig, 60, "10.9.8.7").await;
    sessions(&rig, 1, "10.9.8.8").await;
    sessions(&rig, 99, "10.9.8.7").await;
    assert_eq!((warnings(&rig), told(&rig)), (0, None));
    sessions(&rig, 101, "10.9.8.7").await;
    let check = told(&rig).unwrap();
    assert_eq!(check.state, State::Doubtful);
    for part in ["listener `default`", "10.9.8.7", "PROXY"] {
        assert!(check.detail.contains(part), "{}", check.detail);
    }
    assert!(rig.app.metrics().text().contains(gauge));
    sessions(&rig, 1, "10.9.8.8").await;
    assert_eq!(told(&rig), None);
    assert!(!rig.app.metrics().text().contains(gauge));
    assert_eq!(warnings(&rig), 1);
}

#[tokio::test]
async fn clients_on_loopback_and_those_of_public_addresses_are_not_doubted() {
    let rig = Rig::start(&Authority::new(), BEHIND).await;
    for client in ["127.0.0.1", "203.0.113.9"] {
        sessions(&rig, 100, client).await;
        assert_eq!((warnings(&rig), told(&rig)), (0, None), "{client}");
    }
}
