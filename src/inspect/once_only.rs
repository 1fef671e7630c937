//! Fields that may be there once only: of two, one reader takes the first and another the last.

use std::cmp::Ordering;

use crate::inspect::defect::{Defect, Excerpt};
use crate::inspect::header::{Field, Header};

/// The fields that SES takes once only ("Amazon SES header fields"), and those that RFC 5322 section 3.6 does:
/// Bcc, Cc and To are on the second list only. In lower case and in order.
const ONCE_ONLY: [&str; 62] = [
    "accept-language",
    "acceptlanguage",
    "archived-at",
    "auto-submitted",
    "bcc",
    "bounces-to",
    "cc",
    "comments",
    "content-alternative",
    "content-base",
    "content-class",
    "content-description",
    "content-disposition",
    "content-duration",
    "content-id",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-transfer-encoding",
    "content-type",
    "date",
    "delivered-to",
    "disposition-notification-options",
    "disposition-notification-to",
    "dkim-signature",
    "domainkey-signature",
    "errors-to",
    "from",
    "importance",
    "in-reply-to",
    "keywords",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "message-context",
    "message-id",
    "mime-version",
    "organization",
    "original-from",
    "original-message-id",
    "original-recipient",
    "original-subject",
    "precedence",
    "priority",
    "references",
    "reply-to",
    "return-path",
    "return-receipt-to",
    "sender",
    "sensitivity",
    "solicitation",
    "subject",
    "thread-index",
    "thread-topic",
    "to",
    "user-agent",
    "vbr-info",
];

/// Refuses a header in which a field that may be there once only is there twice.
pub(super) fn check(header: &Header<'_>) -> Result<(), Defect> {
    let mut seen: Vec<(&str, &Field)> = Vec::with_capacity(header.fields().len());
    for field in header.fields() {
        let name = header.name(field);
        if is_of_ses(name) || ONCE_ONLY.binary_search_by(|known| compare(known, name)).is_ok() {
            seen.push((name, field));
        }
    }
    // A stable sort: of two with the same name, the later in the header comes second.
    seen.sort_by(|(first, _), (second, _)| compare(first, second));
    let repeated = seen.windows(2).filter_map(|pair| match pair {
        [(first, _), (second, field)] if compare(first, second).is_eq() => Some((field.line, second)),
        _ => None,
    });
    match repeated.min_by_key(|(line, _)| *line) {
        Some((line, name)) => Err(Defect::Repeated { line, field: Excerpt::new(name) }),
        None => Ok(()),
    }
}

/// The order of names without regard to case.
fn compare(first: &str, second: &str) -> Ordering {
    let lower = |octet: u8| octet.to_ascii_lowercase();
    first.bytes().map(lower).cmp(second.bytes().map(lower))
}

/// The fields by which SES is told what to do: a family by its prefix, since SES adds to it.
pub(super) fn is_of_ses(name: &str) -> bool {
    name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("X-SES-"))
}

#[cfg(test)]
mod tests {
    use super::ONCE_ONLY;

    #[test]
    fn the_list_is_in_order() {
        assert!(ONCE_ONLY.is_sorted());
    }
}
