#![cfg(test)]
#![cfg(feature = "aws")]
//! Mail by SES's API: the program as it ships, an emulation of AWS that takes mail, and a script of all else that the
//! API may say, since no emulation says it.

#[path = "moto/mod.rs"]
mod moto;
#[path = "program/relay.rs"]
mod relay;
#[path = "api/ses.rs"]
mod ses;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::{BehaviorVersion, Config, Credentials, Region};
use moto::Moto;
use relay::Relay;
use ses::{Act, MESSAGE_ID, Ses};
use sesgate::config::{self, Environment};
use sesgate::sandbox::{Settings, StandIn};

const SECRET: &str = "no-one-may-see-this";
/// What a role gives; and what leads other programs elsewhere, but no mail.
const ROLE: [(&str, &str); 6] = [
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ("AWS_REGION", "eu-west-1"),
    ("AWS_USE_FIPS_ENDPOINT", "true"),
    ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-no-one-may-see-this"),
    ("AWS_SESSION_TOKEN", "session-token-no-one-may-see-this"),
];

/// How the relay is told of a script.
fn settings(address: SocketAddr) -> String {
    format!(
        "transport = \"api\"\nhost = \"{}\"\nport = {}\nwrite_timeout = \"1s\"\nverdict_timeout = \"2s\"",
        address.ip(),
        address.port()
    )
}

fn start(ses: &Ses, more: &str) -> Relay {
    start_with(ses, more, &ROLE)
}

fn start_with(ses: &Ses, more: &str, variables: &[(&str, &str)]) -> Relay {
    let relay = Relay::start(&format!("{}\n{more}", settings(ses.address)), &ses.ca_pem, variables, SECRET);
    relay.hear("Amazon SES takes the login");
    relay
}

/// Of the last mail.
fn record(relay: &Relay) -> serde_json::Value {
    serde_json::from_str(&relay.hear("\"ses_endpoint\"")).unwrap()
}

fn member<'r>(record: &'r serde_json::Value, name: &str) -> &'r str {
    record[name].as_str().unwrap_or_default()
}

#[test]
fn a_mail_is_one_request_with_the_octets_that_were_judged() {
    let ses = Ses::start();
    let variables = [&ROLE[..], &[("SESGATE_LOG_LEVEL", "trace")]].concat();
    let relay = start_with(&ses, "configuration_set = \"news\"", &variables);
    let reply = relay.send_message(
        &["b@example.org", "hidden@example.org"],
        "From: Ann <a@example.com>\r\nTo: b@example.org\r\nBcc: hidden@example.org\r\n\r\n..dot\r\n...dots\r\n\
         no-one-may-see-this\r\n",
    );
    assert!(reply.starts_with(&format!("250 2.0.0 Ok {MESSAGE_ID}")), "{reply}");

    let mail = ses.mail();
    assert!(mail.authorization.contains("Credential=ASIAIOSFODNN7EXAMPLE/"), "{}", mail.authorization);
    assert!(mail.authorization.contains("/us-east-1/ses/aws4_request"), "{}", mail.authorization);
    let destination = serde_json::json!({ "ToAddresses": ["b@example.org", "hidden@example.org"] });
    assert_eq!(mail.content["Destination"], destination);
    assert_eq!(mail.content["FeedbackForwardingEmailAddress"], "bounces@example.com");
    assert_eq!(mail.content["ConfigurationSetName"], "news");
    // SES would write it over the From of the message.
    assert!(mail.content["FromEmailAddress"].is_null());
    let octets = mail.octets();
    assert!(octets.contains("\r\nFrom: Ann <a@example.com>\r\n"), "{octets}");
    assert!(octets.ends_with("\r\n\r\n.dot\r\n..dots\r\nno-one-may-see-this\r\n"), "{octets}");
    assert!(!octets.contains("hidden"), "{octets}");
    assert_eq!(octets.matches("X-SES-CONFIGURATION-SET: news\r\n").count(), 1, "{octets}");

    let record = record(&relay);
    assert_eq!(member(&record, "ses_message_id"), MESSAGE_ID);
    assert_eq!(member(&record, "ses_session"), "1c9b-request");
    assert_eq!(member(&record, "ses_endpoint"), ses.address.to_string());
}

