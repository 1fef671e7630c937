//! SES's words made fit for others: one bounded line of printable ASCII, less what the reader has no business
//! to know. A client must not learn about the account, a log keeps no mail addresses.

/// A reply to a client must fit a line of 512 octets (RFC 5321 section 4.5.3.1.5), with our own words.
const PUBLIC_OCTETS_MAX: usize = 200;
const LOG_OCTETS_MAX: usize = 1000;
const ACCOUNT_NUMBER_DIGITS: usize = 12;
const CUT: &str = "...";
const REMOVED: &str = "[...]";
/// What can stand around a name in a text of SES, which opens with a back-tick and closes with an apostrophe.
const QUOTES: [char; 4] = ['`', '\'', '"', ' '];

/// Less ARNs, account numbers and the names of IAM users.
pub(super) fn without_account(text: &str) -> String {
    let text = without_account_numbers(&without_user_names(&without_arns(&one_line(text))));
    bounded(text, PUBLIC_OCTETS_MAX)
}

/// Less everything that could be a mail address.
pub(super) fn without_addresses(text: &str) -> String {
    let words = one_line(text)
        .split(' ')
        .map(|word| if word.contains('@') { REMOVED.to_owned() } else { word.to_owned() })
        .collect::<Vec<_>>();
    bounded(words.join(" "), LOG_OCTETS_MAX)
}

/// Printable ASCII, single spaces.
fn one_line(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
    printable.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// From `arn:` to the next quote or space. A comma or an at sign may be part of a user's name.
fn without_arns(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find("arn:") {
        let (before, arn) = rest.split_at(at);
        let end = arn.find(QUOTES).unwrap_or(arn.len());
        shown.push_str(before);
        shown.push_str(REMOVED);
        rest = arn.split_at(end).1;
    }
    shown + rest
}

/// The word after `User`, quoted or after a colon, as in ``User `x' is not authorized``.
fn without_user_names(text: &str) -> String {
    let mut shown = Vec::new();
    let mut names_user = false;
    for word in text.split(' ') {
        shown.push(if names_user { REMOVED } else { word });
        names_user =
            matches!(word.to_ascii_lowercase().as_str(), "user" | "user:" | "username" | "username:");
    }
    shown.join(" ")
}

fn without_account_numbers(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, after) = digits.split_at(end);
        shown.push_str(before);
        shown.push_str(if number.len() == ACCOUNT_NUMBER_DIGITS { REMOVED } else { number });
        rest = after;
    }
    shown + rest
}

fn bounded(mut text: String, octets_max: usize) -> String {
    if text.len() > octets_max {
        text.truncate(octets_max - CUT.len());
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{without_account, without_addresses};

    #[test]
    fn a_client_reads_the_reason_and_nothing_of_the_account() {
        let long = format!("Transaction failed: {}", "x".repeat(300));
        for (text, expected) in [
            (
                "Access denied: User `arn:aws:iam::111122223333:user/mail,er@x' is not authorized to perform \
                 `ses:SendRawEmail' on resource `arn:aws:ses:eu-west-2:111122223333:identity/example.com'",
                "Access denied: User [...] is not authorized to perform `ses:SendRawEmail' on resource `[...]'",
            ),
            ("User: ARN:aws:sts::111122223333:assumed-role/r/s is not", "User: [...] is not"),
            ("Access denied: User `mailer' is not authorized", "Access denied: User [...] is not authorized"),
            ("the account 111122223333, or 1111222233334", "the account [...], or 1111222233334"),
            (
                "Message rejected: Email address is not verified. The following identities failed the check in \
                 region US-EAST-1: yoyo <yoyo@domain.com>, yoyo@domain.com",
                "Message rejected: Email address is not verified. The following identities failed the check in \
                 region US-EAST-1: yoyo <yoyo@domain.com>, yoyo@domain.com",
            ),
            (
                "Transaction failed: Duplicate header 'Content-Type'.",
                "Transaction failed: Duplicate header 'Content-Type'.",
            ),
            ("two\r\n250 lines\t\u{1b}[31mredü", "two 250 lines [31mred"),
            (&long, &format!("Transaction failed: {}...", "x".repeat(177))),
        ] {
            assert_eq!(without_account(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_ses_says_becomes_a_bounded_line_of_printable_ascii(text in "(\\PC|arn:|[0-9]{12}|User |[\\r\\n])*") {
            let shown = without_account(&text);
            assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && shown.len() <= 200, "{shown}");
            assert!(!shown.to_ascii_lowercase().contains("arn:"), "{shown}");
            assert!(!without_addresses(&text).contains('@'));
        }
    }

    #[test]
    fn a_log_reads_the_reason_and_no_address() {
        assert_eq!(
            without_addresses("not verified: in US-EAST-1: Yo <yo@domain.com>, yo@domain.com"),
            "not verified: in US-EAST-1: Yo [...] [...]"
        );
    }
}
