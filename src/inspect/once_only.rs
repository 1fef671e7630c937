//! Fields that may be there once only: of two, one reader takes the first and another the last.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::inspect::defect::{Defect, Excerpt};
use crate::inspect::header::Header;

/// The fields that SES takes once only ("Amazon SES header fields"), and those that RFC 5322 section 3.6 does:
/// Bcc, Cc and To are on the second list only. In lower case, short ones first, those of one length in
/// order.
const ONCE_ONLY: [&str; 62] = [
    "cc",
    "to",
    "bcc",
    "date",
    "from",
    "sender",
    "list-id",
    "subject",
    "comments",
    "keywords",
    "priority",
    "reply-to",
    "vbr-info",
    "errors-to",
    "list-help",
    "list-post",
    "bounces-to",
    "content-id",
    "importance",
    "list-owner",
    "message-id",
    "precedence",
    "references",
    "user-agent",
    "archived-at",
    "content-md5",
    "in-reply-to",
    "return-path",
    "sensitivity",
    "content-base",
    "content-type",
    "delivered-to",
    "list-archive",
    "mime-version",
    "organization",
    "solicitation",
    "thread-index",
    "thread-topic",
    "content-class",
    "original-from",
    "acceptlanguage",
    "auto-submitted",
    "content-length",
    "dkim-signature",
    "list-subscribe",
    "accept-language",
    "message-context",
    "content-duration",
    "content-language",
    "content-location",
    "list-unsubscribe",
    "original-subject",
    "return-receipt-to",
    "original-recipient",
    "content-alternative",
    "content-description",
    "content-disposition",
    "domainkey-signature",
    "original-message-id",
    "content-transfer-encoding",
    "disposition-notification-to",
    "disposition-notification-options",
];

/// Refuses a header in which a field that may be there once only is there twice.
pub(super) fn check(header: &Header<'_>) -> Result<(), Defect> {
    let (mut seen, mut seen_of_ses) = ([false; ONCE_ONLY.len()], BTreeSet::new());
    for field in header.fields() {
        let name = header.name(field);
        let is_first = if is_of_ses(name) {
            seen_of_ses.insert(name.to_ascii_lowercase())
        } else {
            let known = ONCE_ONLY.binary_search_by(|known| compare(known, name)).ok();
            known.and_then(|known| seen.get_mut(known)).is_none_or(|seen| !std::mem::replace(seen, true))
        };
        if !is_first {
            return Err(Defect::Repeated { line: field.line, field: Excerpt::new(name) });
        }
    }
    Ok(())
}

/// The order of the list, without regard to case. Lengths tell most names apart at once.
fn compare(known: &str, name: &str) -> Ordering {
    let lower = |octet: u8| octet.to_ascii_lowercase();
    known.len().cmp(&name.len()).then_with(|| known.bytes().cmp(name.bytes().map(lower)))
}

/// The fields by which SES is told what to do: a family by its prefix, since SES adds to it.
pub(super) fn is_of_ses(name: &str) -> bool {
    name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("X-SES-"))
}

#[cfg(test)]
mod tests {
    use super::{ONCE_ONLY, compare};

    #[test]
    fn the_list_is_in_order() {
        assert!(ONCE_ONLY.is_sorted_by(|one, next| compare(one, next).is_lt()));
    }
}
