//! Points in time as policies write them: the forms of the W3C note on date and time formats, and epoch seconds.
//!
//! Stricter than a general parser, because AWS refuses what is not one of these forms, and wider than RFC 3339,
//! which knows neither `2018-08-31T12:00Z` nor `2026-06`.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// `None` is none of the forms, or no point in time (30 February).
pub fn parse(text: &str) -> Option<Timestamp> {
    if is_digits(text.strip_prefix('-').unwrap_or(text)) && !is_ambiguous(text) {
        Timestamp::from_second(text.parse().ok()?).ok()
    } else {
        parse_w3c(text)
    }
}

/// `2026` is a year by one reading and an epoch second by another.
pub fn is_ambiguous(text: &str) -> bool {
    text.len() == 4 && is_digits(text)
}

fn parse_w3c(text: &str) -> Option<Timestamp> {
    let mut form = Form { rest: text };
    let year = form.digits(4)?;
    let mut month = 1;
    let mut day = 1;
    let mut time = Time::midnight();
    let mut offset = Offset::UTC;
    if form.accept('-') {
        month = form.digits(2)?;
        if form.accept('-') {
            day = form.digits(2)?;
            if form.accept('T') {
                time = form.time()?;
                // A time without a zone is no legal form.
                offset = form.zone()?;
            }
        }
    }
    if !form.rest.is_empty() {
        return None;
    }
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    offset.to_timestamp(date.to_datetime(time)).ok()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// A form being read from left to right.
struct Form<'a> {
    rest: &'a str,
}

impl Form<'_> {
    fn accept(&mut self, mark: char) -> bool {
        let after = self.rest.strip_prefix(mark);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn digits(&mut self, count: usize) -> Option<i16> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        if is_digits(digits) { digits.parse().ok() } else { None }
    }

    fn two_digits(&mut self) -> Option<i8> {
        self.digits(2).and_then(|number| i8::try_from(number).ok())
    }

    fn time(&mut self) -> Option<Time> {
        let hour = self.two_digits()?;
        let minute = if self.accept(':') { self.two_digits()? } else { return None };
        let mut second = 0;
        let mut nanosecond = 0;
        if self.accept(':') {
            second = self.two_digits()?;
            if self.accept('.') {
                nanosecond = self.fraction()?;
            }
        }
        Time::new(hour, minute, second, nanosecond).ok()
    }

    /// Nanoseconds of a fraction of any length; what is finer is cut off.
    fn fraction(&mut self) -> Option<i32> {
        let end = self.rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        if digits.is_empty() {
            return None;
        }
        let nine = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
        nine.map(|octet| i32::from(octet - b'0')).reduce(|number, digit| number * 10 + digit)
    }

    fn zone(&mut self) -> Option<Offset> {
        if self.accept('Z') {
            return Some(Offset::UTC);
        }
        let sign = match (self.accept('+'), self.accept('-')) {
            (true, false) => 1,
            (false, true) => -1,
            _ => return None,
        };
        let hours = i32::from(self.two_digits()?);
        let minutes = if self.accept(':') { i32::from(self.two_digits()?) } else { return None };
        if hours > 23 || minutes > 59 {
            return None;
        }
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_form_of_the_note_and_the_epoch_are_read() {
        for (text, same) in [
            ("1969", "1969-01-01T00:00:00Z"),
            ("2026-06", "2026-06-01T00:00:00Z"),
            ("2026-06-01", "2026-06-01T00:00Z"),
            ("2018-08-31T12:00Z", "1535716800"),
            ("2026-06-01T00:00+05:30", "2026-05-31T18:30:00Z"),
            ("2025-12-31T19:00:00-05:00", "1767225600"),
            ("2026-01-01T00:00:00.000Z", "1767225600"),
            ("1969-12-31T23:59:59Z", "-1"),
        ] {
            assert_eq!(parse(text).unwrap(), parse(same).unwrap(), "{text}");
        }
        assert!(parse("2026-01-01T00:00:00.5Z") > parse("2026-01-01T00:00:00.4999999999Z"));
    }

    #[test]
    fn other_forms_are_none() {
        for text in [
            "",
            "-",
            "01/02/2026",
            "2026-01-01T00:00:00",
            "2026-1-1",
            "2026-02-30",
            "2026-01-01 00:00Z",
            "2026-",
            "2026-01-01T00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T24:00Z",
            "2026-01-01T00:00:00.Z",
            "20260101T000000Z",
            "2026-01-01T00:00+5:30",
            "2026-01-01T00:00Zx",
            "99999999999999999999",
            "-2026-01",
            "２０２６",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
