//! The text form of a fault, for command lines and tests: `STEP=EFFECT`, or `STEP*TIMES=EFFECT`, or `STEP*=EFFECT` for
//! always, or `STEP~2.5%=EFFECT` for one time in forty.
//!
//! ```text
//! end-of-data=throttled
//! mail*2=close 451 4.4.2 Timeout waiting for data from client.
//! ehlo*=250-email-smtp.amazonaws.com\n250 Ok
//! any~1%=reset
//! rcpt=delay 300ms
//! data=cut 354 End da
//! greeting=say SSH-2.0-OpenSSH_9.6
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::sandbox::answer;
use crate::sandbox::faults::{Effect, Fault, PARTS, Step, Times};

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultSyntaxError {
    #[error("a fault is `STEP=EFFECT`")]
    NoEffect,
    #[error("`{0}` is no step; the steps are {names}", names = Names(STEPS))]
    UnknownStep(String),
    #[error("`{0}` is no number of times")]
    UnknownTimes(String),
    #[error("`{0}` is no share; write `5%` or `0.25%`")]
    UnknownShare(String),
    #[error("`{0}` is no duration; write `200ms`, `5s` or `2m`, a day at most")]
    UnknownDuration(String),
    #[error(
        "`{0}` is no effect; write `close`, `close-after`, `reset`, `delay 5s`, or an answer: `451 Any words`, \
         `say any words`, or one of {names}; before an answer may stand `close` or `cut`",
        names = Names(answer::NAMED)
    )]
    UnknownEffect(String),
}

const DURATION_MAX: Duration = Duration::from_hours(24);

const STEPS: &[(&str, Step)] = &[
    ("any", Step::Any),
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
];

/// The names of a table, as a sentence lists them.
struct Names<T: 'static>(&'static [(&'static str, T)]);

/// The names of the answers that need not be written out.
pub fn answer_names() -> impl Iterator<Item = &'static str> {
    answer::NAMED.iter().map(|(name, _)| *name)
}

/// The names of the steps.
pub fn step_names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|(name, _)| *name)
}

impl FromStr for Fault {
    type Err = FaultSyntaxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, effect) = text.split_once('=').ok_or(FaultSyntaxError::NoEffect)?;
        let (step, times) = match (place.split_once('*'), place.split_once('~')) {
            (Some((step, "")), _) => (step, Times::Always),
            (Some((step, times)), _) => {
                let unknown = |_| FaultSyntaxError::UnknownTimes(times.to_owned());
                (step, Times::Next(times.parse().map_err(unknown)?))
            }
            (None, Some((step, share))) => (step, Times::Share { parts: parse_share(share)? }),
            (None, None) => (place, Times::Next(1)),
        };
        let unknown = || FaultSyntaxError::UnknownStep(step.to_owned());
        let at = STEPS.iter().find(|(name, _)| *name == step).ok_or_else(unknown)?.1;
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
            Some(("cut", answer)) => parse_answer(answer).map(Self::Cut),
            Some(_) | None => {
                let is_named = answer::NAMED.iter().any(|(name, _)| *name == text);
                let words = parse_answer(text)?;
                let closes = is_named && answer::ends_session(&words);
                Ok(if closes { Self::AnswerAndClose(words) } else { Self::Answer(words) })
            }
        }
    }
}

/// A name of one, or words that begin with a digit or behind `say`; `\n` stands between their lines.
fn parse_answer(text: &str) -> Result<String, FaultSyntaxError> {
    let named = answer::NAMED.iter().find(|(name, _)| *name == text).map(|(_, words)| *words);
    let begins_with_digit = text.starts_with(|letter: char| letter.is_ascii_digit());
    named
        .or_else(|| text.strip_prefix("say "))
        .or(begins_with_digit.then_some(text))
        .map(|words| words.replace("\\n", "\r\n"))
        .ok_or_else(|| FaultSyntaxError::UnknownEffect(text.to_owned()))
}

/// `5%` or `0.25%`, exactly.
fn parse_share(text: &str) -> Result<u32, FaultSyntaxError> {
    let share = text.strip_suffix('%').and_then(|number| {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let hundredths: u32 = match fraction.len() {
            0 => 0,
            1 => fraction.parse::<u32>().ok()?.checked_mul(10)?,
            2 => fraction.parse().ok()?,
            _ => return None,
        };
        whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(hundredths)
    });
    share.filter(|parts| *parts <= PARTS).ok_or_else(|| FaultSyntaxError::UnknownShare(text.to_owned()))
}

/// `200ms`, `5s` or `2m`, and no more than a clock can be added to.
pub fn parse_duration(text: &str) -> Result<Duration, FaultSyntaxError> {
    let count = |unit| text.strip_suffix(unit).and_then(|number: &str| number.parse().ok());
    let milliseconds = count("ms").map(Duration::from_millis);
    let seconds = count("s").map(Duration::from_secs);
    let minutes = count("m").map(|minutes: u64| Duration::from_secs(minutes.saturating_mul(60)));
    let unknown = || FaultSyntaxError::UnknownDuration(text.to_owned());
    let duration = milliseconds.or(seconds).or(minutes);
    duration.filter(|duration| *duration <= DURATION_MAX).ok_or_else(unknown)
}

