//! The relay as whoever asks the admin listener sees it, and the question that it keeps asking SES itself.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::admin::{
    Attempt, Check, Explanation, Mails, Notice, Readiness, Setting, ShownDisagreement, ShownDocument,
    Subject, Tried, Weight,
};
use crate::app::candidate::CandidateState;
use crate::app::credentials::RenewedLogins;
use crate::app::desk::Desk;
use crate::app::reload::{Generation, Generations};
use crate::gate::Enforcement;
use crate::relay::{Disagreement, Relay};
use crate::server::{Commons, Drain, OneAddress};
use crate::telemetry::{CandidateVerdict, Metrics, Recent, Record};
use crate::upstream::{EndpointState, Health};

/// While SES takes no login, nobody may send mail here that would show when it does again: so the relay asks.
const ASK_AGAIN_MIN: Duration = Duration::from_secs(5);
const ASK_AGAIN_MAX: Duration = Duration::from_mins(1);
/// How soon it notices that mail met a trouble.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often an operator is told of shadow mode.
const WARN_EVERY: Duration = Duration::from_mins(10);
/// What shadow mode is, for whoever has to know.
pub(super) const SHADOW: &str =
    "policy.mode is `shadow`: mail that policy refuses is sent all the same, and only recorded as such";

#[derive(Debug)]
pub(super) struct Running {
    pub relay: Arc<Relay>,
    /// Of each endpoint, the preferred one first.
    pub logins: Vec<Arc<RenewedLogins>>,
    pub commons: Arc<Commons>,
    pub generations: Arc<Generations>,
    pub drain: Drain,
    pub metrics: Metrics,
    pub recent: Arc<Recent>,
    /// Asked by the policies that are in force.
    pub desk: ArcSwap<Desk>,
    /// Where a stand-in takes the place of SES.
    pub mails: OnceLock<Arc<dyn Mails>>,
}

impl Subject for Running {
    fn readiness(&self) -> Readiness {
        let always = [self.accepting(), self.ses(), self.configuration(), self.policy()];
        Readiness::new(always.into_iter().chain(self.unrecorded()).chain(self.client_addresses()).collect())
    }

    fn metrics(&self) -> String {
        self.metrics.text()
    }

    fn recent(&self) -> &Recent {
        &self.recent
    }

    fn setting(&self) -> Setting {
        let mut setting = self.desk.load().setting();
        let Generation { number, since, candidate, .. } = self.generations.current();
        let since = Timestamp::try_from(since).unwrap_or(Timestamp::UNIX_EPOCH);
        setting.facts.insert(0, ("Configuration", format!("generation {number}, in force since {since:.0}")));
        match candidate {
            CandidateState::None => {}
            CandidateState::Judging => {
                setting.facts.push(("Candidate", "judged beside them, for every mail".to_owned()));
            }
            CandidateState::InError(problems) => {
                setting.facts.push(("Candidate", format!("in error: {}", problems.join("; "))));
            }
        }
        setting
    }

    fn notices(&self) -> Vec<Notice> {
        let alarming = |text: String| Notice { text, weight: Weight::Alarming };
        let stopping = self.drain.has_begun().then(|| {
            alarming(
                "The relay was told to stop: it finishes the mails in hand and takes no new connections."
                    .to_owned(),
            )
        });
        let shadow =
            (self.enforcement() == Enforcement::Shadow).then(|| alarming(format!("Shadow mode: {SHADOW}.")));
        let Generation { number, last_reload, .. } = self.generations.current();
        let problems = last_reload.map(|last| last.problems).unwrap_or_default();
        let in_error = problems.first().map(|first| {
            let more = match problems.len() {
                1 => String::new(),
                all => format!(" (and {} more)", all.saturating_sub(1)),
            };
            alarming(format!(
                "What the files say is in error, so generation {number} stays in force: {first}{more}"
            ))
        });
        let stand_in = self.mails.get().map(|_| {
            let text = "This is a sandbox: a stand-in takes the place of Amazon SES, and nothing leaves this machine.";
            Notice { text: text.to_owned(), weight: Weight::Told }
        });
        let one_address = self
            .commons
            .of_one_address()
            .into_iter()
            .map(|one| alarming(format!("Client addresses: {one}.")));
        [stopping, shadow, in_error, stand_in].into_iter().flatten().chain(one_address).collect()
    }

    fn documents(&self) -> Vec<ShownDocument> {
        self.desk.load().documents().to_vec()
    }

    fn disagreements(&self) -> Option<Vec<ShownDisagreement>> {
        let said = |verdict: &CandidateVerdict| match &verdict.statement {
            Some(statement) => format!("{} by {statement}", verdict.effect.word()),
            None => verdict.effect.word().to_owned(),
        };
        let shown = |disagreement: Disagreement| ShownDisagreement {
            in_force: said(&disagreement.in_force),
            candidate: said(&disagreement.candidate),
            time: disagreement.time,
            id: disagreement.decision,
            from: disagreement.from,
        };
        let has_candidate = self.generations.current().candidate == CandidateState::Judging;
        has_candidate.then(|| self.relay.disagreements.latest().into_iter().map(shown).collect())
    }

