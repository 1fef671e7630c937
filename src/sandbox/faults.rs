//! Trouble on demand: a script of what goes wrong, and at which step of the dialogue. `fault_syntax.rs` reads it from
//! texts.
//!
//! Each time a session reaches a step, the first fault that waits there strikes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sandbox::random::Dice;

/// A share of the times is counted in this many parts.
pub const PARTS: u32 = 10_000;

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
    /// Whichever it is.
    Any,
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
    /// The step does not happen. This is said, without the end of its line, and the connection is closed.
    Cut(String),
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
    /// As dice fall: so many times of `PARTS`.
    Share {
        parts: u32,
    },
}

/// The script, shared by all sessions and whoever writes it.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<Script>>);

#[derive(Debug)]
struct Script {
    lines: Vec<Line>,
    dice: Dice,
}

#[derive(Debug)]
struct Line {
    fault: Fault,
    struck: u64,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Script { lines: Vec::new(), dice: Dice::new(seed) })))
    }

    /// Appends to the script.
    pub fn add(&self, fault: Fault) {
        self.script().lines.push(Line { fault, struck: 0 });
    }

    /// Nothing goes wrong from now on.
    pub fn clear(&self) {
        self.script().lines.clear();
    }

    /// What may still strike.
    pub fn remaining(&self) -> Vec<Fault> {
        self.script().lines.iter().map(|line| line.fault.clone()).collect()
    }

    /// The same, and how often each has struck so far.
    pub fn struck(&self) -> Vec<(Fault, u64)> {
        self.script().lines.iter().map(|line| (line.fault.clone(), line.struck)).collect()
    }

    /// The fault that strikes at this step now, counted as struck.
    pub(super) fn strike(&self, step: Step) -> Option<Effect> {
        let mut script = self.script();
        let Script { lines, dice } = &mut *script;
        let line = lines.iter_mut().filter(|line| [step, Step::Any].contains(&line.fault.at)).find(
            |line| match line.fault.times {
                Times::Next(times) => times > 0,
                Times::Always => true,
                Times::Share { parts } => dice.below(PARTS) < parts,
            },
        )?;
        line.struck = line.struck.saturating_add(1);
        if let Times::Next(times) = &mut line.fault.times {
            *times = times.saturating_sub(1);
        }
        let effect = line.fault.effect.clone();
        lines.retain(|line| line.fault.times != Times::Next(0));
        Some(effect)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Faults, Step};

    fn script(texts: &[&str]) -> Faults {
        let faults = Faults::new(7);
        for text in texts {
            faults.add(text.parse().unwrap());
        }
        faults
    }

    #[test]
    fn faults_of_a_step_strike_in_order_and_as_often_as_they_say() {
        let faults = script(&["mail*2=close", "rcpt=reset", "mail=reset"]);
        let struck: Vec<_> = std::iter::from_fn(|| faults.strike(Step::Mail)).collect();
        assert_eq!(struck, [Effect::Close, Effect::Close, Effect::Reset]);
        assert_eq!(faults.remaining(), ["rcpt=reset".parse().unwrap()]);
    }

    #[test]
    fn a_share_strikes_as_often_as_it_says_and_lets_others_strike_else() {
        let faults = script(&["any~10%=close", "mail*=reset"]);
        let times = 10_000;
        for _ in 0..times {
            assert!(faults.strike(Step::Mail).is_some());
        }
        let struck: Vec<u64> = faults.struck().into_iter().map(|(_, struck)| struck).collect();
        assert!((900..1100).contains(&struck[0]), "{struck:?}");
        assert_eq!(struck[0] + struck[1], times);
        let again = script(&["any~10%=close", "mail*=reset"]);
        for _ in 0..times {
            again.strike(Step::Mail);
        }
        assert_eq!(again.struck(), faults.struck());
    }
}
