//! Documents as texts: their version, their size, their characters.

use crate::json::Span;
use crate::policy::compile::Kind;
use crate::policy::finding::Path;
use crate::policy::lint::catalogue::{CHARSET, IDENTITY_SIZE, MISSING_VERSION};
use crate::policy::lint::subject::Place;
use crate::policy::lint::{Notes, Reading};

/// Of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas").
const IDENTITY_CHARACTERS_MAX: usize = 6144;
/// Of a sending authorization policy (SES developer guide, "Policy structure").
const RESOURCE_OCTETS_MAX: usize = 4096;

pub(super) fn lint(document: usize, reading: &Reading<'_>, notes: &mut Notes) {
    let text = reading.source.text;
    let whole = |start: usize, end: usize| Place { span: Span { start, end }, path: Path::Root.to_string() };
    let start = text.len() - text.trim_start().len();
    let first = || whole(start, start + 1);
    if !reading.has_version {
        let message = "without a Version this is the language of 2008, which has no variables";
        let fix = "add \"Version\": \"2012-10-17\"".to_owned();
        notes.push(document, MISSING_VERSION.at(first(), message, fix));
    }
    let (size, size_max, what) = match reading.kind {
        Kind::Identity => {
            let size = text.chars().filter(|character| !character.is_whitespace()).count();
            (size, IDENTITY_CHARACTERS_MAX, "characters without white space, and IAM")
        }
        Kind::Resource => (text.len(), RESOURCE_OCTETS_MAX, "octets, and SES"),
    };
    if size > size_max {
        let message = format!("the document has {size} {what} takes {size_max}");
        notes.push(document, IDENTITY_SIZE.at(first(), message, None));
    }
    let foreign = text.char_indices().find(|(_, character)| *character > '\u{ff}');
    if let Some((at, character)) = foreign {
        let message = format!("IAM takes no character beyond Latin-1 in a policy, such as `{character}`");
        notes.push(document, CHARSET.at(whole(at, at + character.len_utf8()), message, None));
    }
}
