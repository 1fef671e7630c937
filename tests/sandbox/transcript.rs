//! Plays a transcript against a stand-in of its own.
//!
//! `ON` says at which entrance, `SET` what is not as the defaults have it, `FAULT` what goes wrong. Then `C:` is
//! said (`\r` and `\n` stand for themselves, other lines end with CRLF) and `S:` is heard, where `*` is any run
//! of letters, digits and no spaces. `TLS` shakes hands, `LOGIN` and `MAIL <sender> <recipient>…` say what every
//! client says, `STORED` counts the mails accepted, `CLOSED` waits for the end.

use std::time::Duration;

use rustls::version::TLS13;
use sesgate::sandbox::{Extensions, Login, Oversize, Reach, Sending, SessionFullAt, Settings, StandIn};
use sesgate::secret::Secret;

use crate::client::{Client, Pace};

pub fn settings() -> Settings {
    Settings {
        region: "ap-northeast-1".to_owned(),
        login: Some(Login {
            user_name: "AKIASANDBOX".to_owned(),
            password: Secret::new("open sesame".to_owned()),
        }),
        ..Settings::default()
    }
}

pub async fn login(client: &mut Client) {
    client.expect("AUTH PLAIN AEFLSUFTQU5EQk9YAG9wZW4gc2VzYW1l", "235 Authentication successful.").await;
}

/// Plays all lines, and says which one went wrong.
pub async fn play(name: &str, text: &str, pace: Pace) {
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let mut settings = settings();
    for line in &lines {
        if let Some(setting) = line.strip_prefix("SET ") {
            set(&mut settings, setting);
        }
    }
    let stand_in = StandIn::start(settings).await.unwrap();
    for line in &lines {
        if let Some(fault) = line.strip_prefix("FAULT ") {
            stand_in.faults().add(fault.parse().unwrap());
        }
    }
    let mut client = None;
    for line in &lines {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "SET" | "FAULT" => {}
            "ON" => client = Some(enter(&stand_in, rest, pace).await),
            "TLS" => {
                let clear = client.take().unwrap();
                client = Some(clear.into_tls(stand_in.ca_pem(), "localhost", &TLS13).await.unwrap());
            }
            "STORED" => assert_eq!(stand_in.mailbox().accepted().to_string(), rest, "{name}"),
            _ => speak(client.as_mut().unwrap(), word, rest, name).await,
        }
    }
    drop(client);
    stand_in.stop().await;
}

async fn speak(client: &mut Client, word: &str, rest: &str, name: &str) {
    match word {
        "C:" => {
            let line = rest.replace("\\r", "\r").replace("\\n", "\n");
            client.write(format!("{line}\r\n").as_bytes()).await;
        }
        "S:" => {
            let heard = client.line().await;
            assert!(matches(rest, &heard), "{name}:\nexpected {rest}\n   heard {heard}");
        }
        "LOGIN" => login(client).await,
        "MAIL" => {
            let paths: Vec<_> = rest.split(' ').collect();
            client.envelope(paths[0], &paths[1..]).await;
        }
        "CLOSED" => assert_eq!(client.line().await, "[closed]", "{name}"),
        _ => panic!("{name}: what is {word} {rest}?"),
    }
}

async fn enter(stand_in: &StandIn, entrance: &str, pace: Pace) -> Client {
    let endpoints = stand_in.endpoints();
    match entrance {
        "plain" => Client::connect(endpoints.plain, pace).await,
        "starttls" => Client::connect(endpoints.starttls, pace).await,
        "tls-without-handshake" => Client::connect(endpoints.implicit_tls, pace).await,
        "tls" => {
            let client = Client::connect(endpoints.implicit_tls, pace).await;
            client.into_tls(stand_in.ca_pem(), "localhost", &TLS13).await.unwrap()
        }
        _ => panic!("what entrance is {entrance}?"),
    }
}

fn set(settings: &mut Settings, setting: &str) {
    let (key, value) = setting.split_once(' ').unwrap();
    let names = || value.split(' ').map(str::to_owned).collect();
    match key {
        "identities" => settings.identities = names(),
        "identities_allowed" => settings.identities_allowed = Some(names()),
        "sending" => {
            settings.sending = if value == "suspended" { Sending::Suspended } else { Sending::Enabled }
        }
        "message_octets_max" => settings.message_octets_max = value.parse().unwrap(),
        "recipients_per_second_max" => settings.recipients_per_second_max = value.parse().unwrap(),
        "recipients_per_day_max" => settings.recipients_per_day_max = value.parse().unwrap(),
        "session_full_at" => settings.session_full_at = SessionFullAt::EndOfData,
        "oversize" => settings.oversize = Oversize::Cut,
        "reach" => settings.reach = Reach::VerifiedRecipients,
        "extensions" => {
            settings.extensions = if value == "2012" { Extensions::Of2012 } else { Extensions::Of2023 }
        }
        "session_mails_max" => settings.session_mails_max = value.parse().unwrap(),
        "idle_timeout_ms" => settings.idle_timeout = Duration::from_millis(value.parse().unwrap()),
        _ => panic!("what setting is {key}?"),
    }
}

/// `*` stands for one or more letters and digits.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap()) else {
        return false;
    };
    for part in parts {
        let run = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        match rest.split_at(run).1.strip_prefix(part) {
            Some(after) if run > 0 => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}
