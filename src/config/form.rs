//! The forms a setting can take: number, duration, choice, text. Each says what it expects and reads it, from
//! the file or from a variable alike.
//!
//! Which setting has which form is said in [`raw`](super::raw); the forms of names and ids are in
//! [`shape`](super::shape).

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::friendly::{Spacing, SpanParser, SpanPrinter};
use toml::de::DeValue;

use super::error::{Mend, Misfit};

/// What an error message quotes of a value, at most.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// What somebody wrote for a setting.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// In the file, with the type that TOML gave it.
    Value(&'a DeValue<'a>),
    /// In a variable.
    Text(&'a str),
}

pub trait Form {
    type Value;

    /// The end of the sentence "expected …".
    fn expects(&self) -> String;
    fn read(&self, said: Said<'_>) -> Result<Self::Value, Misfit>;
    /// A value as one would write it.
    fn show(&self, value: &Self::Value) -> String;

    /// What makes a wrong value right, if that is only a matter of writing it another way. A variable's text has
    /// no type: what would do there has only the wrong type here.
    fn mend(&self, said: Said<'_>) -> Option<Mend> {
        let Said::Value(value) = said else { return None };
        let mend = match value {
            DeValue::String(text) => Mend::Unquote(text.to_string()),
            DeValue::Integer(integer) => Mend::Quote(integer.to_string()),
            DeValue::Boolean(value) => Mend::Quote(value.to_string()),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => return None,
        };
        self.read(Said::Text(mend.text())).is_ok().then_some(mend)
    }
}

/// A whole number within bounds.
#[derive(Debug)]
pub struct Number<T>(pub RangeInclusive<T>);

/// A duration within bounds, such as `"1h30m"`.
#[derive(Debug)]
pub struct Lasting(pub RangeInclusive<Duration>);

/// One of a few words.
#[derive(Debug)]
pub struct OneOf<T: 'static>(pub &'static [(&'static str, T)]);

/// Yes or no.
#[derive(Debug)]
pub struct Flag;

/// A part of the whole, such as `0.1`.
#[derive(Debug)]
pub struct Fraction;

/// A text with a shape of its own.
#[derive(Debug)]
pub struct Text<T> {
    pub expects: &'static str,
    pub parse: fn(&str) -> Result<T, Misfit>,
}

impl<T: Copy + Display + PartialOrd + TryFrom<i128>> Form for Number<T> {
    type Value = T;

    fn expects(&self) -> String {
        format!("a number from {} to {}", self.0.start(), self.0.end())
    }

    fn read(&self, said: Said<'_>) -> Result<T, Misfit> {
        let number: i128 = match said {
            Said::Value(DeValue::Integer(integer)) => {
                i128::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| Misfit::Shape)?
            }
            Said::Text(text) => text.parse().map_err(|_| Misfit::Shape)?,
            Said::Value(_) => return Err(Misfit::Shape),
        };
        let number = T::try_from(number).map_err(|_| Misfit::Shape)?;
        if self.0.contains(&number) { Ok(number) } else { Err(Misfit::Shape) }
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }
}

impl Form for Lasting {
    type Value = Duration;

    fn expects(&self) -> String {
        format!("a duration from {} to {}", shown_duration(*self.0.start()), shown_duration(*self.0.end()))
    }

    fn read(&self, said: Said<'_>) -> Result<Duration, Misfit> {
        let duration = said.text().and_then(parsed_duration);
        duration.filter(|duration| self.0.contains(duration)).ok_or(Misfit::Shape)
    }

    fn show(&self, value: &Duration) -> String {
        shown_duration(*value)
    }

    fn mend(&self, said: Said<'_>) -> Option<Mend> {
        let number = match said {
            Said::Value(DeValue::Integer(integer)) => integer.to_string(),
            Said::Value(_) | Said::Text(_) => said.text()?.to_owned(),
        };
        let with_unit = format!("{number}s");
        self.read(Said::Text(&with_unit)).is_ok().then_some(Mend::Unit(with_unit))
    }
}

impl<T: Copy + PartialEq> Form for OneOf<T> {
    type Value = T;

    fn expects(&self) -> String {
        self.0.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
    }

    fn read(&self, said: Said<'_>) -> Result<T, Misfit> {
        let text = said.text().ok_or(Misfit::Shape)?;
        self.0.iter().find_map(|(word, value)| (*word == text).then_some(*value)).ok_or(Misfit::Shape)
    }

    fn show(&self, value: &T) -> String {
        self.0.iter().filter(|(_, other)| other == value).map(|(word, _)| *word).collect()
    }
}

impl Form for Flag {
    type Value = bool;

    fn expects(&self) -> String {
        "`true` or `false`".to_owned()
    }

    fn read(&self, said: Said<'_>) -> Result<bool, Misfit> {
        match said {
            Said::Value(DeValue::Boolean(value)) => Ok(*value),
            Said::Text(text) => text.parse().map_err(|_| Misfit::Shape),
            Said::Value(_) => Err(Misfit::Shape),
        }
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }
}

impl Form for Fraction {
    type Value = f64;

    fn expects(&self) -> String {
        "a number from 0 to 1".to_owned()
    }

    fn read(&self, said: Said<'_>) -> Result<f64, Misfit> {
        let fraction = match said {
            Said::Value(DeValue::Float(float)) => float.as_str().parse(),
            Said::Value(DeValue::Integer(integer)) => integer.as_str().parse(),
            Said::Text(text) => text.parse(),
            Said::Value(_) => return Err(Misfit::Shape),
        };
        fraction.ok().filter(|fraction| (0.0..=1.0).contains(fraction)).ok_or(Misfit::Shape)
    }

    fn show(&self, value: &f64) -> String {
        value.to_string()
    }
}

impl<T: Display> Form for Text<T> {
    type Value = T;

    fn expects(&self) -> String {
        self.expects.to_owned()
    }

    fn read(&self, said: Said<'_>) -> Result<T, Misfit> {
        (self.parse)(said.text().ok_or(Misfit::Shape)?)
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }
}

impl<'a> Said<'a> {
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Value(value) => value.as_str(),
            Self::Text(text) => Some(text),
        }
    }

