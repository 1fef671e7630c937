//! Keeps the certificates of a listener as new as their files: certificates are renewed every few weeks, and no
//! connection has to end for that.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{CertificateFiles, ConfigError, Listener};
use crate::server::{Certificates, Drain, ServerCertificate};

/// How often the files are read. Orchestrators replace mounted files by ways that no watcher is told of, and few
/// small files are quickly read.
const INTERVAL: Duration = Duration::from_mins(1);

/// The certificates of one listener, and the files that they come from.
#[derive(Debug)]
pub(super) struct RenewedCertificates {
    listener: String,
    files: Vec<CertificateFiles>,
    served: Arc<Certificates>,
}

impl RenewedCertificates {
    pub(super) fn new(listener: &Listener) -> Self {
        let files = listener.certificates.clone();
        let served = Arc::new(Certificates::new(loaded(&files)));
        warn_of_invalid(&files);
        Self { listener: listener.name.clone(), files, served }
    }

    pub(super) fn served(&self) -> &Arc<Certificates> {
        &self.served
    }

    /// Reads the files again and again until the drain begins. What cannot be used replaces nothing.
    pub(super) async fn run(mut self, drain: Drain) {
        while !self.files.is_empty() {
            tokio::select! {
                () = drain.begun() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            match self.read_again().await {
                Ok(files) if self.served.replace(loaded(&files)) => {
                    tracing::info!(listener = self.listener, "the certificates are new");
                    warn_of_invalid(&files);
                    self.files = files;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(
                    listener = self.listener,
                    error = with_cause(&error),
                    "the certificates cannot be read again; the old ones stay"
                ),
            }
        }
    }

    async fn read_again(&self) -> Result<Vec<CertificateFiles>, ConfigError> {
        let files = self.files.clone();
        let reading = tokio::task::spawn_blocking(move || {
            files.into_iter().map(|files| CertificateFiles::load(files.certificate, files.key)).collect()
        });
        // A runtime that stops does not start the reading; what there was stays.
        reading.await.unwrap_or_else(|_| Ok(self.files.clone()))
    }
}

fn loaded(files: &[CertificateFiles]) -> Vec<ServerCertificate> {
    files.iter().map(|files| files.loaded.clone()).collect()
}

/// The relay works with such a certificate, but clients that verify it will not come.
fn warn_of_invalid(files: &[CertificateFiles]) {
    let now = SystemTime::now();
    for files in files {
        if let Err(reason) = files.loaded.check_validity(now) {
            let file = files.certificate.display();
            tracing::warn!(%file, %reason, "clients will not believe a certificate");
        }
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_cause(cause)),
        None => error.to_string(),
    }
}
