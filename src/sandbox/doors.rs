//! The listeners and the connections behind them: opened, closed, and opened again where they were.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::sandbox::service::Service;
use crate::sandbox::session::{Admission, Entrance, Session};
use crate::sandbox::settings::Endpoints;

/// Clients that are told that there are too many; those beyond are closed on without a word.
const REFUSED_CONNECTIONS_MAX: usize = 64;
/// Accepting fails for want of file descriptors, and then fails again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a mail in transfer may still take when the doors close.
const DRAIN: Duration = Duration::from_secs(5);

/// Why a port cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("the stand-in listens on loopback only, and `{0}` is not")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on `{address}`")]
    Bind { address: SocketAddr, source: io::Error },
}

/// A socket for each way in.
#[derive(Debug)]
pub struct Listeners([(Entrance, TcpListener, SocketAddr); 3]);

/// Lets clients in, as long as it is open and there are places.
#[derive(Debug)]
pub struct Doors {
    service: Arc<Service>,
    endpoints: Endpoints,
    opened: Mutex<Option<Opened>>,
}

/// Until the next closing. Dropped, it all ends at once.
#[derive(Debug)]
struct Opened {
    tasks: TaskTracker,
    /// Cancelled when no further connections and commands are taken.
    stop: CancellationToken,
    /// Cancelled when nothing may go on.
    cut: CancellationToken,
    _cut_when_dropped: DropGuard,
}

impl Listeners {
    pub async fn bind(endpoints: Endpoints) -> Result<Self, ListenError> {
        let Endpoints { implicit_tls, starttls, plain } = endpoints;
        Ok(Self([
            listen(Entrance::ImplicitTls, implicit_tls).await?,
            listen(Entrance::StartTls, starttls).await?,
            listen(Entrance::Plain, plain).await?,
        ]))
    }

    /// With the ports that were given.
    fn endpoints(&self) -> Endpoints {
        let [implicit_tls, starttls, plain] = self.0.each_ref().map(|(_, _, address)| *address);
        Endpoints { implicit_tls, starttls, plain }
    }
}

async fn listen(
    entrance: Entrance,
    address: SocketAddr,
) -> Result<(Entrance, TcpListener, SocketAddr), ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    let failed = |source| ListenError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((entrance, listener, address))
}

impl Doors {
    pub fn open(service: Arc<Service>, listeners: Listeners) -> Self {
        let endpoints = listeners.endpoints();
        let opened = Mutex::new(Some(Opened::new(&service, listeners)));
        Self { service, endpoints, opened }
    }

    pub fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Takes no further connections and commands, lets mails in transfer end, and returns when all is closed.
    pub async fn close(&self) {
        if let Some(opened) = self.opened.lock().await.take() {
            opened.close().await;
        }
    }

    /// Closes, is away for a while so that connections are refused, and opens again at the same addresses. What
    /// was accepted and sent is remembered.
    pub async fn restart(&self, away: Duration) -> Result<(), ListenError> {
        let mut opened = self.opened.lock().await;
        if let Some(opened) = opened.take() {
            opened.close().await;
        }
        sleep(away).await;
        let listeners = Listeners::bind(self.endpoints).await?;
        *opened = Some(Opened::new(&self.service, listeners));
        Ok(())
    }
}

impl Opened {
    fn new(service: &Arc<Service>, listeners: Listeners) -> Self {
        let cut = CancellationToken::new();
        let (tasks, stop) = (TaskTracker::new(), cut.child_token());
        let door = Door {
            service: Arc::clone(service),
            tasks: tasks.clone(),
            stop: stop.clone(),
            cut: cut.clone(),
            admitted: Arc::default(),
            refused: Arc::default(),
        };
        for (entrance, listener, _) in listeners.0 {
            tasks.spawn(door.clone().admit_clients(listener, entrance));
        }
        Self { tasks, stop, _cut_when_dropped: cut.clone().drop_guard(), cut }
    }

    async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        if timeout(DRAIN, self.tasks.wait()).await.is_err() {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Held while a client is attended to.
struct Place {
    admission: Admission,
    occupied: Arc<AtomicUsize>,
}

impl Place {
    fn take(admission: Admission, occupied: &Arc<AtomicUsize>, places: usize) -> Option<Self> {
        let one_more = |count: usize| (count < places).then(|| count.saturating_add(1));
        occupied.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self { admission, occupied: Arc::clone(occupied) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.occupied.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct Door {
    service: Arc<Service>,
    tasks: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
    admitted: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Door {
    async fn admit_clients(self, listener: TcpListener, entrance: Entrance) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match (accepted, self.place()) {
                (Ok((tcp, _)), Some(place)) => {
                    self.tasks.spawn(self.clone().attend(tcp, entrance, place));
                }
                (Ok(_), None) => {}
                (Err(error), _) => {
                    debug!(%error, "accepting a connection failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn place(&self) -> Option<Place> {
        let places = self.service.settings().connections_max;
        Place::take(Admission::Admitted, &self.admitted, places)
            .or_else(|| Place::take(Admission::Refused, &self.refused, REFUSED_CONNECTIONS_MAX))
    }

    async fn attend(self, tcp: TcpStream, entrance: Entrance, place: Place) {
        let attend = async {
            let session = Session::new(&self.service, self.stop.clone())?;
            session.attend(tcp, entrance, place.admission).await
        };
        let attended = tokio::select! {
            biased;
            () = self.cut.cancelled() => Ok(()),
            attended = attend => attended,
        };
        if let Err(error) = attended {
            debug!(%error, "a connection ended early");
        }
    }
}
