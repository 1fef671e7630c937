#![cfg(test)]
//! The audit records of a relay, as `config/AUDIT.md` describes them.

#[path = "clients/dialogue.rs"]
mod dialogue;
#[path = "clients/relay.rs"]
mod relay;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use sesgate::sandbox::StandIn;

use dialogue::{send, send_hello};
use relay::{REGION, Relay, SENDER, account, way};

/// What the relay records of a mail that is sent, one that is denied, and one whose sender is not verified.
async fn records() -> Vec<Value> {
    let stand_in = StandIn::start(account()).await.unwrap();
    let mut settings = way("implicit", stand_in.endpoints().implicit_tls, &stand_in);
    let candidate = concat!(env!("CARGO_MANIFEST_DIR"), "/config/policy/only-the-app-address.json");
    let allowing = concat!(env!("CARGO_MANIFEST_DIR"), "/config/policy/allow-sending.json");
    settings.push(("POLICY_CANDIDATE", format!("{candidate},{allowing}")));
    let relay = Relay::start(None, settings, stand_in.ca_pem());
    for sender in [SENDER, "ceo@mail1.tak1wa.com", "app@elsewhere.example"] {
        send_hello(relay.address(), sender).await;
    }
    let records = relay.records();
    relay.stop().await;
    stand_in.stop().await;
    assert_eq!(records.len(), 3, "in {REGION}");
    records
}

/// `resources[].effect` and so on, with what they hold.
fn fields(prefix: &str, value: &Value, found: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "yes or no",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                fields(&format!("{prefix}[]"), item, found);
            }
            return;
        }
        // What would be in an empty list is for another record to show.
        Value::Array(_) if prefix == "resources" => return,
        Value::Array(_) => "list of texts",
        Value::Object(members) => {
            for (name, member) in members {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                fields(&name, member, found);
            }
            return;
        }
    };
    found.entry(prefix.to_owned()).or_default().insert(kind);
}

/// The rows of the table under this heading, cell by cell.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string("config/AUDIT.md").unwrap();
    let (_, text) = text.split_once(heading).unwrap();
    let table =
        text.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    table.skip(2).map(cells).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_describes_every_field_and_no_other() {
    let mut found = BTreeMap::new();
    for record in records().await {
        fields("", &record, &mut found);
    }
    let rows = rows("# The audit records");
    let described: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(described, found.keys().map(String::as_str).collect());
    for row in &rows {
        let [name, kinds, example, meaning] = row.as_slice() else { panic!("{row:?}") };
        for kind in &found[name] {
            assert!(
                kinds.split(" or null").next() == Some(kind)
                    || (kind == &"null" && kinds.ends_with(" or null")),
                "{name} is {kind}, and not {kinds}"
            );
        }
        let is_text = kinds.starts_with("text");
        let is_shown = is_text && !example.is_empty() || serde_json::from_str::<Value>(example).is_ok();
        assert!(is_shown && meaning.len() > 5, "{row:?}");
    }
}

#[test]
fn every_outcome_that_the_relay_knows_is_described() {
    let described: BTreeSet<String> = rows("## Outcomes").into_iter().map(|row| row[0].clone()).collect();
    let mut known = BTreeSet::new();
    for file in ["src/upstream/outcome.rs", "src/relay/record.rs"] {
        let text = fs::read_to_string(file).unwrap();
        let (_, label) = text.split_once("fn label(&self)").unwrap();
        let label = label.split("\n    }\n").next().unwrap();
        known.extend(label.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    assert_eq!(described, known);
}

/// Whatever a mail names, its record shows no more than it may; the same person has the same hash everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_shows_no_more_of_addresses_than_it_may() {
    let stand_in = StandIn::start(account()).await.unwrap();
    let endpoint = stand_in.endpoints().implicit_tls;
    for form in ["domain", "hashed"] {
        let mut settings = way("implicit", endpoint, &stand_in);
        settings.push(("LOG_ADDRESSES", form.to_owned()));
        if form == "hashed" {
            settings.push(("LOG_HASH_KEY", "a key of some length".to_owned()));
        }
        // A verified address is the name of a resource.
        settings.push(("SES_IDENTITIES", "mail1.tak1wa.com,secret1@special.example".to_owned()));
        let relay = Relay::start(None, settings, stand_in.ca_pem());
        for (path, author) in [
            (SENDER, SENDER),
            ("secret1@special.example", "secret1@special.example"),
            ("secret2@elsewhere.example", "secret3@elsewhere.example"),
        ] {
            let header = format!(
                "From: Secret Name <{author}>\r\nSender: secret4@mail1.tak1wa.com\r\nReply-To: secret5@a.example\r\n\
                 To: secret6@a.example, bob@example.com\r\nCc: secret7@a.example\r\nMessage-ID: <secret8@a.example>\r\n\
                 Resent-From: secret9@mail1.tak1wa.com\r\nResent-Date: Sat, 21 Nov 2026 22:00:00 +0000\r\n"
            );
            let message = format!("{header}\r\nHello Bob\r\n");
            send(relay.address(), path, &["bob@example.com"], message.as_bytes()).await;
        }
        let records = relay.records();
        relay.stop().await;
        assert_eq!(records.len(), 3);
        for record in &records {
            let text = record.to_string().to_lowercase();
            assert!(
                !text.contains("secret") && !text.contains("bob@") && text.contains("@a.example"),
                "{text}"
            );
            assert_eq!(record["addresses"], form);
            assert_eq!(record["recipients"][0], record["header_recipients"][1]);
            assert_eq!(record["from_display_name"].is_string(), form == "hashed");
        }
        assert!(records[1]["resources"][0]["resource"].as_str().unwrap().ends_with("@special.example"));
        assert!(records[2]["reply"].as_str().unwrap().contains("@elsewhere.example"));
    }
    stand_in.stop().await;
}
