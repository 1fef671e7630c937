//! Is it well, what comes through it, and what does it refuse.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::admin::page::row::{Row, clock, tone, word};
use crate::admin::page::{Frame, Here, html, policies};
use crate::admin::routes::Desk;
use crate::admin::shown::ShownDisagreement;
use crate::admin::subject::{self, Check};
use crate::telemetry::{Fate, Fates, Rates};

const REFUSALS_SHOWN: usize = 5;
const STATEMENTS_SHOWN: usize = 10;
/// Of the drawing, in its own units.
const BAR_HEIGHT_MAX: u32 = 40;

#[derive(Template)]
#[template(path = "overview.html", config = "src/admin/askama.toml")]
struct Overview {
    frame: Frame,
    checks: Vec<Check>,
    facts: Vec<(&'static str, String)>,
    rates: Rates,
    refusing: Vec<Refusing>,
    rows: Vec<Row>,
    /// If there is a candidate.
    disagreements: Option<Vec<ShownDisagreement>>,
}

/// A statement that has refused mail.
struct Refusing {
    title: String,
    document: String,
    address: String,
    mails: u64,
}

/// A minute of the last hour.
struct Bar {
    x: usize,
    sent: u32,
    others: u32,
    refused: u32,
}

pub(super) async fn show(State(desk): State<Desk>) -> Response {
    let subject = desk.subject();
    let recent = subject.recent();
    let is_refused = |fate| matches!(fate, Fate::Denied | Fate::NotAllowed | Fate::NotJudged);
    let newest = recent.newest();
    let refused = newest.iter().filter(|seen| is_refused(seen.fate)).filter_map(|seen| seen.record());
    html(&Overview {
        frame: Frame::new(subject, Here::Overview),
        checks: subject.readiness().checks,
        facts: subject.setting().facts,
        disagreements: subject.disagreements(),
        rates: recent.rates(),
        refusing: refusing(&desk),
        rows: refused.take(REFUSALS_SHOWN).map(|record| Row::of(&record)).collect(),
    })
}

/// The statements that denied the most.
fn refusing(desk: &Desk) -> Vec<Refusing> {
    let hits = desk.subject().recent().hits();
    let documents = desk.subject().documents();
    let mut refusing = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        for statement in document.statements.iter().filter(|statement| statement.effect == "Deny") {
            let Some(mails) = hits.get(&statement.place).copied() else { continue };
            let (title, document) = (statement.title.clone(), document.name.clone());
            let address = policies::address(index, statement.first_line);
            refusing.push(Refusing { title, document, address, mails });
        }
    }
    refusing.sort_by_key(|refusing| std::cmp::Reverse(refusing.mails));
    refusing.truncate(STATEMENTS_SHOWN);
    refusing
}

impl Overview {
    /// A row for each fate: its tone and word, in the last minute, in the last hour.
    fn counts(&self) -> Vec<(&'static str, &'static str, u32, u32)> {
        let Rates { last_minute, last_hour, .. } = &self.rates;
        Fate::ALL.map(|fate| (tone(fate), word(fate), last_minute.of(fate), last_hour.of(fate))).into()
    }

    fn busiest(&self) -> u32 {
        self.rates.minutes.iter().map(Fates::all).max().unwrap_or_default()
    }

    /// Each minute's heights, bottom up.
    fn bars(&self) -> Vec<Bar> {
        let busiest = self.busiest().max(1);
        let height = |mails: u32| mails.saturating_mul(BAR_HEIGHT_MAX).div_ceil(busiest);
        let bar = |(x, fates): (usize, &Fates)| Bar {
            x: x * 6,
            sent: height(fates.of(Fate::Sent)),
            others: height(fates.of(Fate::NotSent).saturating_add(fates.of(Fate::LetThrough))),
            refused: height(fates.refused()),
        };
        self.rates.minutes.iter().enumerate().map(bar).collect()
    }
}

impl ShownDisagreement {
    fn clock(&self) -> &str {
        clock(&self.time)
    }
}

impl Check {
    fn tone(&self) -> &'static str {
        match self.state {
            subject::State::Well => "good",
            subject::State::Doubtful => "doubt",
            subject::State::Failing => "bad",
        }
    }

    fn word(&self) -> &'static str {
        match self.state {
            subject::State::Well => "well",
            subject::State::Doubtful => "look",
            subject::State::Failing => "failing",
        }
    }
}

impl Bar {
    /// The parts as (tone, top, height).
    fn parts(&self) -> [(&'static str, u32, u32); 3] {
        let floor = BAR_HEIGHT_MAX + 2;
        let sent = floor.saturating_sub(self.sent);
        let others = sent.saturating_sub(self.others);
        let refused = others.saturating_sub(self.refused);
        [("good", sent, self.sent), ("doubt", others, self.others), ("bad", refused, self.refused)]
    }
}
