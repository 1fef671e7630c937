//! Builds a running relay from a checked configuration, and stops it; or one that only judges ([`Offline`]).

mod account;
mod candidate;
mod changes;
mod compose;
mod counted;
mod credentials;
mod desk;
mod offline;
mod past;
mod policies;
mod recorded;
mod reload;
mod running;
#[cfg(feature = "aws")]
mod secrets_manager;
mod told;
mod wiring;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
#[cfg(feature = "otlp")]
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Admin, Mails, Readiness, Subject};
use crate::app::credentials::{Logins, RenewedLogins};
use crate::app::desk::Desk;
use crate::app::reload::Generations;
use crate::app::running::Running;
#[cfg(feature = "aws")]
use crate::app::secrets_manager::PolledLogins;
use crate::config::{self, Config};
use crate::credentials::KeyringState;
#[cfg(feature = "aws")]
use crate::credentials::{Keyring, Login};
use crate::gate::{Enforcement, Gate, GateError};
use crate::policy::Document;
use crate::relay::Disagreement;
use crate::server::{BindError, Commons, Connections, Drain, Listener, TlsError};
use crate::telemetry::{AuditSink, Metrics, Recent};
#[cfg(feature = "otlp")]
use crate::traces::{self, Traces};
use crate::upstream::{EndpointState, OpenError, SetupError, Upstream};

pub use self::wiring::gate_settings;
pub use account::{AccountError, assumed_config};
pub use candidate::{CandidateError, CandidateState, LoadedCandidate, load_candidate};
pub use compose::{ComposeError, sender};
pub use offline::{Offline, OfflineMail, Trial, TrialEnding};
pub use past::{PastMail, RecallError};
pub use policies::{LoadedPolicies, PolicyProblem, load_policies, policy_errors, read_policies};
pub use recorded::Recorded;
pub use reload::{Following, Generation, LastReload, Reloader, Source};

/// For the last traces to be sent.
#[cfg(feature = "otlp")]
const LAST_TRACES_TIME: Duration = Duration::from_secs(2);

#[cfg(feature = "otlp")]
type TracedAudit = (Option<Arc<Traces>>, Arc<dyn AuditSink>);

/// A relay that takes mail until it is told to stop.
#[derive(Debug)]
pub struct App {
    addresses: Vec<SocketAddr>,
    config: Config,
    running: Arc<Running>,
    admin_address: Option<SocketAddr>,
    admin: CancellationToken,
    #[cfg(feature = "otlp")]
    traces: Option<Arc<Traces>>,
}

