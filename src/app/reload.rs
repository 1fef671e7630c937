//! Keeps a running relay as its configuration says, whenever a file of it changes or somebody asks.
//!
//! All or nothing: everything is read, checked, linted and built aside, and then put in force as one value. What is
//! in error is told, and what was in force stays. What cannot change while the relay runs is named and waits for a
//! restart; the rest of a change does not wait for that, as whoever stops a leak at night has no use for a restart.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::app::candidate::{self, CandidateState};
use crate::app::credentials::Logins;
use crate::app::desk::Desk;
use crate::app::policies::{self, LoadedPolicies};
use crate::app::running::{Running, SHADOW};
use crate::app::{PolicyProblem, StartError, changes, load_policies, policy_errors, wiring};
use crate::config::{Config, ConfigErrors, Footprint, Reading};
use crate::gate::Enforcement;
use crate::server::Terms;
use crate::telemetry::{LogLevel, Metrics, Tally, UnknownLevel, Word};

/// How often the files are looked at. A change counts once it was seen twice in the same state, so that no file is
/// taken that somebody is still writing.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a reload came to, as a label.
const IN_FORCE: Word = Word::Fixed("in-force");
const IN_ERROR: Word = Word::Fixed("in-error");

/// Where a configuration comes from, again and again.
pub type Source = Arc<dyn Fn() -> Reading + Send + Sync>;

/// What a relay follows while it runs.
pub struct Following {
    pub source: Source,
    /// Of the reading that the relay was started with.
    pub footprint: Footprint,
    /// The level of a log that is this relay's.
    pub log_level: Option<LogLevel>,
}

/// What is in force, and what became of the last attempt to replace it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// 1 is what the relay was started with.
    pub number: u64,
    pub since: SystemTime,
    /// `None` if nothing was ever to be reloaded.
    pub last_reload: Option<LastReload>,
    /// Settings that the files say otherwise than they are in force.
    pub awaiting_restart: Vec<&'static str>,
    pub candidate: CandidateState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReload {
    pub at: SystemTime,
    /// One line each, with its place. None: what was read is in force.
    pub problems: Vec<String>,
}

/// The generation as everybody sees it.
#[derive(Debug)]
pub(super) struct Generations {
    current: Mutex<Generation>,
    reloads: Tally<1>,
}

/// Puts in force what its source says.
pub struct Reloader {
    following: Following,
    running: Arc<Running>,
    /// Whoever has it reloads.
    in_force: tokio::sync::Mutex<InForce>,
}

/// The configuration in force, and what was read in the last attempt to replace it.
struct InForce {
    config: Config,
    footprint: Footprint,
}

/// What a reading comes to, ready to be put in force.
struct Built {
    config: Config,
    terms: Terms,
    policies: LoadedPolicies,
    desk: Desk,
    candidate: CandidateState,
    awaiting_restart: Vec<&'static str>,
}

/// Why nothing is put in force.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReloadError {
    #[error("the configuration is in error")]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("log.level: {0}")]
    LogLevel(#[from] UnknownLevel),
}

impl Generations {
    pub(super) fn begin(candidate: CandidateState) -> Self {
        let (since, awaiting_restart) = (SystemTime::now(), Vec::new());
        let first = Generation { number: 1, since, last_reload: None, awaiting_restart, candidate };
        let reloads = Tally::new(["outcome"]);
        // What never happened is 0, not absent.
        for outcome in [IN_FORCE, IN_ERROR] {
            reloads.add([outcome], 0);
        }
        Self { current: Mutex::new(first), reloads }
    }
    pub(super) fn register(self: &Arc<Self>, metrics: &mut Metrics) {
        metrics.tally("reloads", "Attempts to put another configuration in force", &self.reloads);
        let generations = Arc::clone(self);
        let number = move || f64::from(u32::try_from(generations.current().number).unwrap_or(u32::MAX));
        metrics.gauge("generation", "Number of the configuration that is in force, from 1", number);
        let generations = Arc::clone(self);
        let is_wrong = move || {
            let last = generations.current().last_reload;
            last.map_or(0.0, |last| if last.problems.is_empty() { 0.0 } else { 1.0 })
        };
        metrics.gauge(
            "configuration_in_error",
            "1 while the files say what cannot be put in force",
            is_wrong,
        );
    }

