#![cfg(test)]
//! What changes while the relay runs: policies, apps, limits, certificates; what is in error; and what is kept.

mod files;
mod kept;
mod program;
mod rig;
mod room;

use rig::{ALLOW, Client, DENY_HELLO, Rig};

/// What a client hears that would not be welcomed as it was.
const ANEW: &str = "421 4.3.2 The relay was configured anew; connect again\r\n";

#[tokio::test]
async fn a_policy_counts_for_the_next_mail_even_of_a_connection_that_was_there() {
    let rig = Rig::start("").await;
    let mut client = Client::greeted(rig.address()).await;
    assert!(client.send().await.starts_with("250 "));

    client.begin().await;
    rig.write("policy/deny.json", DENY_HELLO);
    rig.reload().await;
    assert_eq!(rig.app.generation().number, 2);
    let reply = client.finish().await;
    assert!(reply.starts_with("554 5.7.1 Denied by policy: statement NoHello "), "{reply}");

    std::fs::remove_file(rig.folder.path().join("policy/deny.json")).unwrap();
    rig.reload().await;
    assert!(client.send().await.starts_with("250 "));
}

#[tokio::test]
async fn what_is_in_error_replaces_nothing_and_every_place_of_it_is_told() {
    let rig = Rig::start("").await;
    let half = ALLOW.split_at(100).0;
    for (file, text, expected) in [
        ("policy/allow.json", half, "policy/allow.json:2:"),
        ("policy/allow.json", DENY_HELLO, "app `default` could never send"),
        ("policy/deny.json", "{\"Statement\": [{\"Efect\": \"Deny\"}]}", "did you mean `Effect`?"),
        ("sesgate.toml", "[limits\n", "sesgate.toml:1:8: not TOML"),
        ("sesgate.toml", "[limits]\nerors_max = 3\n", "limits.erors_max: there is no such key"),
    ] {
        let path = rig.folder.path().join(file);
        let before = std::fs::read_to_string(&path).ok();
        rig.write(file, text);
        let problems = rig.problems().await;
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        assert!(rig.send().await.starts_with("250 "));
        match before {
            Some(before) => rig.write(file, &before),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
    std::fs::remove_file(rig.folder.path().join("policy/allow.json")).unwrap();
    let problems = rig.problems().await;
    assert!(problems[0].contains("no file matches"), "{problems:?}");
    assert!(rig.send().await.starts_with("250 "));

    rig.write("policy/allow.json", ALLOW);
    rig.reload().await;
    assert_eq!(rig.app.generation().last_reload.unwrap().problems, [""; 0]);
}

/// The change of an app and the policy that it needs come together, or not at all.
#[tokio::test]
async fn nothing_of_a_change_counts_when_a_part_of_it_is_in_error() {
    let rig = Rig::start("[limits]\nmessage_octets_max = 100000\n").await;
    rig.configure("[limits]\nmessage_octets_max = 200000\n");
    rig.write("policy/broken.json", "{");
    rig.problems().await;
    assert!(Client::greeted(rig.address()).await.ask("EHLO app").await.contains("SIZE 100000"));
    std::fs::remove_file(rig.folder.path().join("policy/broken.json")).unwrap();
    rig.reload().await;
    assert!(Client::greeted(rig.address()).await.ask("EHLO app").await.contains("SIZE 200000"));
}

#[tokio::test]
async fn limits_count_from_the_next_connection_on() {
    let rig = Rig::start("[limits]\nmessage_octets_max = 100000\nconnections_max = 3\n").await;
    let mut old = Client::greeted(rig.address()).await;
    rig.configure("[limits]\nmessage_octets_max = 200000\nconnections_max = 2\n");
    rig.reload().await;
    let mut new = Client::greeted(rig.address()).await;
    assert!(old.ask("EHLO app").await.contains("SIZE 100000"));
    assert!(new.ask("EHLO app").await.contains("SIZE 200000"));
    let mut third = tokio::net::TcpStream::connect(rig.address()).await.unwrap();
    let mut heard = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut third, &mut heard).await.unwrap();
    assert!(heard.starts_with("421 4.7.0 Too many connections"), "{heard}");
}

#[tokio::test]
async fn an_app_that_comes_may_send_and_one_that_goes_may_not_any_more() {
    let rig = Rig::start("[[app]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\n").await;
    let mut client = Client::greeted(rig.address()).await;
    client.ask("EHLO app").await;
    assert!(client.ask("MAIL FROM:<hello@example.com>").await.starts_with("550 5.7.1 "));

    rig.configure("[[app]]\nname = \"b\"\nnetworks = [\"127.0.0.0/8\"]\n");
    rig.reload().await;
    // Who was welcomed as somebody else is asked to come again.
    assert_eq!(client.hear().await, ANEW);
    let mut client = Client::greeted(rig.address()).await;
    assert!(client.send().await.starts_with("250 "));

    client.begin().await;
    rig.configure("[[app]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\n");
    rig.reload().await;
    let reply = client.finish().await;
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    assert_eq!(client.hear().await, ANEW);
}

#[tokio::test]
async fn an_identity_counts_for_the_next_mail() {
    let rig = Rig::start("").await;
    let text = std::fs::read_to_string(rig.folder.path().join("sesgate.toml")).unwrap();
    rig.write("sesgate.toml", &text.replace("[\"example.com\"]", "[\"example.org\"]"));
    rig.reload().await;
    let reply = rig.send().await;
    assert!(reply.contains("hello@example.com"), "{reply}");
    assert!(reply.starts_with("554 5.7.1 Message rejected: Email address is not verified"), "{reply}");
}

#[tokio::test]
async fn reloads_under_load_lose_no_mail() {
    let rig = std::sync::Arc::new(Rig::start("").await);
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let rig = std::sync::Arc::clone(&rig);
            tokio::spawn(async move {
                let mut client = Client::greeted(rig.address()).await;
                for _ in 0..10 {
                    let reply = client.send().await;
                    assert!(reply.starts_with("250 "), "{reply}");
                }
            })
        })
        .collect();
    for number in 0..20 {
        rig.configure(&format!("[limits]\nerrors_max = {}\n", number + 1));
        rig.reload().await;
    }
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(rig.ses.mailbox().accepted(), 40);
    assert_eq!(rig.app.generation().number, 21);
}
