//! A file of lines that does not grow without end: at its greatest size it is put aside as `<name>.1`, which becomes
//! `<name>.2`, and so on.
//!
//! A file that somebody else moved away, as logrotate does, is noticed before the next line: no signal is needed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

use crate::telemetry::outlet::Destination;

/// Who is no member of the relay's group has no business with other people's addresses.
const MODE: u32 = 0o640;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    pub path: PathBuf,
    /// Of one file.
    pub octets_max: u64,
    /// With the one that is written to.
    pub files_max: usize,
}

#[derive(Debug)]
pub(super) struct RotatedFile {
    settings: FileSettings,
    file: File,
    octets: u64,
    /// The size at which it is put aside.
    rotates_at: u64,
}

impl RotatedFile {
    pub(super) fn open(settings: FileSettings) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(MODE).open(&settings.path)?;
        let octets = file.metadata()?.len();
        Ok(Self { rotates_at: settings.octets_max, settings, file, octets })
    }

    /// Whether the path leads to another file by now, or to none.
    fn is_moved(&self) -> io::Result<bool> {
        let own = self.file.metadata()?;
        match fs::metadata(&self.settings.path) {
            Ok(there) => Ok((own.dev(), own.ino()) != (there.dev(), there.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// How many of these lines it may hold beside what it holds: one at least.
    fn room(&self, lines: &[Arc<[u8]>]) -> usize {
        let mut octets = self.octets;
        let fitting = lines.iter().take_while(|line| {
            octets = octets.saturating_add(octets_of(line));
            octets <= self.rotates_at
        });
        fitting.count().max(1)
    }

    fn append(&mut self, lines: &[Arc<[u8]>]) -> io::Result<usize> {
        let octets = lines.concat();
        if let Err(error) = self.file.write_all(&octets) {
            // Half a line, on a full disk, would spoil the next one too.
            let _ = self.file.set_len(self.octets);
            return Err(error);
        }
        self.octets = self.octets.saturating_add(octets_of(&octets));
        Ok(lines.len())
    }

    fn rotate(&self) -> io::Result<()> {
        let path = &self.settings.path;
        for number in (1..self.settings.files_max).rev() {
            let from = if number == 1 { path.clone() } else { aside(path, number.saturating_sub(1)) };
            match fs::rename(from, aside(path, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        if self.settings.files_max == 1 { fs::remove_file(path) } else { Ok(()) }
    }
}

fn octets_of(text: &[u8]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// `audit.jsonl.1`
fn aside(path: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

impl Destination for RotatedFile {
    /// As many in one go as the file may hold; where these fail, the first alone, for which there may be room.
    fn write_lines(&mut self, lines: &[Arc<[u8]>]) -> io::Result<usize> {
        let Some(first) = lines.first() else { return Ok(0) };
        let is_full = self.octets > 0 && self.octets.saturating_add(octets_of(first)) > self.rotates_at;
        if self.is_moved()? {
            *self = Self::open(self.settings.clone())?;
        } else if is_full {
            match self.rotate() {
                Ok(()) => *self = Self::open(self.settings.clone())?,
                Err(error) => {
                    // A file that is too large is better than none.
                    tracing::error!(%error, file = %self.settings.path.display(), "cannot put the full file aside");
                    self.rotates_at = self.octets.saturating_add(self.settings.octets_max);
                }
            }
        }
        let (now, _) = lines.split_at(self.room(lines).min(lines.len()));
        match self.append(now) {
            Err(_) if now.len() > 1 => self.append(slice::from_ref(first)),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use super::{FileSettings, RotatedFile};
    use crate::telemetry::outlet::Destination;

    fn open(folder: &Path, files_max: usize) -> RotatedFile {
        let path = folder.join("audit.jsonl");
        RotatedFile::open(FileSettings { path, octets_max: 10, files_max }).unwrap()
    }

    /// Until all are written, as an outlet does.
    fn write(file: &mut RotatedFile, lines: &[&str]) {
        let lines: Vec<Arc<[u8]>> = lines.iter().map(|line| line.as_bytes().into()).collect();
        let mut rest = lines.as_slice();
        while !rest.is_empty() {
            rest = &rest[file.write_lines(rest).unwrap()..];
        }
    }

    fn files(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<_> =
            entries.map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect();
        files.sort();
        files
    }

    fn expected(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_goes() {
        let lines = ["aaaa\n", "bbbb\n", "cccc\n", "more than ten\n", "dddd\n", "eeee\n", "ffff\n"];
        let names = [
            ("audit.jsonl", "ffff\n"),
            ("audit.jsonl.1", "dddd\neeee\n"),
            ("audit.jsonl.2", "more than ten\n"),
        ];
        for at_once in 1..=lines.len() {
            let folder = tempfile::tempdir().unwrap();
            let mut file = open(folder.path(), 3);
            lines.chunks(at_once).for_each(|lines| write(&mut file, lines));
            assert_eq!(files(folder.path()), expected(&names), "{at_once} at once");
        }
    }

    #[test]
    fn a_file_that_is_the_only_one_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        write(&mut open(folder.path(), 1), &["aaaa\n", "bbbb\n", "cccc\n"]);
        assert_eq!(files(folder.path()), expected(&[("audit.jsonl", "cccc\n")]));
    }

    #[test]
    fn a_file_goes_on_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        for line in ["aaaa\n", "bbbb\n", "cccc\n"] {
            write(&mut open(folder.path(), 2), &[line]);
        }
        let names = [("audit.jsonl", "cccc\n"), ("audit.jsonl.1", "aaaa\nbbbb\n")];
        assert_eq!(files(folder.path()), expected(&names));
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = open(folder.path(), 2);
        write(&mut file, &["a\n"]);
        fs::rename(folder.path().join("audit.jsonl"), folder.path().join("yesterday")).unwrap();
        write(&mut file, &["b\n"]);
        fs::remove_file(folder.path().join("audit.jsonl")).unwrap();
        write(&mut file, &["c\n"]);
        assert_eq!(files(folder.path()), expected(&[("audit.jsonl", "c\n"), ("yesterday", "a\n")]));
    }

    #[test]
    fn a_full_disk_leaves_no_half_line() {
        // Every write to it fails, as on a full disk.
        let settings = FileSettings { path: "/dev/full".into(), octets_max: 10, files_max: 1 };
        let error = RotatedFile::open(settings).unwrap().write_lines(&[b"a\n"[..].into()]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}