    fn explain(&self, record: &Record<'_>) -> Result<Explanation, String> {
        self.desk.load().explain(record)
    }

    fn try_out(&self, attempt: &Attempt) -> Result<Tried, String> {
        self.desk.load().try_out(attempt)
    }

    fn mails(&self) -> Option<&dyn Mails> {
        self.mails.get().map(|mails| &**mails)
    }
}

impl Running {
    fn accepting(&self) -> Check {
        if self.drain.has_begun() {
            Check::failing("accepting", "the relay was told to stop and takes no new connections")
        } else {
            Check::well("accepting", "the listeners accept connections")
        }
    }

    /// What keeps mail from being taken where it has to be recorded.
    fn unrecorded(&self) -> Option<Check> {
        let why = "records of mails cannot be written, and `audit.required` is set";
        (!self.relay.audit.is_ready()).then(|| Check::failing("audit", why))
    }

    /// What makes policies judge something else than clients.
    fn client_addresses(&self) -> Option<Check> {
        let all: Vec<String> = self.commons.of_one_address().iter().map(OneAddress::to_string).collect();
        (!all.is_empty()).then(|| Check::doubtful("client-addresses", all.join("; ")))
    }

    /// Where SES refuses what the account sends, that is doubtful and no failure: only a mail finds out when that ends,
    /// and nobody sends one where the relay is not ready.
    fn ses(&self) -> Check {
        let endpoints = self.relay.upstream.endpoints();
        let are_well = endpoints.iter().all(EndpointState::is_well);
        let each = || endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        match (self.relay.upstream.health(), endpoints.len()) {
            (Health::Up, 1) if are_well => Check::well("ses", "Amazon SES took the login"),
            (Health::Up, _) if are_well => Check::well("ses", each()),
            (Health::Up, _) => Check::doubtful("ses", each()),
            (Health::Untried, _) => Check::failing("ses", "the login at Amazon SES is not proven yet"),
            (Health::Down { since, cause }, 1) => {
                let seconds = since.elapsed().as_secs();
                let causes = cause.causes();
                Check::failing("ses", format!("no session with Amazon SES for {seconds} s: {causes}"))
            }
            (Health::Down { .. }, _) => {
                Check::failing("ses", format!("no session with Amazon SES: {}", each()))
            }
        }
    }

    fn configuration(&self) -> Check {
        let generation = self.generations.current();
        let number = generation.number;
        let problems = generation.last_reload.map(|last| last.problems).unwrap_or_default();
        if let Some(first) = problems.first() {
            let count = problems.len();
            Check::doubtful(
                "configuration",
                format!(
                    "generation {number} stays in force; what the files say now is in error ({count}): {first}"
                ),
            )
        } else if let CandidateState::InError(problems) = &generation.candidate {
            let first = problems.first().map_or("", String::as_str);
            let detail =
                format!("generation {number} is in force; its candidate policies are in error: {first}");
            Check::doubtful("configuration", detail)
        } else if generation.awaiting_restart.is_empty() {
            Check::well("configuration", format!("generation {number} is in force"))
        } else {
            let settings = generation.awaiting_restart.join(", ");
            Check::doubtful(
                "configuration",
                format!("generation {number} is in force, save what waits for a restart: {settings}"),
            )
        }
    }

    fn policy(&self) -> Check {
        match self.enforcement() {
            Enforcement::Enforced => Check::well("policy", "what policy refuses is refused"),
            Enforcement::Shadow => Check::doubtful("policy", SHADOW),
        }
    }

    pub fn enforcement(&self) -> Enforcement {
        self.commons.terms().rules().gate.enforcement()
    }

    /// Nobody is to forget that the door is open.
    pub async fn warn_of_shadow_mode(&self) {
        loop {
            if self.enforcement() == Enforcement::Shadow {
                tracing::warn!("{SHADOW}");
            }
            tokio::select! {
                () = self.drain.begun() => return,
                () = sleep(WARN_EVERY) => {}
            }
        }
    }

    /// Proves the login, and again for as long as SES would take no mail; and at endpoints that mail goes around.
    pub async fn keep_proven(&self) {
        let (mut wait, mut looked) = (ASK_AGAIN_MIN, Instant::now());
        loop {
            let pause = match self.relay.upstream.health() {
                Health::Up => {
                    wait = ASK_AGAIN_MIN;
                    if looked.elapsed() >= ASK_AGAIN_MAX {
                        self.relay.upstream.probe_failed().await;
                        looked = Instant::now();
                    }
                    LOOK_EVERY
                }
                Health::Untried | Health::Down { .. } => {
                    let asked = Instant::now();
                    match self.relay.upstream.probe().await {
                        Ok(()) => tracing::info!("Amazon SES takes the login"),
                        Err(error) => {
                            // The applications hear 451 until it does.
                            tracing::error!(error = error.causes(), "Amazon SES would take no mail now");
                        }
                    }
                    let pause = wait.saturating_sub(asked.elapsed());
                    wait = (wait * 2).min(ASK_AGAIN_MAX);
                    pause
                }
            };
            tokio::select! {
                () = self.drain.begun() => return,
                () = sleep(pause) => {}
            }
        }
    }
}