    pub(super) fn current(&self) -> Generation {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Generation)) {
        change(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn succeeded(&self, awaiting_restart: Vec<&'static str>, candidate: CandidateState) -> u64 {
        let at = SystemTime::now();
        self.reloads.count([IN_FORCE]);
        self.change(|generation| {
            let number = generation.number.saturating_add(1);
            let last_reload = Some(LastReload { at, problems: Vec::new() });
            *generation = Generation { number, since: at, last_reload, awaiting_restart, candidate };
        });
        self.current().number
    }

    fn failed(&self, problems: Vec<String>) {
        let at = SystemTime::now();
        self.reloads.count([IN_ERROR]);
        self.change(|generation| generation.last_reload = Some(LastReload { at, problems }));
    }
}

impl Reloader {
    pub(super) fn new(following: Following, config: Config, running: Arc<Running>) -> Self {
        let footprint = following.footprint.clone();
        let in_force = tokio::sync::Mutex::new(InForce { config, footprint });
        Self { following, running, in_force }
    }

    /// Reads everything anew and puts it in force if nothing is wrong with it. Whether it is.
    pub async fn reload(&self) -> bool {
        let mut in_force = self.in_force.lock().await;
        let (source, config) = (Arc::clone(&self.following.source), in_force.config.clone());
        let (before, read_before) = (self.running.commons.terms(), in_force.footprint.clone());
        // Lints of large policies take a while, and files may be slow.
        let reading = tokio::task::spawn_blocking(move || {
            let Reading { config: read, footprint } = source();
            match read.map_err(ReloadError::from).and_then(|read| build(read, &config, &before)) {
                Ok(built) => (Ok(built), footprint),
                Err(error) => (Err(error), footprint.and_what_is_in(&read_before)),
            }
        });
        // A runtime that stops does not start the reading; what there was stays.
        let Ok((built, footprint)) = reading.await else { return false };
        in_force.footprint = footprint;
        match built.and_then(|built| self.put_in_force(built, &in_force.config)) {
            Ok(config) => {
                in_force.config = config;
                true
            }
            Err(error) => {
                self.refuse(&error);
                false
            }
        }
    }

    fn put_in_force(&self, built: Built, running: &Config) -> Result<Config, ReloadError> {
        let Built { config, terms, policies, desk, candidate, awaiting_restart } = built;
        // What can still fail comes first.
        if let Some(level) = self.following.log_level.as_ref().filter(|_| config.log != running.log) {
            level.set(&config.log.level)?;
        }
        self.running.commons.replace_terms(terms);
        for (renewed, logins) in self.running.logins.iter().zip(Logins::all(&config.ses)) {
            renewed.follow(logins);
        }
        self.running.desk.store(Arc::new(desk));
        self.running.relay.budgets.follow(wiring::allowances(&config));
        self.running.relay.doubts.follow(wiring::doubt_settings(&config));
        self.running.relay.upstream.follow(config.delivery.hold);
        let changed = changes::between(running, &config);
        if config.policy != running.policy || config.apps != running.apps {
            policies::log_doubts(&policies.problems);
        }
        wiring::warn_of_certificates(&config);
        if config.policy.enforcement != running.policy.enforcement
            && config.policy.enforcement == Enforcement::Shadow
        {
            tracing::warn!("{SHADOW}");
        }
        candidate.log();
        if !awaiting_restart.is_empty() {
            let settings = awaiting_restart.join(", ");
            tracing::warn!(
                settings,
                "these settings cannot change while the relay runs and wait for a restart"
            );
        }
        let generation = self.running.generations.succeeded(awaiting_restart, candidate);
        let changed = if changed.is_empty() { "nothing".to_owned() } else { changed.join(", ") };
        tracing::info!(generation, changed, "reloaded");
        Ok(config)
    }

    fn refuse(&self, error: &ReloadError) {
        let problems = error.lines();
        // Whoever read it in the log finds it everywhere.
        self.running.generations.failed(problems.clone());
        for problem in &problems {
            tracing::error!("reload: {problem}");
        }
        let generation = self.running.generations.current().number;
        let count = problems.len();
        tracing::error!(generation, problems = count, "nothing was reloaded; what was in force stays");
    }

    /// Looks at the files again and again until the drain begins, and reloads when one has changed.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut unsettled = None;
        loop {
            tokio::select! {
                () = self.running.drain.begun() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let known = self.in_force.lock().await.footprint.clone();
            let looking = tokio::task::spawn_blocking(move || {
                let now = known.retake();
                (now != known).then_some(now)
            });
            let Ok(changed) = looking.await else { return };
            if changed.is_some() && changed == unsettled {
                self.reload().await;
                unsettled = None;
            } else {
                unsettled = changed;
            }
        }
    }
}

/// Everything that can be wrong is found here, and nothing is changed.
fn build(config: Config, running: &Config, before: &Terms) -> Result<Built, ReloadError> {
    let (config, awaiting_restart) = changes::kept(running, config);
    let policies = load_policies(&config).map_err(StartError::Policy)?;
    let (gate, candidate) = candidate::gate(&config);
    let terms = wiring::terms(&config, policies.documents.clone(), gate, Some(before))?;
    let desk = Desk::new(&config, &policies).map_err(StartError::Gate)?;
    Ok(Built { config, terms, policies, desk, candidate, awaiting_restart })
}

impl ReloadError {
    /// One for each problem, in the words of `sesgate check`.
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Config(errors) => {
                let settings = errors.problems().iter().map(ToString::to_string);
                let found = policy_errors(errors.policies());
                settings.chain(found.iter().map(PolicyProblem::line)).collect()
            }
            Self::Start(StartError::Policy(problems)) => policies::errors(problems),
            Self::Start(StartError::Gate(error)) => vec![policies::gate_error(error)],
            Self::Start(
                StartError::Upstream(_)
                | StartError::Tls(_)
                | StartError::NoListener
                | StartError::Bind(_)
                | StartError::BindAdmin(_)
                | StartError::Listen(_)
                | StartError::Traces(_),
            )
            | Self::LogLevel(_) => vec![self.to_string()],
        }
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("generations", &self.running.generations).finish_non_exhaustive()
    }
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").field("footprint", &self.footprint).finish_non_exhaustive()
    }
}
