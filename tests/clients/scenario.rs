//! Tries every client that is installed in one scenario, and says of all of them how it went before it fails.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::client::{Client, installed};

/// `check` returns what is worth a note in the table, which goes to the file that `CLIENTS_TABLE` names.
pub async fn with_each<F>(scenario: &str, takes_part: fn(&Client) -> bool, check: fn(&'static Client) -> F)
where
    F: Future<Output = String> + Send + 'static,
{
    let mut failed = Vec::new();
    for client in installed().filter(|client| takes_part(client)) {
        // A task of its own, so that one that fails does not keep the others from being tried.
        let (verdict, note) = match tokio::spawn(check(client)).await {
            Ok(note) => ("ok", note),
            Err(error) => {
                failed.push(client.name());
                ("FAILED", error.to_string())
            }
        };
        if let Some(file) = std::env::var_os("CLIENTS_TABLE") {
            let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
            let note = note.split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(file, "{}\t{scenario}\t{verdict}\t{note}", client.name()).unwrap();
        }
    }
    assert!(failed.is_empty(), "{scenario}: {failed:?}, as told above");
}
