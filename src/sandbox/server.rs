//! Starts the stand-in, lets clients in, and stops it: sockets, places and tasks.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::sandbox::authority::{Authority, AuthorityError};
use crate::sandbox::checks::Account;
use crate::sandbox::faults::{Faults, Step};
use crate::sandbox::mailbox::Mailbox;
use crate::sandbox::random;
use crate::sandbox::session::{Admission, Entrance, Service};
use crate::sandbox::settings::{Endpoints, Login, Sending, Settings};
use crate::sandbox::tally::Tally;
use crate::secret::Secret;

/// Clients that are told that there are too many; those beyond are closed on without a word.
const REFUSED_CONNECTIONS_MAX: usize = 64;
/// Accepting fails for want of file descriptors, and then fails again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a mail in transfer may still take when the stand-in stops.
const DRAIN: Duration = Duration::from_secs(5);

/// A stand-in for the SES SMTP endpoint that is running. Dropped, it ends at once.
#[derive(Debug)]
pub struct StandIn {
    endpoints: Endpoints,
    ca_pem: String,
    service: Arc<Service>,
    tasks: TaskTracker,
    cut: CancellationToken,
    _cut_when_dropped: DropGuard,
}

/// Why the stand-in does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the stand-in listens on loopback only, and `{0}` is not")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on `{address}`")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("no login could be made up")]
    Random(#[source] io::Error),
}

impl StandIn {
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let Endpoints { implicit_tls, starttls, plain } = settings.endpoints;
        let listeners = [
            (Entrance::ImplicitTls, listen(implicit_tls).await?),
            (Entrance::StartTls, listen(starttls).await?),
            (Entrance::Plain, listen(plain).await?),
        ];
        let [implicit_tls, starttls, plain] = listeners.each_ref().map(|(_, (_, address))| *address);
        let authority = Authority::new(&settings)?;
        let login = match settings.login.clone() {
            Some(login) => login,
            None => new_login().map_err(StartError::Random)?,
        };
        let settings = Arc::new(settings);
        let cut = CancellationToken::new();
        let service = Arc::new(Service {
            login: Arc::new(login),
            account: Mutex::new(Account::new(Arc::clone(&settings), Instant::now().into_std())),
            mailbox: Mailbox::new(settings.stored_mails_max, settings.stored_octets_max),
            faults: Faults::default(),
            tally: Tally::default(),
            tls: authority.tls,
            stop: cut.child_token(),
            settings,
        });
        let door = Door::new(Arc::clone(&service), cut.clone());
        for (entrance, (listener, _)) in listeners {
            door.tasks.spawn(door.clone().admit_clients(listener, entrance));
        }
        Ok(Self {
            endpoints: Endpoints { implicit_tls, starttls, plain },
            ca_pem: authority.ca_pem,
            service,
            tasks: door.tasks,
            _cut_when_dropped: cut.clone().drop_guard(),
            cut,
        })
    }

    /// Where it listens, with the ports that it was given.
    pub fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    /// The certificate of its authority, for a client that is to trust it.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub fn login(&self) -> &Login {
        &self.service.login
    }

    pub fn mailbox(&self) -> &Mailbox {
        &self.service.mailbox
    }

    /// The script of what goes wrong: empty at first.
    pub fn faults(&self) -> &Faults {
        &self.service.faults
    }

    /// How often clients came to this step since the start, whatever became of it.
    pub fn times_reached(&self, step: Step) -> u64 {
        self.service.tally.of(step)
    }

    /// Suspends the account, or lets it send again.
    pub fn set_sending(&self, sending: Sending) {
        self.service.account().set_sending(sending);
    }

    /// Takes no further connections and commands, lets mails in transfer end, and returns when all is closed.
    pub async fn stop(self) {
        self.service.stop.cancel();
        self.tasks.close();
        if timeout(DRAIN, self.tasks.wait()).await.is_err() {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// It looks like what AWS hands out.
fn new_login() -> io::Result<Login> {
    let user_name = format!("AKIA{}", random::text::<16>(random::CAPITALS_AND_DIGITS)?);
    let password = format!("B{}", random::text::<43>(random::LETTERS_AND_DIGITS)?);
    Ok(Login { user_name, password: Secret::new(password) })
}

/// Held while a client is attended to.
struct Place {
    admission: Admission,
    _permit: OwnedSemaphorePermit,
}

/// Lets clients in as long as there are places.
#[derive(Clone)]
struct Door {
    service: Arc<Service>,
    tasks: TaskTracker,
    cut: CancellationToken,
    places: Arc<Semaphore>,
    places_for_refused: Arc<Semaphore>,
}

impl Door {
    fn new(service: Arc<Service>, cut: CancellationToken) -> Self {
        let connections_max = service.settings.connections_max.min(Semaphore::MAX_PERMITS);
        Self {
            service,
            tasks: TaskTracker::new(),
            cut,
            places: Arc::new(Semaphore::new(connections_max)),
            places_for_refused: Arc::new(Semaphore::new(REFUSED_CONNECTIONS_MAX)),
        }
    }

    async fn admit_clients(self, listener: TcpListener, entrance: Entrance) {
        loop {
            let accepted = tokio::select! {
                () = self.service.stop.cancelled() => return,
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
        let free = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        free(&self.places).map(|permit| Place { admission: Admission::Admitted, _permit: permit }).or_else(
            || {
                free(&self.places_for_refused)
                    .map(|permit| Place { admission: Admission::Refused, _permit: permit })
            },
        )
    }

    async fn attend(self, tcp: TcpStream, entrance: Entrance, place: Place) {
        let attended = tokio::select! {
            biased;
            () = self.cut.cancelled() => Ok(()),
            attended = self.service.attend(tcp, entrance, place.admission) => attended,
        };
        if let Err(error) = attended {
            debug!(%error, "a connection ended early");
        }
    }
}
