//! The stand-in as its owner holds it: started, steered, asked and stopped.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::sandbox::authority::{Authority, AuthorityError};
use crate::sandbox::control::Control;
use crate::sandbox::doors::{Doors, ListenError, Listeners};
use crate::sandbox::faults::{Faults, Step};
use crate::sandbox::mailbox::Mailbox;
use crate::sandbox::random;
use crate::sandbox::service::Service;
use crate::sandbox::settings::{Endpoints, Login, Sending, Settings};
use crate::secret::Secret;

/// A stand-in for the SES SMTP endpoint that is running. Dropped, it ends at once.
#[derive(Debug)]
pub struct StandIn {
    ca_pem: String,
    login: Login,
    doors: Arc<Doors>,
    control: Option<Control>,
}

/// Why the stand-in does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("no login could be made up")]
    Random(#[source] io::Error),
}

impl StandIn {
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let listeners = Listeners::bind(settings.endpoints).await?;
        let Authority { ca_pem, tls } = Authority::new(&settings)?;
        let login = match settings.login.clone() {
            Some(login) => login,
            None => new_login().map_err(StartError::Random)?,
        };
        let control = settings.control;
        let service = Arc::new(Service::new(settings, login.clone(), tls));
        let doors = Arc::new(Doors::open(service, listeners));
        let control = match control {
            Some(address) => Some(Control::start(address, Arc::clone(&doors)).await?),
            None => None,
        };
        Ok(Self { ca_pem, login, doors, control })
    }

    /// Where it listens, with the ports that it was given.
    pub fn endpoints(&self) -> Endpoints {
        self.doors.endpoints()
    }

    /// Where it can be steered and asked over HTTP, with the port that it was given.
    pub fn control(&self) -> Option<SocketAddr> {
        self.control.as_ref().map(Control::address)
    }

    /// The certificate of its authority, for a client that is to trust it.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The login of the start.
    pub fn login(&self) -> &Login {
        &self.login
    }

    pub fn mailbox(&self) -> &Mailbox {
        &self.service().mailbox
    }

    /// The script of what goes wrong: empty at first.
    pub fn faults(&self) -> &Faults {
        &self.service().faults
    }

    /// How often clients came to this step since the start, whatever became of it.
    pub fn times_reached(&self, step: Step) -> u64 {
        self.service().tally.of(step)
    }

    /// What it has said that was negative since the start, and how often.
    pub fn answers(&self) -> BTreeMap<String, u64> {
        self.service().tally.answers()
    }

    /// Changes how it behaves from now on.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        self.service().change_settings(change);
    }

    /// Suspends the account, or lets it send again.
    pub fn set_sending(&self, sending: Sending) {
        self.change_settings(|settings| settings.sending = sending);
    }

    /// One more login is good, after [`Settings::new_login_delay`]. One of the same user name is replaced.
    pub fn add_login(&self, login: Login) {
        self.service().add_login(login);
    }

    /// Takes no login of that user name any more. Sessions that are logged in stay so.
    pub fn remove_login(&self, user_name: &str) {
        self.service().logins.remove(user_name);
    }

    /// Ends all connections with RST, wherever they stand.
    pub fn drop_connections(&self) {
        self.service().drop_connections();
    }

    /// Says goodbye as `stop` does, is away for a while so that connections are refused, and is back.
    pub async fn restart(&self, away: Duration) -> Result<(), ListenError> {
        self.doors.restart(away).await
    }

    /// Takes no further connections and commands, lets mails in transfer end, and returns when all is closed.
    pub async fn stop(self) {
        drop(self.control);
        self.doors.close().await;
    }

    fn service(&self) -> &Service {
        self.doors.service()
    }
}

/// It looks like what AWS hands out.
fn new_login() -> io::Result<Login> {
    let user_name = format!("AKIA{}", random::text::<16>(random::CAPITALS_AND_DIGITS)?);
    let password = format!("B{}", random::text::<43>(random::LETTERS_AND_DIGITS)?);
    Ok(Login { user_name, password: Secret::new(password) })
}