    /// The end of the sentence "found …".
    pub fn shown(self) -> String {
        match self {
            Self::Value(DeValue::String(text)) => shown(&format!("\"{text}\"")),
            Self::Text("") => "an empty text".to_owned(),
            Self::Text(text) => shown(text),
            Self::Value(DeValue::Integer(integer)) => format!("the number {}", shown(&integer.to_string())),
            Self::Value(DeValue::Float(float)) => format!("the number {}", shown(float.as_str())),
            Self::Value(DeValue::Boolean(value)) => format!("`{value}`"),
            Self::Value(DeValue::Datetime(value)) => format!("the date `{value}`"),
            Self::Value(DeValue::Array(_)) => "a list".to_owned(),
            Self::Value(DeValue::Table(_)) => "a table".to_owned(),
        }
    }
}

/// A text in backticks, cut short, on one line.
pub fn shown(text: &str) -> String {
    let cut = text.char_indices().nth(SHOWN_CHARACTERS_MAX).and_then(|(at, _)| text.get(..at));
    match cut {
        Some(beginning) => format!("`{}…`", on_one_line(beginning)),
        None => format!("`{}`", on_one_line(text)),
    }
}

fn on_one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

fn parsed_duration(text: &str) -> Option<Duration> {
    let signed: SignedDuration = SpanParser::new().parse_duration(text).ok()?;
    Duration::try_from(signed).ok()
}

fn shown_duration(duration: Duration) -> String {
    SpanPrinter::new().spacing(Spacing::None).unsigned_duration_to_string(&duration)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Form, Lasting, Number, Said, parsed_duration, shown, shown_duration};

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        for text in ["0s", "100ms", "25s", "5m", "1h30m", "1h"] {
            assert_eq!(parsed_duration(text).map(shown_duration).as_deref(), Some(text));
        }
        for text in ["", "5", "m", "-5s", "5s ago", "1 parsec", "99999999999999999999h"] {
            assert_eq!(parsed_duration(text), None, "{text}");
        }
    }

    #[test]
    fn bounds_belong_to_what_they_bound() {
        let number = Number(1_u16..=9);
        for (text, taken) in
            [("0", false), ("1", true), ("9", true), ("10", false), ("-1", false), ("1.0", false)]
        {
            assert_eq!(number.read(Said::Text(text)).is_ok(), taken, "{text}");
        }
        let lasting = Lasting(Duration::from_secs(1)..=Duration::from_mins(1));
        for (text, taken) in [("999ms", false), ("1s", true), ("1m", true), ("1m1ms", false)] {
            assert_eq!(lasting.read(Said::Text(text)).is_ok(), taken, "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_short_and_on_one_line() {
        assert_eq!(shown("a\nb"), r"`a\nb`");
        assert_eq!(shown(&"ä".repeat(61)), format!("`{}…`", "ä".repeat(60)));
    }
}