/// As `parse_duration` reads it.
pub fn duration_text(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = STEPS.iter().find(|(_, step)| *step == self.at).map_or("", |(name, _)| name);
        match self.times {
            Times::Next(1) => write!(f, "{step}={}", self.effect),
            Times::Next(times) => write!(f, "{step}*{times}={}", self.effect),
            Times::Always => write!(f, "{step}*={}", self.effect),
            Times::Share { parts } => {
                write!(f, "{step}~{}.{:02}%={}", parts / 100, parts % 100, self.effect)
            }
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, words) = match self {
            Self::Delay(duration) => return write!(f, "delay {}", duration_text(*duration)),
            Self::Close => return f.write_str("close"),
            Self::CloseAfter => return f.write_str("close-after"),
            Self::Reset => return f.write_str("reset"),
            Self::Answer(words) => ("", words),
            Self::AnswerAndClose(words) => ("close ", words),
            Self::Cut(words) => ("cut ", words),
        };
        let say = if words.starts_with(|letter: char| letter.is_ascii_digit()) { "" } else { "say " };
        write!(f, "{verb}{say}{}", words.replace("\r\n", "\\n"))
    }
}

impl<T> fmt::Display for Names<T> {
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

    use super::{FaultSyntaxError, answer_names, step_names};
    use crate::sandbox::faults::{Effect, Fault, Step, Times};

    #[test]
    fn a_fault_is_read_from_a_text() {
        let answer = |words: &str| Effect::Answer(words.to_owned());
        let closing = |words: &str| Effect::AnswerAndClose(words.to_owned());
        let once = Times::Next(1);
        for (text, at, effect, times) in [
            ("mail=451 Wait", Step::Mail, answer("451 Wait"), once),
            ("ehlo*=250-a\\n250 Ok", Step::Ehlo, answer("250-a\r\n250 Ok"), Times::Always),
            ("quit*3=close 421 No", Step::Quit, closing("421 No"), Times::Next(3)),
            ("noop=421 stays", Step::Noop, answer("421 stays"), once),
            ("noop=service-failure", Step::Noop, answer("454 Temporary service failure"), once),
            ("noop=timeout", Step::Noop, closing("451 4.4.2 Timeout waiting for data from client."), once),
            ("rset=close no-message-id", Step::Reset, closing("250 Ok"), once),
            ("greeting=say SSH-2.0", Step::Greeting, answer("SSH-2.0"), once),
            ("data=cut 354 En", Step::Data, Effect::Cut("354 En".to_owned()), once),
            ("end-of-data=close-after", Step::EndOfData, Effect::CloseAfter, once),
            ("any~0.5%=reset", Step::Any, Effect::Reset, Times::Share { parts: 50 }),
            ("any~12.34%=close", Step::Any, Effect::Close, Times::Share { parts: 1234 }),
            ("data=delay 5s", Step::Data, Effect::Delay(Duration::from_secs(5)), once),
            ("data=delay 20ms", Step::Data, Effect::Delay(Duration::from_millis(20)), once),
        ] {
            let fault = Fault { at, effect, times };
            assert_eq!(text.parse().as_ref(), Ok(&fault), "{text}");
            assert_eq!(fault.to_string().parse().as_ref(), Ok(&fault), "{text} as {fault}");
        }
    }

    #[test]
    fn what_is_no_fault_is_told() {
        for (text, error) in [
            ("mail", FaultSyntaxError::NoEffect),
            ("male=close", FaultSyntaxError::UnknownStep("male".to_owned())),
            ("mail*x=close", FaultSyntaxError::UnknownTimes("x".to_owned())),
            ("mail~x%=close", FaultSyntaxError::UnknownShare("x%".to_owned())),
            ("mail~101%=close", FaultSyntaxError::UnknownShare("101%".to_owned())),
            ("mail~0.001%=close", FaultSyntaxError::UnknownShare("0.001%".to_owned())),
            ("mail=delay 5", FaultSyntaxError::UnknownDuration("5".to_owned())),
            ("mail=delay 86401s", FaultSyntaxError::UnknownDuration("86401s".to_owned())),
            ("mail=explode", FaultSyntaxError::UnknownEffect("explode".to_owned())),
        ] {
            assert_eq!(text.parse::<Fault>(), Err(error), "{text}");
        }
    }

    #[test]
    fn every_name_is_one() {
        for step in step_names() {
            for answer in answer_names() {
                let fault = format!("{step}=close {answer}").parse::<Fault>();
                assert!(matches!(fault, Ok(Fault { effect: Effect::AnswerAndClose(_), .. })), "{fault:?}");
            }
        }
    }
}
