//! Keeps what a listener shows and trusts in a handshake as new as its files: certificates are renewed every few
//! weeks, and no connection has to end for that.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{CertificateFiles, ClientAuthoritiesFile, ConfigError, Listener};
use crate::server::{Certificates, ClientAuthorities, Drain, Handshake, ServerCertificate};

/// How often the files are read. Orchestrators replace mounted files by ways that no watcher is told of, and few
/// small files are quickly read.
const INTERVAL: Duration = Duration::from_mins(1);

/// What one listener shows and trusts, and the files that it comes from.
#[derive(Debug)]
pub(super) struct RenewedCertificates {
    listener: String,
    files: Vec<CertificateFiles>,
    served: Arc<Certificates>,
    trusted: Option<(ClientAuthoritiesFile, Arc<ClientAuthorities>)>,
}

impl RenewedCertificates {
    pub(super) fn new(listener: &Listener) -> Self {
        let files = listener.certificates.clone();
        let served = Arc::new(Certificates::new(loaded(&files)));
        warn_of_invalid(&files);
        let trusted = listener.client_authorities.clone().map(|file| {
            let authorities = ClientAuthorities::new(file.showing, file.loaded.clone());
            (file, Arc::new(authorities))
        });
        Self { listener: listener.name.clone(), files, served, trusted }
    }

    pub(super) fn handshake(&self) -> Handshake {
        let clients = self.trusted.as_ref().map(|(_, authorities)| Arc::clone(authorities));
        Handshake { certificates: Arc::clone(&self.served), clients }
    }

    /// Reads the files again and again until the drain begins. What cannot be used replaces nothing.
    pub(super) async fn run(mut self, drain: Drain) {
        while !self.files.is_empty() {
            tokio::select! {
                () = drain.begun() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            self.renew_certificates().await;
            self.renew_authorities().await;
        }
    }

    async fn renew_certificates(&mut self) {
        let files = self.files.clone();
        let read = off_the_event_loop(move || {
            files.into_iter().map(|files| CertificateFiles::load(files.certificate, files.key)).collect()
        });
        match read.await {
            Some(Ok::<Vec<_>, ConfigError>(files)) if self.served.replace(loaded(&files)) => {
                tracing::info!(listener = self.listener, "the certificates are new");
                warn_of_invalid(&files);
                self.files = files;
            }
            Some(Ok(_)) | None => {}
            Some(Err(error)) => tracing::error!(
                listener = self.listener,
                error = with_cause(&error),
                "the certificates cannot be read again; the old ones stay"
            ),
        }
    }

    async fn renew_authorities(&self) {
        let Some((file, authorities)) = &self.trusted else { return };
        let (path, showing) = (file.path.clone(), file.showing);
        match off_the_event_loop(move || ClientAuthoritiesFile::load(path, showing)).await {
            Some(Ok(file)) if authorities.replace(file.loaded.clone()) => {
                tracing::info!(listener = self.listener, "the authorities for clients are new");
            }
            Some(Ok(_)) | None => {}
            Some(Err(error)) => tracing::error!(
                listener = self.listener,
                error = with_cause(&error),
                "the authorities for clients cannot be read again; the old ones stay"
            ),
        }
    }
}

/// `None` from a runtime that stops.
async fn off_the_event_loop<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(read).await.ok()
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
