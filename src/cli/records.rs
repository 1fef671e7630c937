//! Audit records as files have them: a line each, read one by one, however many there are.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};

use crate::cli::problems::{self, Shown};
use crate::telemetry::Record;

/// Far above the record of a mail to a thousand recipients.
const LINE_OCTETS_MAX: u64 = 4 * 1024 * 1024;

/// The lines that are none of a record, as half a line is that a full disk or a crash left behind.
#[derive(Debug, Default)]
pub struct Unread {
    pub lines: usize,
    /// File and line of the first.
    pub first: Option<String>,
}

/// Hands each record of the files to `take`, in order. `-` is standard input.
pub fn read(paths: &[PathBuf], mut take: impl FnMut(&Record<'_>)) -> Result<Unread, Vec<Shown>> {
    let mut unread = Unread::default();
    for path in paths {
        let read = if path == Path::new("-") {
            lines(stdin().lock(), path, &mut unread, &mut take)
        } else {
            File::open(path).and_then(|file| lines(BufReader::new(file), path, &mut unread, &mut take))
        };
        read.map_err(|error| vec![problems::of_error(&path.display().to_string(), &error)])?;
    }
    Ok(unread)
}

fn lines(
    mut input: impl BufRead,
    path: &Path,
    unread: &mut Unread,
    take: &mut impl FnMut(&Record<'_>),
) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1_usize.. {
        line.clear();
        if input.by_ref().take(LINE_OCTETS_MAX).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        if let Ok(record) = serde_json::from_slice::<Record<'_>>(&line) {
            take(&record);
        } else {
            unread.lines = unread.lines.saturating_add(1);
            unread.first.get_or_insert_with(|| format!("{}:{number}", path.display()));
        }
    }
    Ok(())
}
