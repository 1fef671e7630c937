//! Trouble on demand: a script of what goes wrong, and at which step of the dialogue.
//!
//! Each time a session reaches a step, the first fault that waits there strikes. The text form is
//! `STEP=EFFECT`, or `STEP*TIMES=EFFECT`, or `STEP*=EFFECT` for always:
//!
//! ```text
//! end-of-data=454 Throttling failure: Maximum sending rate exceeded.
//! mail*2=close 451 4.4.2 Timeout waiting for data from client.
//! ehlo*=250-email-smtp.amazonaws.com\n250 Ok
//! end-of-data=close-after
//! rcpt=delay 300ms
//! connect=reset
//! ```

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One thing that goes wrong, once or more often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: Step,
    pub effect: Effect,
    pub times: Times,
}

/// Where in the dialogue a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The connection is there; no octet was sent, no TLS begun.
    Connect,
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    StartTls,
    /// The client's last word in an AUTH exchange.
    Auth,
    Mail,
    Recipient,
    Data,
    /// The first octets of a message are there.
    Message,
    /// The final dot is there, and the mail would now be judged.
    EndOfData,
    /// A mail was accepted and the client told so: what a pooled connection meets.
    AfterAcceptance,
    Reset,
    Noop,
    Quit,
}

/// What a fault does to its step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Says this, of one or more lines without the last CRLF. A positive answer only changes the words, if the
    /// step succeeds; any other takes the place of the step, which does not happen.
    Answer(String),
    /// The step does not happen.
    AnswerAndClose(String),
    /// The step happens later.
    Delay(Duration),
    /// The step does not happen, and the connection is closed without a word.
    Close,
    /// The same, with RST.
    Reset,
    /// The step happens, and the connection is closed without a word about it. At the end of data the mail is
    /// stored and its client in doubt.
    CloseAfter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Next(u32),
    Always,
}

/// The script, shared by all sessions and whoever writes it.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultSyntaxError {
    #[error("a fault is `STEP=EFFECT`")]
    NoEffect,
    #[error("`{0}` is no step; the steps are {STEP_NAMES}")]
    UnknownStep(String),
    #[error("`{0}` is no number of times")]
    UnknownTimes(String),
    #[error("`{0}` is no duration; write `200ms` or `5s`")]
    UnknownDuration(String),
    #[error(
        "`{0}` is no effect; write an answer such as `451 Temporary service failure`, `close ANSWER`, `close`, \
         `close-after`, `reset` or `delay 5s`"
    )]
    UnknownEffect(String),
}

const STEP_NAMES: StepNames = StepNames(&[
    ("connect", Step::Connect),
    ("greeting", Step::Greeting),
    ("ehlo", Step::Ehlo),
    ("starttls", Step::StartTls),
    ("auth", Step::Auth),
    ("mail", Step::Mail),
    ("rcpt", Step::Recipient),
    ("data", Step::Data),
    ("message", Step::Message),
    ("end-of-data", Step::EndOfData),
    ("after-acceptance", Step::AfterAcceptance),
    ("rset", Step::Reset),
    ("noop", Step::Noop),
    ("quit", Step::Quit),
]);

struct StepNames(&'static [(&'static str, Step)]);

impl Faults {
    /// Appends to the script.
    pub fn add(&self, fault: Fault) {
        self.script().push(fault);
    }

    /// Nothing goes wrong from now on.
    pub fn clear(&self) {
        self.script().clear();
    }

    /// What has not struck yet.
    pub fn remaining(&self) -> Vec<Fault> {
        self.script().clone()
    }

    /// The fault that strikes at this step now, counted as struck.
    pub(super) fn strike(&self, step: Step) -> Option<Effect> {
        let mut script = self.script();
        let index = script.iter().position(|fault| fault.at == step && fault.times != Times::Next(0))?;
        let fault = script.get_mut(index)?;
        let effect = fault.effect.clone();
        fault.times = match fault.times {
            Times::Always => Times::Always,
            Times::Next(times) => Times::Next(times.saturating_sub(1)),
        };
        script.retain(|fault| fault.times != Times::Next(0));
        Some(effect)
    }

