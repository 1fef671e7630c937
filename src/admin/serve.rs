//! The socket of the admin listener. Few ask at a time, and none for long.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::admin::guard::Settings;
use crate::admin::routes::routes;
use crate::admin::subject::Subject;

const CONNECTIONS_MAX: usize = 64;
const HEADER_TIME: Duration = Duration::from_secs(5);
/// For a whole connection; a browser opens another.
const CONNECTION_TIME: Duration = Duration::from_mins(1);
/// After a failure to accept, for want of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on its socket until it is told to stop.
#[derive(Debug)]
pub struct Admin {
    socket: TcpListener,
    routes: axum::Router,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the admin listener cannot listen on {address}: {source}; set `[admin] address` to another port, or to \"off\""
)]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl Admin {
    /// Must be called within the runtime.
    pub fn bind(settings: Settings, subject: Arc<dyn Subject>) -> Result<Self, BindError> {
        let address = settings.address();
        let bound = std::net::TcpListener::bind(address).and_then(|socket| {
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        });
        let socket = bound.map_err(|source| BindError { address, source })?;
        Ok(Self { socket, routes: routes(settings, subject) })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub async fn run(self, stopped: CancellationToken) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let answer = async {
            loop {
                // Closed never: whoever comes too early waits in the kernel's queue.
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                match self.socket.accept().await {
                    Ok((stream, _)) => {
                        let answered = answer(stream, self.routes.clone());
                        let answered = stopped.clone().run_until_cancelled_owned(answered);
                        tokio::spawn(async move {
                            answered.await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the admin listener cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        stopped.run_until_cancelled(answer).await;
    }
}

async fn answer(stream: TcpStream, routes: axum::Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // Whatever goes wrong here is the asker's loss alone.
    let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
}
