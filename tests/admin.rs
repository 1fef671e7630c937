//! What a running relay answers over HTTP: alive, ready, what it counted, and to whom.
#![cfg(test)]

#[path = "clients/dialogue.rs"]
mod dialogue;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dialogue::send_hello;
use sesgate::app::App;
use sesgate::config::{self, Config, Endpoint, SesLogin};
use sesgate::credentials::Login;
use sesgate::sandbox::{Sending, Settings, StandIn};
use sesgate::telemetry::JsonLines;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TOKEN: &str = "correct horse battery staple";

fn relay(stand_in: &StandIn, token: Option<&str>) -> (App, SocketAddr) {
    start(&configured(stand_in, token))
}

fn start(config: &Config) -> (App, SocketAddr) {
    let app = App::start(config, Arc::new(JsonLines::new(std::io::sink()))).unwrap();
    let admin = app.admin_address().unwrap();
    (app, admin)
}

fn configured(stand_in: &StandIn, token: Option<&str>) -> Config {
    let (ses, login) = (stand_in.endpoints().plain, stand_in.login());
    let mut variables = vec![
        ("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0".to_owned()),
        ("SESGATE_ADMIN_ADDRESS", "127.0.0.1:0".to_owned()),
        ("SESGATE_SES_REGION", "us-east-1".to_owned()),
        ("SESGATE_SES_ACCOUNT_ID", "123456789012".to_owned()),
        ("SESGATE_SES_IDENTITIES", "example.com".to_owned()),
        ("SESGATE_SES_TLS", "none".to_owned()),
        ("SESGATE_SES_HOST", ses.ip().to_string()),
        ("SESGATE_SES_PORT", ses.port().to_string()),
        ("SESGATE_SES_USER_NAME", login.user_name.clone()),
        ("SESGATE_SES_PASSWORD", login.password.expose().to_owned()),
        (
            "SESGATE_POLICY_FILES",
            concat!(env!("CARGO_MANIFEST_DIR"), "/config/policy/allow-*.json").to_owned(),
        ),
    ];
    variables.extend(token.map(|token| ("SESGATE_ADMIN_TOKEN", token.to_owned())));
    let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    config::load(None, &variables).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The status line's number, the header and the body.
async fn get(address: SocketAddr, path: &str, fields: &str) -> (u16, String, String) {
    told(address, &format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n")).await
}

async fn told(address: SocketAddr, ask: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn ready_is_who_can_send() {
    let stand_in = StandIn::start(Settings::default()).await.unwrap();
    let (app, admin) = relay(&stand_in, None);
    let host = format!("Host: {admin}\r\n");
    assert_eq!(get(admin, "/healthz", &host).await.0, 200);
    let (status, _, body) = get(admin, "/readyz", &host).await;
    assert_eq!(status, 503);
    assert!(body.contains("the login at Amazon SES is not proven yet"), "{body}");

    app.probe_ses().await.unwrap();
    let (status, head, body) = get(admin, "/readyz", &host).await;
    assert_eq!(
        (status, &*body),
        (
            200,
            r#"{"ready":true,"checks":[{"name":"accepting","state":"well","detail":"the listeners accept connections"},{"name":"ses","state":"well","detail":"Amazon SES took the login"},{"name":"configuration","state":"well","detail":"generation 1 is in force"},{"name":"policy","state":"well","detail":"what policy refuses is refused"}]}"#
        )
    );
    assert!(head.contains("cache-control: no-store"), "{head}");

    stand_in.faults().add("auth*9=535 Authentication Credentials Invalid".parse().unwrap());
    app.probe_ses().await.unwrap_err();
    let (status, _, body) = get(admin, "/readyz", &host).await;
    assert_eq!(status, 503);
    assert!(body.contains("535 Authentication Credentials Invalid"), "{body}");
    app.stop().await;
}

/// What `/readyz` says of SES, with the seconds that it says left out.
async fn said_of_ses(admin: SocketAddr) -> (u16, String, String) {
    let (status, _, body) = get(admin, "/readyz", &format!("Host: {admin}\r\n")).await;
    let readiness: serde_json::Value = serde_json::from_str(&body).unwrap();
    let check = |key: &str| readiness["checks"][1][key].as_str().unwrap().to_owned();
    assert_eq!(check("name"), "ses");
    let is_time = |word: &&str| !word.chars().all(|letter| letter.is_ascii_digit());
    let detail = check("detail").split(' ').filter(is_time).collect::<Vec<_>>().join(" ");
    (status, check("state"), detail)
}

#[tokio::test]
async fn an_endpoint_whose_account_is_suspended_is_named_with_the_reason() {
    const SUSPENDED: &str = "has been failing for s: the account may not send: the message was answered `554 Message \
        rejected: Sending suspended for this account. For more information, please check the inbox of the email address \
        associated with your AWS account.`";
    let (first, second) = (
        StandIn::start(Settings::default()).await.unwrap(),
        StandIn::start(Settings::default()).await.unwrap(),
    );
    let mut config = configured(&first, None);
    let (ses, login) = (&config.ses, second.login());
    let standby = Endpoint {
        transport: ses.transport,
        region: ses.region.clone(),
        host: ses.host.clone(),
        server_name: ses.server_name.clone(),
        port: second.endpoints().plain.port(),
        tls: ses.tls,
        roots: ses.roots.clone(),
        login: Some(SesLogin::fixed(Login::new(login.user_name.clone(), login.password.clone()).unwrap())),
        fallback: None,
        max_send_rate: None,
    };
    config.ses.standbys.push(standby);
    let (app, admin) = start(&config);
    let (one, other) = (first.endpoints().plain, second.endpoints().plain);
    app.probe_ses().await.unwrap();
    let send = || send_hello(app.addresses()[0], "app@example.com");
    let said = |state: &str, detail: String| (200, state.to_owned(), detail);
    assert_eq!(said_of_ses(admin).await, said("well", format!("{one} takes mail; {other} stands by")));

    first.set_sending(Sending::Suspended);
    assert!(send().await.starts_with("250 "));
    let expected = said("doubtful", format!("{one} {SUSPENDED}; {other} takes mail"));
    assert_eq!(said_of_ses(admin).await, expected);
    let (_, _, page) = get(admin, "/", &format!("Host: {admin}\r\n")).await;
    assert!(page.contains("the account may not send"), "{page}");

    // Whoever sends would find out that it may again, so that mail is still to be sent here.
    second.set_sending(Sending::Suspended);
    assert!(send().await.starts_with("451 4.3.0 "));
    let expected = said("doubtful", format!("{one} {SUSPENDED}; {other} {SUSPENDED}"));
    assert_eq!(said_of_ses(admin).await, expected);

    first.set_sending(Sending::Enabled);
    while !send().await.starts_with("250 ") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The other one is asked when it is needed again.
    let expected = said("doubtful", format!("{one} takes mail; {other} {SUSPENDED}"));
    assert_eq!(said_of_ses(admin).await, expected);
    app.stop().await;
}

#[tokio::test]
async fn what_is_counted_is_shown_to_whoever_has_the_token() {
    let stand_in = StandIn::start(Settings::default()).await.unwrap();
    let (app, admin) = relay(&stand_in, Some(TOKEN));
    let (status, head, _) = get(admin, "/metrics", "Host: relay.example.com\r\n").await;
    assert_eq!(status, 401);
    assert!(head.contains("www-authenticate: Basic realm="), "{head}");
    let wrong = "Host: relay.example.com\r\nAuthorization: Bearer correct horse battery stable\r\n";
    assert_eq!(get(admin, "/metrics", wrong).await.0, 401);
    let right = format!("Host: relay.example.com\r\nAuthorization: Bearer {TOKEN}\r\n");
    let (status, head, body) = get(admin, "/metrics", &right).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text"), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    // Probes need none, and learn no more than they must.
    assert_eq!(get(admin, "/healthz", "Host: x\r\n").await.0, 200);
    let (status, _, body) = get(admin, "/readyz", "Host: x\r\n").await;
    assert_eq!(status, 503);
    assert!(body.contains(r#"{"name":"ses","state":"failing","detail":""}"#), "{body}");
    app.stop().await;
}

#[tokio::test]
async fn the_page_is_for_whoever_has_the_token_and_its_form_for_nobody_elses_page() {
    let stand_in = StandIn::start(Settings::default()).await.unwrap();
    let (app, admin) = relay(&stand_in, Some(TOKEN));
    for path in ["/", "/decisions", "/decisions/1", "/playground", "/policies", "/policies/0", "/mails", "/x"]
    {
        let (status, _, body) = get(admin, path, "Host: relay.example.com\r\n").await;
        assert_eq!((status, &*body), (401, "The token of `[admin] token` is needed.\n"), "{path}");
    }
    let right = format!("Host: relay.example.com\r\nAuthorization: Bearer {TOKEN}\r\n");
    let (status, head, body) = get(admin, "/policies", &right).await;
    assert_eq!(status, 200);
    assert!(body.contains("AmazonSesSendingAccess"), "{body}");
    for expected in [
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "referrer-policy: same-origin",
        "cache-control: no-store",
    ] {
        assert!(head.contains(expected), "{expected} is not in\n{head}");
    }
    assert!(!head.contains("unsafe-inline"), "{head}");
    // Only a stand-in shows mails.
    assert_eq!(get(admin, "/mails", &right).await.0, 404);

    let form = "from=a%40example.com&to=b%40example.com";
    let ask = |fields: &str, form: &str| {
        let kind = "Content-Type: application/x-www-form-urlencoded";
        format!(
            "POST /playground HTTP/1.1\r\nConnection: close\r\n{right}{kind}\r\nContent-Length: {}\r\n{fields}\r\n{form}",
            form.len()
        )
    };
    let (status, _, body) = told(admin, &ask("Sec-Fetch-Site: same-origin\r\n", form)).await;
    assert_eq!(status, 200);
    assert!(body.contains("250 2.0.0 Ok &#60;message id of Amazon SES&#62;"), "{body}");
    for fields in ["Sec-Fetch-Site: cross-site\r\n", "Origin: https://evil.example\r\n"] {
        assert_eq!(told(admin, &ask(fields, form)).await.0, 403, "{fields}");
    }
    // A candidate may be as large as policies get.
    let statement = |number| {
        format!(
            r#"{{"Sid":"S{number}","Effect":"Allow","Action":"ses:SendRawEmail","Resource":"*",
            "Condition":{{"StringEquals":{{"aws:username":"app-{number}"}}}}}}"#
        )
    };
    let statements: Vec<String> = (0..1000).map(statement).collect();
    let candidate = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    assert!(candidate.len() > 100_000);
    let mut escaped = String::new();
    for octet in candidate.bytes() {
        write!(escaped, "%{octet:02X}").unwrap();
    }
    let (status, _, body) = told(admin, &ask("", &format!("{form}&candidate={escaped}"))).await;
    assert_eq!(status, 200);
    assert!(body.contains("With the candidate: "), "{body}");
    // What somebody pastes has a bound.
    let much = format!("message={}", "a".repeat(1024 * 1024 + 1));
    let (status, _, body) = told(admin, &ask("", &much)).await;
    assert_eq!(status, 200);
    assert!(body.contains("The message is longer than 1048576 octets"), "{status}");
    app.stop().await;
}

#[tokio::test]
async fn a_web_page_cannot_ask_through_a_browser() {
    let stand_in = StandIn::start(Settings::default()).await.unwrap();
    let (app, admin) = relay(&stand_in, None);
    let (status, _, body) = get(admin, "/metrics", "Host: evil.example:9025\r\n").await;
    assert_eq!(status, 421, "{body}");
    app.stop().await;
}
