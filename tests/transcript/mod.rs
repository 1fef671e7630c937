//! One dialogue between a client, the relay and SES, and the engine that plays it.

mod line;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use line::{Expected, Line, Octets};
pub use line::{Voice, matches};
use stage::Stage;

/// How the octets of the client and of SES reach the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    Whole,
    Octets,
}

#[derive(Default)]
pub struct Transcript {
    environment: Vec<(String, String)>,
    lines: Vec<(String, Line)>,
}

/// A transcript while it is played.
struct Play {
    stage: Stage,
    /// The id of the last mail's decision, once it was heard.
    decision: Option<String>,
    /// By the client.
    heard: Vec<String>,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

impl Transcript {
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::parse(&text_of(path)?)
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let mut transcript = Self::default();
        transcript.add("line ", text, 1)?;
        Ok(transcript)
    }

    /// Plays it from the first line to the last. What the client heard comes back.
    pub fn play(&self, cut: Cut) -> Result<Vec<String>, String> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut play =
                Play { stage: Stage::new(&self.environment, cut)?, decision: None, heard: Vec::new() };
            for (place, line) in &self.lines {
                play.line(line).await.map_err(|error| format!("{place}: {error}"))?;
            }
            play.stage.expect_silence().await?;
            Ok(play.heard)
        })
    }

    /// `number` stands for `{n}`, unless a line counts for itself.
    fn add(&mut self, place: &str, text: &str, number: usize) -> Result<(), String> {
        for (line_number, line) in (1..).zip(text.lines()) {
            let place = format!("{place}{line_number}");
            let (numbers, line) = match line.split_once("x ") {
                Some((times, line)) if times.bytes().all(|octet| octet.is_ascii_digit()) => {
                    (1..=times.parse().map_err(|error| format!("{place}: `{times}`: {error}"))?, line)
                }
                _ => (number..=number, line),
            };
            for number in numbers {
                self.add_line(&place, &line.replace("{n}", &number.to_string()), number)?;
            }
        }
        Ok(())
    }

    fn add_line(&mut self, place: &str, line: &str, number: usize) -> Result<(), String> {
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(part) = line.strip_prefix("play ") {
            let text = text_of(&folder().join("parts").join(part).with_extension("smtp"))?;
            return self.add(&format!("{place}, {part}:"), &text, number);
        }
        if let Some((key, value)) = line.strip_prefix("SESGATE_").and_then(|setting| setting.split_once('='))
        {
            self.environment.push((format!("SESGATE_{key}"), value.to_owned()));
        } else {
            let line = Line::parse(line).map_err(|error| format!("{place}: {error}"))?;
            self.lines.push((place.to_owned(), line));
        }
        Ok(())
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

impl Play {
    async fn line(&mut self, line: &Line) -> Result<(), String> {
        match line {
            Line::Says(voice, Octets::Some(octets)) => self.stage.say(*voice, octets).await,
            Line::Says(voice, Octets::End) => self.stage.end(*voice).await,
            Line::Hears(_, Expected::Connect) => self.stage.accept().await,
            Line::Hears(_, Expected::Refused) => self.stage.refuse().await,
            Line::Hears(voice, Expected::End) => match self.stage.hear(*voice).await? {
                None => Ok(()),
                Some(line) => Err(format!("expected the end of the connection, heard `{line}`")),
            },
            Line::Hears(voice, Expected::Line(expected)) => {
                let heard = self.stage.hear(*voice).await?;
                let heard =
                    heard.ok_or_else(|| format!("expected `{expected}`, heard the end of the connection"))?;
                self.compare(expected, &heard)?;
                if *voice == Voice::Client {
                    self.heard.push(heard);
                }
                Ok(())
            }
            Line::Audits(expected) => {
                let record = self.stage.audited().ok_or("the audit log has no more records")?;
                self.compare(expected, &record)
            }
            Line::Wait(duration) => {
                tokio::time::sleep(*duration).await;
                Ok(())
            }
            Line::Drain => {
                self.stage.drain();
                Ok(())
            }
        }
    }

    /// The first decision id that is heard behind 354 is the one that all others must equal.
    fn compare(&mut self, expected: &str, heard: &str) -> Result<(), String> {
        if heard.starts_with("354 ") {
            self.decision = None;
        }
        let is_it = |decision: &&str| matches(&expected.replace("<decision>", decision), heard);
        let found = match &self.decision {
            Some(decision) => Some(decision.as_str()).filter(is_it),
            None => heard.split(|character: char| !character.is_ascii_alphanumeric()).find(is_it),
        };
        match found {
            None => Err(format!("expected `{expected}`\n            heard `{heard}`")),
            Some(decision) if expected.contains("<decision>") => {
                self.decision = Some(decision.to_owned());
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }
}