const UNVERIFIED: &str = "Email address is not verified. The following identities failed the check in region \
                          US-EAST-1: a@example.com";
const DENIED: &str = "User `arn:aws:sts::123456789012:assumed-role/relay/task' is not authorized to perform \
                      `ses:SendRawEmail' on resource `arn:aws:ses:us-east-1:123456789012:identity/example.com'";

const TROUBLE: &str = "451 4.3.0 Amazon SES is in trouble; nothing was sent";
const CANNOT_SEND: &str = "451 4.3.0 The relay cannot send mail at present; nothing was sent";
const RATE_EXCEEDED: &str = "451 4.7.1 Amazon SES takes no more mail at this rate";
const QUOTA_EXCEEDED: &str = "451 4.7.1 The daily quota of Amazon SES is used up";
const UNREACHABLE: &str = "451 4.4.1 Amazon SES cannot be reached; nothing was sent";
const IN_DOUBT: &str = "451 4.4.2 Amazon SES may or may not have taken the mail";

/// Each on a relay of its own, since some stop all mail for a while.
#[test]
fn a_client_hears_what_it_would_hear_by_smtp() {
    let unverified = format!("554 5.0.0 Message rejected: {UNVERIFIED}");
    for (act, outcome, reply) in [
        (Act::Refuse(400, "MessageRejected", UNVERIFIED), "unverified", unverified.as_str()),
        (
            Act::Refuse(
                400,
                "MailFromDomainNotVerifiedException",
                "DNS setup for MAIL FROM domain is invalid.",
            ),
            "unverified",
            "554 5.0.0 MAIL FROM domain not verified: DNS setup for MAIL FROM domain is invalid.",
        ),
        (
            Act::Refuse(400, "BadRequestException", "Duplicate header 'Subject'."),
            "refused",
            "554 5.0.0 Transaction failed: Duplicate header 'Subject'.",
        ),
        (Act::Answer(413, "too large"), "refused", "552 5.3.4 Message is too long."),
        (Act::Refuse(403, "AccessDeniedException", DENIED), "blocked", CANNOT_SEND),
        (Act::Refuse(400, "AccountSuspendedException", "It is."), "blocked", CANNOT_SEND),
        (
            Act::Refuse(400, "SendingPausedException", "Sending paused for this account."),
            "blocked",
            CANNOT_SEND,
        ),
        (
            Act::Refuse(400, "LimitExceededException", "Daily message quota exceeded."),
            "blocked",
            QUOTA_EXCEEDED,
        ),
        (Act::Refuse(403, "ExpiredTokenException", "The token is expired"), "login_refused", CANNOT_SEND),
        (Act::Refuse(404, "NotFoundException", "Configuration set <a> does not exist."), "deferred", TROUBLE),
        (Act::Refuse(500, "InternalServiceErrorException", ""), "deferred", TROUBLE),
        (Act::Answer(503, "<html>no server is there</html>"), "deferred", TROUBLE),
        (Act::HangUpWithin(100_000), "interrupted", UNREACHABLE),
        (Act::Answer(502, "<html>the server is gone</html>"), "in_doubt", IN_DOUBT),
        (Act::Answer(200, "{}"), "unconfirmed", IN_DOUBT),
        (Act::Answer(200, "{\"MessageId\": "), "in_doubt", IN_DOUBT),
        (Act::HangUp, "in_doubt", IN_DOUBT),
        (Act::Silence, "in_doubt", IN_DOUBT),
    ] {
        let ses = Ses::start();
        let relay = start(&ses, "");
        ses.next(act.clone());
        let is_within = matches!(act, Act::HangUpWithin(_));
        let heard = if is_within { relay.send_message(&["b@example.org"], &large()) } else { relay.send() };
        assert!(heard.starts_with(reply), "{act:?}: {heard}");
        let record = record(&relay);
        assert_eq!(member(&record, "outcome"), outcome, "{act:?}");
    }
}

/// Of so many octets that a connection does not take them all at once.
fn large() -> String {
    format!(
        "From: a@example.com\r\nTo: b@example.org\r\n\r\n{}",
        "a line of a large mail\r\n".repeat(400_000)
    )
}

