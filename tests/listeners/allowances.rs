//! What each app is granted, whatever its addresses and connections.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sesgate::admission::PasswordHash;
use sesgate::secret::Secret;

use crate::client::Client;
use crate::rig::{Authority, Rig};

const FULL: &str = "421 4.7.0 Too many connections of your app; close some or try again later\r\n";
const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\nplaintext_login = true\n";

#[tokio::test]
async fn an_app_has_its_connections_wherever_it_is_known_from() {
    let hash = PasswordHash::new(&Secret::new("sesame".to_owned())).unwrap();
    let settings = format!(
        "{LISTENER}[[app]]\nname = \"net\"\nnetworks = [\"127.0.0.0/8\"]\nconnections_max = 2\n\
         [[app]]\nname = \"ann\"\nconnections_max = 1\n\
         [[app.logins]]\nuser_name = \"ann\"\npassword_hash = \"{}\"\n",
        hash.as_str()
    );
    let rig = Rig::start(&Authority::new(), &settings).await;
    let login = format!("AUTH PLAIN {}", STANDARD.encode("\0ann\0sesame"));
    let mut first = Client::greeted(rig.address()).await;
    let mut second = Client::greeted(rig.address()).await;
    assert_eq!(Client::connect(rig.address()).await.hear().await, FULL);

    // From its login on it is the other app's, and leaves its place to another.
    first.ask("EHLO app").await;
    assert!(first.ask(&login).await.starts_with("235 "));
    let mut third = Client::greeted(rig.address()).await;
    assert_eq!(Client::connect(rig.address()).await.hear().await, FULL);
    third.ask("EHLO app").await;
    assert_eq!(third.ask(&login).await, FULL);
    assert_eq!(third.hear().await, "");
    for client in [&mut first, &mut second] {
        assert!(client.send().await.starts_with("250 "));
    }

    // A place is given back when the connection ends, which is a moment after its last word.
    assert!(first.ask("QUIT").await.starts_with("221 "));
    drop(first);
    let mut reply = String::new();
    for _ in 0..200 {
        let mut client = Client::connect(rig.address()).await;
        if client.hear().await.starts_with("220 ") {
            client.ask("EHLO app").await;
            reply = client.ask(&login).await;
        }
        if reply.starts_with("235 ") {
            return;
        }
    }
    panic!("{reply}");
}

/// Whoever stops an app that runs wild does so while it runs, and does not give it another minute's worth.
#[tokio::test]
async fn what_an_app_has_taken_counts_on_after_a_reload() {
    let authority = Authority::new();
    let settings = |granted: &str| {
        format!("{LISTENER}[[app]]\nname = \"net\"\nnetworks = [\"127.0.0.0/8\"]\n{granted}\n")
    };
    let rig = Rig::start(&authority, &settings("mails_per_minute = 6")).await;
    let mut client = Client::greeted(rig.address()).await;
    for _ in 0..5 {
        assert!(client.send().await.starts_with("250 "));
    }
    rig.configure(&authority, &settings("connections_max = 1\nmails_per_minute = 2"));
    assert!(rig.reloader.reload().await);
    let reply = client.ask("MAIL FROM:<app@example.com>").await;
    assert!(reply.starts_with("451 4.7.1 Your app may send 2 mails a minute; try again in "), "{reply}");
    assert_eq!(Client::connect(rig.address()).await.hear().await, FULL);

    rig.configure(&authority, &settings(""));
    assert!(rig.reloader.reload().await);
    assert!(client.send().await.starts_with("250 "));
    assert!(Client::greeted(rig.address()).await.send().await.starts_with("250 "));
}
