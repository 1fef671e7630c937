//! What the configuration only names: the text of files, the files that a pattern matches, certificates.
//!
//! Files are read whole and at once, so each has a bound. What a policy says is not looked at here.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// Far above what anyone writes by hand, and above a full bundle of CA certificates (about 220 KB).
const FILE_OCTETS_MAX: u64 = 1_048_576;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read `{path}`")]
    Unreadable {
        path: PathBuf,
        #[source]
        reason: io::Error,
    },
    #[error("`{path}` is a folder, not a file")]
    Folder { path: PathBuf },
    #[error("`{path}` is larger than 1 MiB")]
    TooLarge { path: PathBuf },
    #[error("`{path}` is not UTF-8: octet {octet} of line {line}")]
    NotUtf8 { path: PathBuf, line: usize, octet: usize },
}

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("`{path}` holds no certificate in PEM form")]
    None { path: PathBuf },
    #[error("`{path}` is not PEM")]
    NotPem {
        path: PathBuf,
        #[source]
        reason: pem::Error,
    },
    #[error("certificate {number} of `{path}` is unreadable")]
    Unreadable {
        path: PathBuf,
        number: usize,
        #[source]
        reason: rustls::Error,
    },
}

/// Why a pattern gave no files.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    #[error("`{pattern}` is not a pattern")]
    Malformed {
        pattern: String,
        #[source]
        reason: glob::PatternError,
    },
    #[error("no file matches `{pattern}`")]
    NoMatch { pattern: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
}

pub fn octets(path: &Path) -> Result<Vec<u8>, FileError> {
    let unreadable = |reason| FileError::Unreadable { path: path.to_owned(), reason };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(FileError::Folder { path: path.to_owned() });
    }
    let mut octets = Vec::new();
    let length = file.take(FILE_OCTETS_MAX.saturating_add(1)).read_to_end(&mut octets).map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length <= FILE_OCTETS_MAX) {
        Ok(octets)
    } else {
        Err(FileError::TooLarge { path: path.to_owned() })
    }
}

pub fn text(path: &Path) -> Result<String, FileError> {
    utf8(path, octets(path)?)
}

/// What was read from `path` as text.
pub fn utf8(path: &Path, octets: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(octets).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let lines = valid.split(|&byte| byte == b'\n');
        let octet = lines.clone().next_back().map_or(0, <[u8]>::len).saturating_add(1);
        let line = lines.count();
        FileError::NotUtf8 { path: path.to_owned(), line, octet }
    })
}

/// The end of the name of a file of policy tests, which may stand beside the policies and is none.
pub const CASES_SUFFIX: &str = ".test.toml";

/// The policies that `pattern` matches in `folder`.
pub fn policies(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, PatternError> {
    let mut paths = matches(folder, pattern)?;
    paths.retain(|path| !path.to_string_lossy().ends_with(CASES_SUFFIX));
    if paths.is_empty() { Err(PatternError::NoMatch { pattern: folder.join(pattern) }) } else { Ok(paths) }
}

/// The files that `pattern` matches in `folder`, by name. Hidden files do not match a `*`: editors leave theirs
/// behind, and a mounted `ConfigMap` keeps its old versions in hidden folders.
fn matches(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, PatternError> {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let literal_folder = Pattern::escape(&folder.to_string_lossy());
    let whole = Path::new(&literal_folder).join(pattern);
    let paths = glob::glob_with(&whole.to_string_lossy(), options)
        .map_err(|reason| PatternError::Malformed { pattern: pattern.to_owned(), reason })?
        .map(|path| {
            path.map_err(|error| FileError::Unreadable {
                path: error.path().to_owned(),
                reason: error.into(),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(paths)
}

/// The certificates in `pem`, each of which can vouch for somebody.
pub fn authorities(path: &Path, pem: &[u8]) -> Result<RootCertStore, CertificateError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|reason| CertificateError::NotPem { path: path.to_owned(), reason })?;
    if certificates.is_empty() {
        return Err(CertificateError::None { path: path.to_owned() });
    }
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1_usize..).zip(certificates) {
        roots.add(certificate).map_err(|reason| CertificateError::Unreadable {
            path: path.to_owned(),
            number,
            reason,
        })?;
    }
    Ok(roots)
}
