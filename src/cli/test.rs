//! `sesgate test`: the tests of policies that are kept beside them, and which statements they put to the test.

mod bench;
mod coverage;
mod junit;
mod report;

use std::fs;
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::paint::Paint;
use crate::cli::problems::{self, Shown};
use crate::cli::{Exit, explain};
use bench::Bench;
use coverage::Coverage;

/// The end of the names of files of policy tests.
const SUFFIX: &str = ".test.toml";
/// Folders within folders, far more than anyone keeps policies in.
const DEPTH_MAX: usize = 16;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 0 if all pass, 1 if one fails or too few statements decide one, 2 if one cannot be run."
)]
pub struct Arguments {
    /// Files of tests, or folders in which every `*.test.toml` is one
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Judge by this configuration and its policies, whatever the tests say of account and policies
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Fail unless so many of a hundred statements decide a test
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    min_coverage: Option<u8>,
    /// `text` for people, `json` for programs, `junit` for continuous integration
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Junit,
}

/// What became of all tests.
#[derive(Debug)]
struct Results {
    /// In the order of files and lines.
    cases: Vec<CaseResult>,
    coverage: Coverage,
    /// Percent of the statements that have to decide a test.
    coverage_min: Option<u8>,
}

/// What became of one.
#[derive(Debug)]
struct CaseResult {
    file: String,
    line: usize,
    name: String,
    /// Where it is not as expected; empty if it passed.
    differences: Vec<String>,
    reply: String,
}

impl Results {
    fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.differences.is_empty()).count()
    }

    fn is_covered(&self) -> bool {
        self.coverage_min.is_none_or(|min| self.coverage.percent() >= usize::from(min))
    }
}

pub fn run(arguments: &Arguments) -> Exit {
    match test(arguments) {
        Err(problems) => problems::refuse(&problems),
        Ok(results) => {
            let shown = match arguments.format {
                Format::Text => report::text(&results, Paint::detect()),
                Format::Json => format!("{:#}\n", report::json(&results)),
                Format::Junit => junit::render(&results),
            };
            let _ = stdout().write_all(shown.as_bytes());
            if results.failed() == 0 && results.is_covered() { Exit::Done } else { Exit::Failed }
        }
    }
}

fn test(arguments: &Arguments) -> Result<Results, Vec<Shown>> {
    let mut files = Vec::new();
    for path in &arguments.paths {
        let found = find(path, DEPTH_MAX);
        let found = found.map_err(|error| vec![problems::of_error(&path.display().to_string(), &error)])?;
        if found.is_empty() {
            let message = format!("no file under `{}` ends with `{SUFFIX}`", path.display());
            return Err(vec![problems::of_error("", &io::Error::other(message))]);
        }
        files.extend(found);
    }
    let mut bench = match &arguments.config {
        None => Bench::default(),
        Some(path) => {
            let (config, documents) = explain::configured(path, Vec::new())?;
            Bench::configured(config, documents)
        }
    };
    let mut cases = Vec::new();
    let mut wrong = Vec::new();
    for file in &files {
        let (results, problems) = bench.run(file);
        cases.extend(results);
        wrong.extend(problems);
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(Results { cases, coverage: bench.coverage(), coverage_min: arguments.min_coverage })
}

/// The file itself, or all in the folder, by name.
fn find(path: &Path, depth_left: usize) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Hidden folders are somebody else's; links may lead in circles.
        if name.starts_with('.') || entry.file_type()?.is_symlink() && entry.path().is_dir() {
            continue;
        }
        if entry.path().is_dir() {
            if let Some(depth_left) = depth_left.checked_sub(1) {
                found.extend(find(&entry.path(), depth_left)?);
            }
        } else if name.ends_with(SUFFIX) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
