//! The figures of one run, and how those of several are held against each other.

use std::io::{Write as _, stdout};
use std::time::Duration;

/// What is told of a run, and with how many digits behind the point.
const COLUMNS: [(&str, usize); COUNT] = [
    ("mails/s", 0),
    ("CPU ms/mail", 3),
    ("p50 ms", 2),
    ("p99 ms", 2),
    ("p99.9 ms", 2),
    ("RSS MB", 1),
    ("SES conn./mail", 3),
];
const COUNT: usize = 7;
const NAME_WIDTH: usize = 34;
const WIDTH: usize = 15;

/// A figure for each column, if there is one.
#[derive(Debug, Clone, Copy)]
pub struct Figures(pub [Option<f64>; COUNT]);

impl Figures {
    /// Column by column, this one as a multiple of the other.
    pub fn of(self, other: Self) -> Self {
        let mut both = self.0.into_iter().zip(other.0);
        Self(std::array::from_fn(|_| match both.next() {
            Some((Some(own), Some(other))) if other > 0.0 => Some(own / other),
            _ => None,
        }))
    }

    /// Column by column, the middle one of several rounds.
    pub fn median(rounds: &[Self]) -> Self {
        Self(std::array::from_fn(|column| {
            let mut figures: Vec<f64> =
                rounds.iter().filter_map(|round| round.0.get(column).copied().flatten()).collect();
            figures.sort_unstable_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied()
        }))
    }

    pub fn print(self, name: &str) {
        self.print_with(name, |column| COLUMNS.get(column).map_or(0, |(_, digits)| *digits));
    }

    pub fn print_ratio(self, name: &str) {
        self.print_with(name, |_| 2);
    }

    pub fn mails_per_second(self) -> Option<f64> {
        self.0.first().copied().flatten()
    }

    fn print_with(self, name: &str, digits: impl Fn(usize) -> usize) {
        let cells = self.0.iter().enumerate().map(|(column, figure)| {
            figure.map_or("–".to_owned(), |figure| format!("{figure:.*}", digits(column)))
        });
        print_row(name, cells);
    }
}

pub fn print_header(scenario: &str) {
    print_row(scenario, COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
}

pub fn say(line: &str) {
    writeln!(stdout(), "{line}").expect("an output");
}

/// Of times in order, the one that so many of a thousand do not exceed.
pub fn quantile(times: &[Duration], per_mille: usize) -> Option<f64> {
    let last = times.len().checked_sub(1)?;
    times.get((times.len() * per_mille / 1000).min(last)).map(|time| time.as_secs_f64() * 1000.0)
}

pub fn ratio(count: usize, of: f64) -> Option<f64> {
    let count = f64::from(u32::try_from(count).ok()?);
    (of > 0.0).then(|| count / of)
}

fn print_row(name: &str, cells: impl Iterator<Item = String>) {
    let cells = cells.map(|cell| format!("{cell:>WIDTH$}"));
    say(&std::iter::once(format!("{name:<NAME_WIDTH$}")).chain(cells).collect::<String>());
}
