//! What was read for a configuration: which files, with which content, and what patterns matched. Looking again
//! tells whether any of it has changed.
//!
//! It is looked, and nobody is asked to tell: orchestrators replace mounted files in ways that tell no watcher of a
//! file (Kubernetes turns a symlink two folders above it), and few small files are quickly read. The content counts,
//! not its date, which a copy may keep.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use super::load::{self, FileError, PatternError};

/// What was read. A file that could not be read is part of it: that it can be is a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    files: BTreeMap<PathBuf, Option<Digest>>,
    /// What each pattern matched in each folder.
    patterns: BTreeMap<(PathBuf, String), Vec<PathBuf>>,
}

type Digest = [u8; 32];

impl Footprint {
    /// The same files and patterns as they are now, and what the patterns match besides.
    #[must_use]
    pub fn retake(&self) -> Self {
        let mut now = Self::default();
        for (folder, pattern) in self.patterns.keys() {
            let matched = load::policies(folder, pattern).unwrap_or_default();
            for path in &matched {
                now.look_at(path);
            }
            now.patterns.insert((folder.clone(), pattern.clone()), matched);
        }
        for path in self.files.keys() {
            now.look_at(path);
        }
        now
    }

    /// With what an earlier one looked at, as it is now. A file that is not even TOML names nothing, and what it named
    /// before is still to be looked at.
    #[must_use]
    pub fn and_what_is_in(self, earlier: &Self) -> Self {
        let mut both = earlier.retake();
        both.files.extend(self.files);
        both.patterns.extend(self.patterns);
        both
    }

    fn look_at(&mut self, path: &Path) {
        if !self.files.contains_key(path) {
            self.remember(path, load::octets(path).as_deref());
        }
    }

    fn remember(&mut self, path: &Path, read: Result<&[u8], &FileError>) {
        self.files.insert(path.to_owned(), read.ok().map(of));
    }
}

fn of(octets: &[u8]) -> Digest {
    let mut content = Digest::default();
    content.iter_mut().zip(digest(&SHA256, octets).as_ref()).for_each(|(to, from)| *to = *from);
    content
}

/// The files around a configuration: reads them, and keeps the footprint.
#[derive(Debug)]
pub struct Files<'a> {
    /// Where relative paths begin.
    folder: &'a Path,
    footprint: RefCell<Footprint>,
}

impl<'a> Files<'a> {
    pub fn of(folder: &'a Path) -> Self {
        Self { folder, footprint: RefCell::default() }
    }

    pub fn path(&self, named: impl AsRef<Path>) -> PathBuf {
        self.folder.join(named)
    }

    pub fn octets(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        let read = load::octets(path);
        self.footprint.borrow_mut().remember(path, read.as_deref());
        read
    }

    pub fn text(&self, path: &Path) -> Result<String, FileError> {
        load::utf8(path, self.octets(path)?)
    }

    /// The policies that `pattern` matches.
    pub fn policies(&self, pattern: &str) -> Result<Vec<PathBuf>, PatternError> {
        let matched = load::policies(self.folder, pattern);
        let remembered = matched.as_ref().map(Vec::clone).unwrap_or_default();
        let key = (self.folder.to_owned(), pattern.to_owned());
        self.footprint.borrow_mut().patterns.insert(key, remembered);
        matched
    }

    pub fn footprint(self) -> Footprint {
        self.footprint.into_inner()
    }
}
