//! What a reload leaves as it is: what cannot change while the relay runs, and what it has learned.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ANEW;
use crate::rig::{Client, Rig};

/// Of the password `sesame`.
const SESAME: &str = include_str!("sesame.hash");
/// Of the password `mellon`.
const MELLON: &str = include_str!("mellon.hash");

#[tokio::test]
async fn what_waits_for_a_restart_is_named_as_the_documentation_does_and_the_rest_counts() {
    let rig = Rig::start("[limits]\nmessage_octets_max = 100000\n").await;
    let path = rig.folder.path().join("sesgate.toml");
    let before = fs::read_to_string(&path).unwrap();
    let traces = if cfg!(feature = "otlp") { "[traces]\nendpoint = \"http://127.0.0.1:9\"\n" } else { "" };
    fs::write(&path, format!("{}{traces}", include_str!("after-a-restart.toml"))).unwrap();
    rig.reload().await;
    let mut named = rig.app.generation().awaiting_restart;
    named.sort_unstable();

    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let row = readme.lines().find(|line| line.starts_with("| after a restart |")).expect("the row");
    let mut documented: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
    // One names a file, the other needs the feature `aws` and no login.
    documented.retain(|setting| !["ses.ca_file", "ses.transport"].contains(setting));
    documented.retain(|setting| cfg!(feature = "otlp") || *setting != "traces");
    documented.sort_unstable();
    assert_eq!(named, documented);

    let mut client = Client::greeted(rig.address()).await;
    assert!(client.ask("EHLO app").await.contains("SIZE 200000"));
    assert!(client.send().await.starts_with("250 "));
    fs::write(&path, before).unwrap();
    rig.reload().await;
    assert_eq!(rig.app.generation().awaiting_restart, [""; 0]);
}

fn with_login(hash: &str, limits: &str) -> String {
    format!(
        "[limits]\nlogin_failure_delay = \"0s\"\n{limits}\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
         plaintext_login = true\n[[app]]\nname = \"a\"\n[[app.logins]]\nuser_name = \"ann\"\n\
         password_hash = \"{}\"\n",
        hash.trim_end()
    )
}

async fn log_in(rig: &Rig, password: &str) -> String {
    let mut client = Client::greeted(rig.address()).await;
    client.ask("EHLO app").await;
    client.ask(&format!("AUTH PLAIN {}", STANDARD.encode(format!("\0ann\0{password}")))).await
}

#[tokio::test]
async fn a_password_that_is_replaced_is_of_no_use_any_more_though_it_was_proven() {
    let rig = Rig::start(&with_login(SESAME, "")).await;
    let mut client = Client::greeted(rig.address()).await;
    client.ask("EHLO app").await;
    let credentials = STANDARD.encode("\0ann\0sesame");
    assert!(client.ask(&format!("AUTH PLAIN {credentials}")).await.starts_with("235 "));

    rig.configure(&with_login(MELLON, ""));
    rig.reload().await;
    assert_eq!(client.hear().await, ANEW, "its session goes on");
    assert!(log_in(&rig, "sesame").await.starts_with("535 5.7.8 "));
    assert!(log_in(&rig, "mellon").await.starts_with("235 "));
}

#[tokio::test]
async fn who_is_locked_out_stays_so() {
    let rig = Rig::start(&with_login(SESAME, "login_failures_max = 1")).await;
    assert!(log_in(&rig, "wrong").await.starts_with("535 5.7.8 "));
    rig.configure(&with_login(SESAME, "login_failures_max = 1\nerrors_max = 7"));
    rig.reload().await;
    assert!(log_in(&rig, "sesame").await.starts_with("454 4.7.0 "));
}

#[tokio::test]
async fn a_mail_in_doubt_is_held_back_still() {
    let rig = Rig::start("").await;
    rig.ses.faults().add("end-of-data=close-after".parse().unwrap());
    assert!(rig.send().await.starts_with("451 4.4.2 "));
    rig.configure("[limits]\nerrors_max = 7\n");
    rig.reload().await;
    let reply = rig.send().await;
    assert!(reply.starts_with("451 4.4.2 ") && reply.contains("it is held back for"), "{reply}");
    assert_eq!(rig.ses.mailbox().accepted(), 1);
}
