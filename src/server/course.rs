//! What happened on one connection, for the log: one event when it is over. What was in it is not told here; each
//! mail has its audit record.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::server::wire::Wire;
use crate::smtp::{LoginOutcome, Reply, Standing, Welcome};

#[derive(Debug)]
pub(super) struct Course {
    begun: Instant,
    /// Who the client is known to be, last by its login.
    app: Option<Arc<str>>,
    mails_begun: u32,
    mails_sent: u32,
    mails_refused: u32,
}

impl Course {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), app: None, mails_begun: 0, mails_sent: 0, mails_refused: 0 }
    }

    pub(super) fn welcomed(&mut self, welcome: &Welcome) {
        if let Standing::Known(app) = &welcome.standing {
            self.app = Some(Arc::clone(&app.name));
        }
    }

    pub(super) fn logged_in(&mut self, outcome: &LoginOutcome) {
        if let LoginOutcome::Proven { app } = outcome {
            self.app = Some(Arc::clone(app));
        }
    }

    /// Whether it is the first.
    pub(super) fn begins_a_mail(&mut self) -> bool {
        self.mails_begun = self.mails_begun.saturating_add(1);
        self.mails_begun == 1
    }

    pub(super) fn settled(&mut self, reply: &Reply) {
        let mails = if reply.code() == 250 { &mut self.mails_sent } else { &mut self.mails_refused };
        *mails = mails.saturating_add(1);
    }

    /// `ended` says how.
    pub(super) fn tell<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        client: SocketAddr,
        listener: &str,
        wire: &Wire<S>,
        ended: &str,
    ) {
        let Self { begun, app, mails_sent, mails_refused, .. } = self;
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (app, tls) = (app.as_deref(), wire.tls_version());
        let (octets_in, octets_out) = (wire.octets_received(), wire.octets_sent());
        if octets_in == 0 {
            // Somebody looked whether the port is open, and will again in some seconds.
            tracing::debug!(%client, listener, ended, "the connection ended");
        } else {
            tracing::info!(
                %client, listener, tls, app, mails_sent, mails_refused, octets_in, octets_out, milliseconds, ended,
                "the connection ended"
            );
        }
    }
}
