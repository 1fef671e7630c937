//! What the relay counts: every metric is in the table of `config/METRICS.md`, with its type and labels.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use sesgate::app::App;
use sesgate::config::{self, Environment};
use sesgate::smtp::Limit;
use sesgate::telemetry::JsonLines;

const CONFIG: &str = r#"
[[listener]]
address = "127.0.0.1:0"
[admin]
address = "off"
[ses]
region = "us-east-1"
account_id = "123456789012"
identities = ["example.com"]
host = "127.0.0.1"
tls = "none"
"#;

#[tokio::test]
async fn the_table_names_every_metric_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sesgate.toml");
    let traces = if cfg!(feature = "otlp") { "[traces]\nendpoint = \"http://127.0.0.1:9\"\n" } else { "" };
    fs::write(&file, format!("{CONFIG}{traces}")).unwrap();
    fs::create_dir(folder.path().join("policy")).unwrap();
    fs::copy("config/policy/allow-sending.json", folder.path().join("policy/allow.json")).unwrap();
    let config = config::load(Some(&file), &Environment::default());
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    let app = App::start(&config, Arc::new(JsonLines::new(std::io::sink()))).unwrap();
    let row = |name: &str, kind: &str, labels: String| format!("`{name}` | {kind} | {labels}");
    let counted: Vec<String> = app
        .metrics()
        .descriptions()
        .iter()
        .map(|metric| {
            let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>();
            row(
                &metric.name,
                metric.kind,
                if labels.is_empty() { "none".to_owned() } else { labels.join(", ") },
            )
        })
        .collect();
    let table = fs::read_to_string("config/METRICS.md").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `sesgate_"));
    let rows: Vec<&str> =
        rows.filter(|row| cfg!(feature = "otlp") || !row.starts_with("traces_total`")).collect();
    for metric in &counted {
        let stated = rows.iter().any(|row| format!("`sesgate_{row}").starts_with(metric.as_str()));
        assert!(stated, "config/METRICS.md wants a row `| {metric} | what it says |`");
    }
    for row in &rows {
        let is_counted = counted.iter().any(|metric| format!("`sesgate_{row}").starts_with(metric.as_str()));
        assert!(is_counted, "config/METRICS.md describes what nobody counts: `sesgate_{row}");
    }
    let text = app.metrics().text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    app.stop().await;
}

/// What can be met can be set, and is met in a test.
#[test]
fn each_limit_is_a_setting_and_stands_in_the_list_of_those_that_are_met() {
    for file in ["config/README.md", "tests/README.md"] {
        let text = fs::read_to_string(file).unwrap();
        let missing: Vec<_> = Limit::ALL
            .map(Limit::setting)
            .into_iter()
            .filter(|setting| !text.contains(&format!("| `{setting}` |")))
            .collect();
        assert!(missing.is_empty(), "{file} wants a row for each of {missing:?}");
    }
}

/// Whoever is paged by a rule that can never fire was not paged.
#[test]
fn rules_and_dashboard_speak_of_metrics_that_there_are() {
    let table = fs::read_to_string("config/METRICS.md").unwrap();
    let described = |name: &str| table.contains(&format!("| `{name}` |"));
    for file in ["config/monitoring/alerts.yaml", "config/monitoring/grafana-dashboard.json"] {
        let text = fs::read_to_string(file).unwrap();
        let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let names: BTreeSet<&str> = words.filter(|word| word.starts_with("sesgate_")).collect();
        assert!(names.len() > 10, "{file} speaks of {names:?}");
        for name in names {
            let stem = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(described(name) || described(stem), "{file} speaks of `{name}`, which nobody counts");
        }
    }
}