/// Why a relay cannot start although its configuration can be read.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("a policy is in error")]
    Policy(Vec<PolicyProblem>),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error("ses: the way to Amazon SES cannot be prepared")]
    Upstream(#[from] SetupError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("there is no listener")]
    NoListener,
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    BindAdmin(#[from] admin::BindError),
    #[error("a listener does not know its address")]
    Listen(#[from] io::Error),
    #[error("traces: the way to the collector cannot be prepared")]
    Traces(#[source] Box<dyn Error + Send + Sync>),
}

impl App {
    /// Must be called within the runtime. When it returns, every listener accepts connections.
    pub fn start(config: &Config, audit: Arc<dyn AuditSink>) -> Result<Self, StartError> {
        let logins: Vec<_> = Logins::all(&config.ses).map(RenewedLogins::new).map(Arc::new).collect();
        let keyrings: Vec<_> = logins.iter().map(|logins| logins.keyring()).collect();
        let upstream = wiring::upstream(config, &keyrings)?;
        let loaded = load_policies(config).map_err(StartError::Policy)?;
        policies::log_doubts(&loaded.problems);
        wiring::warn_of_certificates(config);
        let (gate, candidate) = candidate::gate(config);
        candidate.log();
        let terms = wiring::terms(config, loaded.documents.clone(), gate, None)?;
        let desk = Desk::new(config, &loaded)?;
        #[cfg(feature = "otlp")]
        let (traces, audit) = traced(config, audit)?;
        let recent = Arc::new(Recent::new(audit));
        let relay = Arc::new(wiring::relay(config, upstream, Arc::<Recent>::clone(&recent)));
        let drain = Drain::default();
        let commons = Arc::new(Commons::new(terms, Arc::clone(&relay), drain.clone()));
        let bind = |settings: &config::Listener| {
            Listener::bind(Arc::new(connections(settings, &commons)), settings.address)
        };
        let listeners = config.listeners.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let mut addresses = Vec::new();
        for listener in listeners {
            let address = listener.address()?;
            tracing::info!(listener = listener.name(), %address, "listening");
            addresses.push(address);
            drain.spawn(listener.run());
        }
        let generations = Arc::new(Generations::begin(candidate));
        let running = Arc::new(Running {
            metrics: counted::metrics(&relay, &commons, &logins, &generations),
            generations,
            relay,
            logins,
            commons,
            drain,
            recent,
            desk: ArcSwap::from_pointee(desk),
            mails: OnceLock::new(),
        });
        renew_logins(config, &running);
        let watched = Arc::clone(&running);
        running.drain.spawn(async move { watched.warn_of_shadow_mode().await });
        let admin = CancellationToken::new();
        let admin_address = match &config.admin {
            Some(settings) => Some(administer(settings, Arc::clone(&running), admin.clone())?),
            None => None,
        };
        Ok(Self {
            addresses,
            config: config.clone(),
            running,
            admin_address,
            admin,
            #[cfg(feature = "otlp")]
            traces,
        })
    }

    /// From now on the relay follows what its configuration says, whenever a file of it changes.
    pub fn follow(&self, following: Following) -> Arc<Reloader> {
        let reloader = Arc::new(Reloader::new(following, self.config.clone(), Arc::clone(&self.running)));
        self.running.drain.spawn(Arc::clone(&reloader).watch());
        reloader
    }

    /// Which configuration is in force, and what became of the last attempt to replace it.
    pub fn generation(&self) -> Generation {
        self.running.generations.current()
    }

    /// Whether what policy refuses is refused.
    pub fn enforcement(&self) -> Enforcement {
        self.running.enforcement()
    }

    /// The latest mails of which the candidate policies say otherwise, the latest first.
    pub fn disagreements(&self) -> Vec<Disagreement> {
        self.running.relay.disagreements.latest()
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where operators ask, if they may.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Has the page show the mails that a stand-in takes in place of SES.
    pub fn show(&self, mails: Arc<dyn Mails>) {
        // The first stays: there is one stand-in.
        let _ = self.running.mails.set(mails);
    }

    /// Where mail can go, the preferred endpoint first.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        self.running.relay.upstream.endpoints()
    }

    /// Whether mail should be sent here now, and what is doubtful.
    pub fn readiness(&self) -> Readiness {
        self.running.readiness()
    }

    /// What is counted, by name.
    pub fn metrics(&self) -> &Metrics {
        &self.running.metrics
    }

    /// The logins of the preferred endpoint, and which of them is in use. `None` where none is needed.
    pub fn logins(&self) -> Option<KeyringState> {
        self.running.logins.first()?.keyring().map(|keyring| keyring.state())
    }

    /// Whether SES would take mail now, by a login on a connection of its own.
    pub async fn probe_ses(&self) -> Result<(), Arc<OpenError>> {
        self.running.relay.upstream.probe().await
    }

    /// Asks SES, for as long as it would take no mail, until the relay is told to stop.
    pub async fn keep_proven(&self) {
        self.running.keep_proven().await;
    }

    /// Takes no more connections, finishes what is in hand, and takes leave of SES.
    pub async fn stop(self) {
        self.running.drain.run(self.running.commons.terms().drain()).await;
        self.running.relay.upstream.close().await;
        #[cfg(feature = "otlp")]
        if let Some(traces) = &self.traces {
            traces.close(LAST_TRACES_TIME).await;
        }
        // To the last, whoever asks hears that it stops.
        self.admin.cancel();
    }
}

/// Keeps the logins as whoever holds them has them.
#[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "only Secrets Manager is asked by it"))]
fn renew_logins(config: &Config, running: &Running) {
    let Running { logins, relay, drain, .. } = running;
    #[cfg(feature = "aws")]
    for (renewed, logins) in logins.iter().zip(Logins::all(&config.ses)) {
        if let Some(keyring) = renewed.keyring()
            && let Some(polled) = PolledLogins::new(&config.ses, logins, keyring)
        {
            drain.spawn(polled.run(Arc::clone(relay), drain.clone()));
        }
    }
    for logins in logins {
        drain.spawn(Arc::clone(logins).run(Arc::clone(relay), drain.clone()));
    }
}

/// Opens the admin listener. It answers until it is told that the relay has ended.
fn administer(
    settings: &admin::Settings,
    running: Arc<Running>,
    ended: CancellationToken,
) -> Result<SocketAddr, StartError> {
    let admin = Admin::bind(settings.clone(), running)?;
    let address = admin.address()?;
    tracing::info!(%address, "the admin listener listens");
    tokio::spawn(admin.run(ended));
    Ok(address)
}

/// The traces, if any are wanted, and where records go then.
#[cfg(feature = "otlp")]
fn traced(config: &Config, audit: Arc<dyn AuditSink>) -> Result<TracedAudit, StartError> {
    let Some(settings) = wiring::traces(config) else { return Ok((None, audit)) };
    let traces = Traces::start(&settings, audit).map_err(|error| StartError::Traces(error.into()));
    let traces = Arc::new(traces?);
    Ok((Some(Arc::clone(&traces)), traces))
}

/// All that can fail before a socket is opened, and nothing more.
pub fn rehearse(config: &Config, documents: Vec<Arc<Document>>) -> Result<(), StartError> {
    wiring::upstream(config, &[])?;
    #[cfg(feature = "otlp")]
    if let Some(settings) = wiring::traces(config) {
        traces::exporter(&settings).map_err(|error| StartError::Traces(error.into()))?;
    }
    Gate::new(gate_settings(config), documents)?;
    Ok(())
}

/// Whether SES takes a login, on a connection of its own. Why not is said in words.
#[cfg(feature = "aws")]
pub async fn prove_login(config: &Config, login: &Login) -> Result<(), String> {
    let keyring = Some(Keyring::of(login.clone()));
    let upstream = Upstream::over_tcp(wiring::upstream_settings(config), keyring);
    let upstream = upstream.map_err(|error| error.to_string())?;
    let proven = upstream.probe().await.map_err(|cause| cause.causes());
    upstream.close().await;
    proven
}

fn connections(listener: &config::Listener, commons: &Arc<Commons>) -> Connections {
    Connections::new(listener.name.as_str().into(), Arc::clone(commons))
}

/// The parts of [`App`] without sockets, for tests that bring streams of their own to the first listener.
pub fn build(
    config: &Config,
    documents: Vec<Arc<Document>>,
    upstream: Upstream,
    audit: Arc<dyn AuditSink>,
) -> Result<(Arc<Connections>, Drain), StartError> {
    let relay = Arc::new(wiring::relay(config, upstream, audit));
    let drain = Drain::default();
    let commons = Arc::new(Commons::new(
        wiring::terms(config, documents, candidate::gate(config).0, None)?,
        relay,
        drain.clone(),
    ));
    let listener = config.listeners.first().ok_or(StartError::NoListener)?;
    Ok((Arc::new(connections(listener, &commons)), drain))
}