#[test]
fn a_mail_that_is_throttled_is_said_again_and_put_off_in_the_end() {
    let ses = Ses::start();
    let relay = start(&ses, "[delivery]\nhold = \"2s\"");
    let throttled = || Act::Refuse(429, "TooManyRequestsException", "Maximum sending rate exceeded.");
    ses.next(throttled());
    assert!(relay.send().starts_with("250 2.0.0 "));
    assert_eq!(ses.count(), 2);
    (0..100).for_each(|_| ses.next(throttled()));
    assert!(relay.send().starts_with(RATE_EXCEEDED));
    // Whatever the SDK would do by itself, each is a turn of the relay's.
    assert!(ses.count() <= 10);
}

#[test]
fn a_mail_in_doubt_is_held_back() {
    let ses = Ses::start();
    let relay = start(&ses, "");
    ses.next(Act::HangUp);
    assert!(relay.send().starts_with(IN_DOUBT));
    assert!(relay.send().starts_with("451 4.4.2 Amazon SES may have taken this mail already"));
    assert_eq!(ses.count(), 1);
}

#[test]
fn an_idle_connection_that_was_closed_costs_no_mail() {
    let ses = Ses::start();
    let relay = start(&ses, "connection_idle_max = \"1s\"");
    for _ in 0..3 {
        assert!(relay.send().starts_with("250 2.0.0 "));
        ses.close_connections();
    }
    assert_eq!(ses.count(), 3);
}

#[test]
fn where_nobody_is_there_or_nobody_vouches_for_it_nothing_is_sent() {
    let (ses, other) = (Ses::start(), Ses::start());
    let relay = Relay::start(&settings(ses.address), &other.ca_pem, &ROLE, SECRET);
    relay.hear("Amazon SES would take no mail now");
    assert!(relay.send().starts_with(UNREACHABLE));
    assert_eq!(ses.count(), 0);

    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::start(&settings(address), &other.ca_pem, &ROLE, SECRET);
    relay.hear("Amazon SES would take no mail now");
    assert!(relay.send().starts_with(UNREACHABLE));
}

#[test]
fn without_credentials_the_relay_says_so_and_sends_nothing() {
    let ses = Ses::start();
    let nobody = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    let relay = Relay::start(&settings(ses.address), &ses.ca_pem, &nobody, SECRET);
    relay.hear("AWS gives no credentials to sign with");
    assert!(relay.send().starts_with(CANNOT_SEND));
    assert_eq!(ses.count(), 0);
}

