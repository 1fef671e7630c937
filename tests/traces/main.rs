#![cfg(test)]
#![cfg(feature = "otlp")]
//! The traces of mails: what a collector of OpenTelemetry is sent by the program as it ships.

mod collector;
#[path = "../clients/dialogue.rs"]
mod dialogue;
#[path = "../program/variables.rs"]
mod variables;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use collector::{Collector, Span};
use dialogue::send_hello;
use serde_json::Value;
use sesgate::sandbox::{Settings, StandIn};
use sesgate::telemetry::{AuditSink, JsonLines, Metrics};
use sesgate::traces::{TraceSettings, Traces};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use variables::{REGION, variables};

const PATIENCE: Duration = Duration::from_mins(1);

/// A mail that SES takes, one that it does not, one that policy refuses, and one of which nothing can be read.
const SENDERS: [&str; 4] = ["app@mail1.tak1wa.com", "app@mail1.tak1wa.com", "ceo@mail1.tak1wa.com", ""];

/// `sesgate serve`, from its first mail to its end. What it recorded of the mails.
async fn records_of(mails: &[&str], endpoint: &str, more: &[(&str, &str)]) -> Vec<Value> {
    let identities = vec!["mail1.tak1wa.com".to_owned()];
    let settings = Settings { region: REGION.to_owned(), identities, ..Settings::default() };
    let (ses, ca_file) = (StandIn::start(settings).await.unwrap(), NamedTempFile::new().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesgate"));
    command.arg("serve").env_clear().envs(variables(&ses, &ca_file)).envs(more.iter().copied());
    command.env("SESGATE_LISTENER_ADDRESS", "127.0.0.1:0").env("SESGATE_ADMIN_ADDRESS", "off");
    command.env("SESGATE_TRACES_ENDPOINT", endpoint);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut relay = command.spawn().unwrap();
    let address = listening(&mut relay).await;
    for (number, sender) in mails.iter().enumerate() {
        if number == 1 {
            ses.faults().add("end-of-data=554 Transaction failed: too late".parse().unwrap());
        }
        send_hello(address, sender).await;
    }
    let id = relay.id().unwrap().to_string();
    let told = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]).status().await;
    assert!(told.unwrap().success());
    let ended = timeout(PATIENCE, relay.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let lines = ended.stdout.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

async fn listening(relay: &mut Child) -> SocketAddr {
    let mut log = BufReader::new(relay.stderr.take().unwrap()).lines();
    while let Some(line) = timeout(PATIENCE, log.next_line()).await.unwrap().unwrap() {
        let told: Value = serde_json::from_str(&line).unwrap();
        if told["message"] == "listening" {
            // Whoever does not read on would end the relay with its first line.
            tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
            return told["address"].as_str().unwrap().parse().unwrap();
        }
    }
    panic!("it ended before it listened");
}

/// The trace of the mail that a record is about, the whole of it first.
fn trace_of<'a>(record: &Value, spans: &'a [Span]) -> Vec<&'a Span> {
    let is_of = |span: &&Span| span.attributes.get("sesgate.decision_id") == Some(&record["decision_id"]);
    let whole: Vec<_> = spans.iter().filter(is_of).collect();
    assert_eq!(whole.len(), 1, "{record}");
    let steps = spans.iter().filter(|span| span.parent == whole[0].id && span.trace == whole[0].trace);
    whole.iter().copied().chain(steps).collect()
}

