#![cfg(test)]
#![cfg(feature = "aws")]
//! The logins of SES come from AWS Secrets Manager: the program as it ships, an emulation of AWS, and the stand-in.

#[path = "moto/mod.rs"]
mod moto;
#[path = "program/relay.rs"]
mod relay;

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_secretsmanager::{Client, Config};
use moto::Moto;
use relay::Relay;
use sesgate::sandbox::{Login, Settings, StandIn};
use sesgate::secret::Secret;

fn client(moto: &Moto) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&moto.endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    Client::from_conf(config)
}

fn login(name: &str) -> Login {
    Login { user_name: name.to_owned(), password: Secret::new(format!("secret of {name}")) }
}

fn text(name: &str) -> String {
    format!(r#"{{"user_name": "{name}", "password": "secret of {name}"}}"#)
}

fn start(moto: &Moto, secret: &str, ses: &StandIn) -> Relay {
    let endpoint = ses.endpoints().implicit_tls;
    let settings = format!(
        r#"
        host = "{}"
        port = {}
        server_name = "email-smtp.us-east-1.amazonaws.com"
        user_name = {{ secretsmanager = "{secret}", key = "user_name" }}
        password = {{ secretsmanager = "{secret}", key = "password" }}
        secrets_interval = "1s"
        connection_mails_max = 1
        "#,
        endpoint.ip(),
        endpoint.port()
    );
    Relay::start(&settings, ses.ca_pem(), &moto.variables(), "secret of")
}

// The relay is waited for without the runtime's knowledge, and the stand-in goes on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_asked_for_again_and_the_version_before_is_the_last_resort() {
    let Some(moto) = Moto::shared() else { return };
    let aws = client(moto);
    let ses = StandIn::start(Settings { login: Some(login("first")), ..Settings::default() }).await.unwrap();

    // The relay runs before there is a secret: it says so, takes no mail, and finds it by itself.
    let relay = start(moto, "ses-login", &ses);
    relay.hear("`ses-login` in Secrets Manager cannot be read");
    assert!(relay.send().starts_with("451 4.3.0 "));
    aws.create_secret().name("ses-login").secret_string(text("first")).send().await.unwrap();
    relay.hear("Amazon SES takes the login");
    assert!(relay.send().starts_with("250 2.0.0 "));

    // The next one is not yet known to SES.
    aws.put_secret_value().secret_id("ses-login").secret_string(text("second")).send().await.unwrap();
    relay.hear("it is used as soon as Amazon SES takes it");
    relay.hear("Amazon SES refuses a login");
    assert!(relay.send().starts_with("250 2.0.0 "));

    // A relay that starts now has the version before.
    let another = start(moto, "ses-login", &ses);
    another.hear("Amazon SES refuses a login");
    assert!(another.send().starts_with("250 2.0.0 "));

    ses.add_login(login("second"));
    ses.remove_login("first");
    for relay in [&relay, &another] {
        relay.hear("Amazon SES takes the login");
        assert!(relay.send().starts_with("250 2.0.0 "));
    }

    // What is no login replaces nothing.
    aws.put_secret_value().secret_id("ses-login").secret_string("{}").send().await.unwrap();
    relay.hear("is a JSON object without a text named `user_name`");
    assert!(relay.send().starts_with("250 2.0.0 "));
}