    fn script(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromStr for Fault {
    type Err = FaultSyntaxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, effect) = text.split_once('=').ok_or(FaultSyntaxError::NoEffect)?;
        let (step, times) = match place.split_once('*') {
            None => (place, Times::Next(1)),
            Some((step, "")) => (step, Times::Always),
            Some((step, times)) => {
                let unknown = |_| FaultSyntaxError::UnknownTimes(times.to_owned());
                (step, Times::Next(times.parse().map_err(unknown)?))
            }
        };
        let unknown = || FaultSyntaxError::UnknownStep(step.to_owned());
        let at = STEP_NAMES.0.iter().find(|(name, _)| *name == step).ok_or_else(unknown)?.1;
        Ok(Self { at, effect: effect.parse()?, times })
    }
}

impl FromStr for Effect {
    type Err = FaultSyntaxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(' ') {
            None if text == "close" => Ok(Self::Close),
            None if text == "close-after" => Ok(Self::CloseAfter),
            None if text == "reset" => Ok(Self::Reset),
            Some(("delay", duration)) => parse_duration(duration).map(Self::Delay),
            Some(("close", answer)) => parse_answer(answer).map(Self::AnswerAndClose),
            Some(_) | None => parse_answer(text).map(Self::Answer),
        }
    }
}

/// An answer begins with a digit; `\n` stands between its lines.
fn parse_answer(text: &str) -> Result<String, FaultSyntaxError> {
    if text.starts_with(|letter: char| letter.is_ascii_digit()) {
        Ok(text.replace("\\n", "\r\n"))
    } else {
        Err(FaultSyntaxError::UnknownEffect(text.to_owned()))
    }
}

fn parse_duration(text: &str) -> Result<Duration, FaultSyntaxError> {
    let milliseconds = text.strip_suffix("ms").and_then(|number| number.parse().ok());
    let seconds = text.strip_suffix('s').and_then(|number| number.parse().ok());
    milliseconds
        .map(Duration::from_millis)
        .or(seconds.map(Duration::from_secs))
        .ok_or_else(|| FaultSyntaxError::UnknownDuration(text.to_owned()))
}

impl fmt::Display for StepNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, _)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}`{name}`")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Effect, Fault, FaultSyntaxError, Faults, Step, Times};

    #[test]
    fn a_fault_is_read_from_a_text() {
        for (text, at, effect, times) in [
            ("mail=451 Wait", Step::Mail, Effect::Answer("451 Wait".to_owned()), Times::Next(1)),
            ("ehlo*=250-a\\n250 Ok", Step::Ehlo, Effect::Answer("250-a\r\n250 Ok".to_owned()), Times::Always),
            ("quit*3=close 421 No", Step::Quit, Effect::AnswerAndClose("421 No".to_owned()), Times::Next(3)),
            ("end-of-data=close-after", Step::EndOfData, Effect::CloseAfter, Times::Next(1)),
            ("data=delay 5s", Step::Data, Effect::Delay(Duration::from_secs(5)), Times::Next(1)),
            ("data=delay 20ms", Step::Data, Effect::Delay(Duration::from_millis(20)), Times::Next(1)),
        ] {
            assert_eq!(text.parse(), Ok(Fault { at, effect, times }), "{text}");
        }
        for (text, error) in [
            ("mail", FaultSyntaxError::NoEffect),
            ("male=close", FaultSyntaxError::UnknownStep("male".to_owned())),
            ("mail*x=close", FaultSyntaxError::UnknownTimes("x".to_owned())),
            ("mail=delay 5", FaultSyntaxError::UnknownDuration("5".to_owned())),
            ("mail=explode", FaultSyntaxError::UnknownEffect("explode".to_owned())),
        ] {
            assert_eq!(text.parse::<Fault>(), Err(error), "{text}");
        }
    }

    #[test]
    fn faults_of_a_step_strike_in_order_and_as_often_as_they_say() {
        let faults = Faults::default();
        for text in ["mail*2=close", "rcpt=reset", "mail=reset"] {
            faults.add(text.parse().unwrap());
        }
        let struck: Vec<_> = std::iter::from_fn(|| faults.strike(Step::Mail)).collect();
        assert_eq!(struck, [Effect::Close, Effect::Close, Effect::Reset]);
        assert_eq!(faults.remaining(), ["rcpt=reset".parse().unwrap()]);
    }
}