#[test]
fn who_may_not_ask_for_the_account_is_known_to_ses_and_who_is_not_is_asked_again() {
    let ses = Ses::start();
    ses.to_get_account(Act::Refuse(403, "AccessDeniedException", DENIED));
    start(&ses, "");
    ses.to_get_account(Act::Refuse(403, "UnrecognizedClientException", "The security token is invalid."));
    let relay = Relay::start(&settings(ses.address), &ses.ca_pem, &ROLE, SECRET);
    relay.hear("SES refused the login: `535 UnrecognizedClientException: The security token is invalid.`");
    ses.to_get_account(Act::Accept);
    relay.hear("Amazon SES takes the login");
    assert!(relay.send().starts_with("250 2.0.0 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_stands_by_for_the_api() {
    let (api, smtp) = (Ses::start(), StandIn::start(Settings::default()).await.unwrap());
    let (endpoint, login) = (smtp.endpoints().implicit_tls, smtp.login());
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("smtp-ca.pem");
    std::fs::write(&ca_file, smtp.ca_pem()).unwrap();
    let standby = format!(
        r#"
        [[ses.standby]]
        transport = "smtp"
        host = "{}"
        port = {}
        server_name = "email-smtp.us-east-1.amazonaws.com"
        ca_file = "{}"
        user_name = "{}"
        password = {{ env = "SMTP_PASSWORD" }}
        "#,
        endpoint.ip(),
        endpoint.port(),
        ca_file.display(),
        login.user_name
    );
    let variables = [&ROLE[..], &[("SMTP_PASSWORD", login.password.expose())]].concat();
    let relay = Relay::start(&format!("{}{standby}", settings(api.address)), &api.ca_pem, &variables, SECRET);
    relay.hear("Amazon SES takes the login");
    assert!(relay.send().starts_with("250 2.0.0 "));
    assert_eq!(api.count(), 1);
    api.next(Act::Refuse(400, "AccountSuspendedException", "It is."));
    assert!(relay.send().starts_with("250 2.0.0 "));
    relay.hear("mail goes by another endpoint");
    // A mail that SES refuses is refused everywhere.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    api.next(Act::Refuse(400, "BadRequestException", "Duplicate header 'Subject'."));
    assert!(relay.send().starts_with("554 5.0.0 "));
}

// The relay is waited for without the runtime's knowledge.
#[tokio::test(flavor = "multi_thread")]
async fn an_emulation_of_aws_takes_the_mail() {
    let Some(moto) = Moto::shared() else { return };
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&moto.endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    let aws = Client::from_conf(config);
    let (host, port) = moto.endpoint.trim_start_matches("http://").split_once(':').unwrap();
    let settings = format!("transport = \"api\"\nhost = \"{host}\"\nport = {port}\ntls = \"none\"");
    let authority = Ses::start().ca_pem;
    let relay = Relay::start(&settings, &authority, &moto.variables(), SECRET);
    relay.hear("Amazon SES takes the login");
    assert!(
        relay.send().starts_with("554 5.0.0 Message rejected: Did not have authority to send from email")
    );

    aws.create_email_identity().email_identity("example.com").send().await.unwrap();
    let message = "From: Ann <a@example.com>\r\nBcc: hidden@example.org\r\n\r\n..dot\r\n";
    let reply = relay.send_message(&["b@example.org", "hidden@example.org"], message);
    let message_id = reply.strip_prefix("250 2.0.0 Ok ").unwrap().split("\r\n").next().unwrap();
    let sent = raw_messages(moto);
    let sent = sent.as_array().unwrap().iter().find(|sent| sent["id"] == message_id).unwrap();
    assert_eq!(sent["source"], "a@example.com");
    assert_eq!(sent["destinations"], serde_json::json!(["b@example.org", "hidden@example.org"]));
    let octets = sent["raw_data"].as_str().unwrap();
    assert!(octets.ends_with("\r\n\r\n.dot\r\n") && !octets.contains("hidden"), "{octets}");
}

/// All that the emulation has taken.
fn raw_messages(moto: &Moto) -> serde_json::Value {
    let mut stream = TcpStream::connect(moto.endpoint.trim_start_matches("http://")).unwrap();
    stream.write_all(b"GET /moto-api/data.json HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<serde_json::Value>(body).unwrap()["ses"]["RawMessage"].take()
}

#[test]
fn what_means_nothing_to_the_api_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sesgate.toml");
    std::fs::write(folder.path().join("allow.json"), "{}").unwrap();
    for (settings, expected) in [
        (
            "user_name = \"a\"",
            "ses.user_name: is of no use with the transport `api` (leave it out: the API is asked as whoever",
        ),
        ("fallback_access_key_id = \"AKIAIOSFODNN7EXAMPLE\"", "ses.fallback_access_key_id: is of no use"),
        (
            "server_name = \"a.example.com\"",
            "ses.server_name: is of no use with the transport `api` (the certificate",
        ),
        (
            "tls = \"starttls\"",
            "ses.tls: is of no use with the transport `api` (leave it out, and HTTPS is spoken)",
        ),
        (
            "host = \"localhost\"\ntls = \"none\"",
            "ses.tls: without TLS, mail and password would travel in clear",
        ),
        (
            "[limits]\nmessage_octets_max = 41943040",
            "limits.message_octets_max: by the API, SES takes 40 MB in base64, which is 31457280 octets of a mail",
        ),
        (
            "[[ses.standby]]\nregion = \"us-west-2\"\nuser_name = \"a\"",
            "ses.standby[0].user_name: is of no use",
        ),
    ] {
        let file = format!(
            "[policy]\nfiles = [\"allow.json\"]\n[ses]\nregion = \"us-east-1\"\naccount_id = \"123456789012\"\n\
             identities = [\"example.com\"]\ntransport = \"api\"\n{settings}"
        );
        std::fs::write(&path, file).unwrap();
        let errors = config::load(Some(&path), &Environment::default()).unwrap_err().to_string();
        assert!(errors.contains(expected) && errors.lines().count() == 1, "{settings}: {errors}");
    }
}