#[tokio::test]
async fn a_mail_is_one_trace_whose_steps_add_up_and_which_says_what_its_record_says() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    let more =
        [("OTEL_SERVICE_NAME", "relay-of-ours"), ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")];
    let records = records_of(&SENDERS, &endpoint, &more).await;
    let taken = collector.take();
    assert!(taken.heads[0].starts_with("post /v1/traces http/1.1\r\n"), "{:?}", taken.heads);
    assert!(taken.heads[0].contains("\r\nauthorization: bearer x\r\n"), "{:?}", taken.heads);
    assert_eq!(records.len(), SENDERS.len());

    let mut names = Vec::new();
    for record in &records {
        let spans = trace_of(record, &taken.spans);
        let (mail, steps) = spans.split_first().unwrap();
        assert_eq!(mail.resource["service.name"], "relay-of-ours");
        let mut at = mail.begun;
        for step in steps {
            assert_eq!(step.begun, at, "{step:?}");
            at = step.ended;
        }
        // Where nothing is delivered, what is left is the time that the refusal took.
        let words = spans.iter().map(|span| (span.name.as_str(), span.is_error)).collect::<Vec<_>>();
        assert!(at == mail.ended || words.len() == 3, "{spans:?}");
        let whole = record["steps"].as_object().unwrap().values().map(|step| step.as_u64().unwrap());
        assert_eq!((mail.ended - mail.begun) / 1000, whole.sum::<u64>());
        for (name, value) in spans.iter().flat_map(|span| &span.attributes) {
            match name.strip_prefix("sesgate.").unwrap() {
                "recipients" => assert_eq!(*value, record["recipients"].as_array().unwrap().len()),
                "statement" => assert_eq!(*value, record["resources"][0]["statement"]),
                field => assert_eq!(*value, record[field], "{field}"),
            }
        }
        names.push(words);
    }
    let (refused, delivered) = (("deliver", true), ("deliver", false));
    let begun = [("mail", false), ("inspect", false), ("judge", false)];
    let with = |last| [&begun[..], &[last]].concat();
    assert_eq!(names, [with(delivered), with(refused), begun.to_vec(), begun.to_vec()]);
    assert_eq!(taken.spans.len(), 14);
}

#[tokio::test]
async fn a_trace_shows_no_more_of_an_address_than_the_log_may() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    for (addresses, key) in [("hashed", Some("0123456789abcdef")), ("domain", None)] {
        let key = key.map(|key| ("SESGATE_LOG_HASH_KEY", key));
        let more: Vec<_> = [("SESGATE_LOG_ADDRESSES", addresses)].into_iter().chain(key).collect();
        records_of(&SENDERS, &endpoint, &more).await;
        let said = format!("{:?}", collector.take().spans);
        assert!(said.contains("@mail1.tak1wa.com"), "{said}");
        for local_part in ["app@", "ceo@", "bob@"] {
            assert!(!said.contains(local_part), "{addresses}: {local_part} in {said}");
        }
    }
}

#[tokio::test]
async fn only_the_share_that_is_wanted_is_sent() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}/", collector.address);
    let records = records_of(&["ceo@mail1.tak1wa.com"; 3], &endpoint, &[("SESGATE_TRACES_RATIO", "0")]).await;
    assert_eq!((records.len(), collector.take().spans.len()), (3, 0));
}

#[tokio::test]
async fn a_collector_that_is_not_there_keeps_no_mail_waiting() {
    // Nobody listens there.
    let endpoint = format!(
        "http://{}",
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    );
    let records = records_of(&["app@mail1.tak1wa.com"], &endpoint, &[]).await;
    assert_eq!(records[0]["outcome"], "accepted");
}

#[tokio::test]
async fn what_comes_faster_than_it_is_taken_is_dropped_and_counted() {
    let collector = Collector::start().await;
    let settings = TraceSettings { endpoint: format!("http://{}", collector.address), ratio: 1.0 };
    let traces = Traces::start(&settings, Arc::new(JsonLines::new(std::io::sink()))).unwrap();
    let nowhere = [("SESGATE_TRACES_RATIO", "0")];
    let record = records_of(&[SENDERS[0]], &settings.endpoint, &nowhere).await.remove(0);
    let record = serde_json::from_value(record).unwrap();
    // Nothing else runs meanwhile, so that nobody empties the queue.
    for _ in 0..3000 {
        traces.record(&record, &record.line());
    }
    traces.close(PATIENCE).await;
    let mut metrics = Metrics::default();
    traces.register(&mut metrics);
    let text = metrics.text();
    for line in [
        r#"sesgate_traces_total{outcome="sent"} 2048"#,
        r#"sesgate_traces_total{outcome="dropped"} 952"#,
        r#"sesgate_traces_total{outcome="failed"} 0"#,
    ] {
        assert!(text.lines().any(|said| said == line), "`{line}` is not in\n{text}");
    }
    assert_eq!(collector.take().spans.len(), 2048 * 4);
}
