//! Reads a header block with the eyes of the far side: leniently, and where two readings are possible, by the
//! one that finds more. A bare LF ends a line, and a space before the colon does not hide a field.

use memchr::memchr_iter;

use crate::sandbox::addresses;
use crate::sandbox::answer::HeaderFault;

/// SES has a limit and does not tell it.
const HEADER_OCTETS_MAX: usize = 256 * 1024;

/// The fields of a mail that SES takes at most once.
const ONCE_ONLY: &[&str] = &[
    "Accept-Language",
    "acceptLanguage",
    "Archived-At",
    "Auto-Submitted",
    "Bounces-To",
    "Comments",
    "Content-Alternative",
    "Content-Base",
    "Content-Class",
    "Content-Description",
    "Content-Disposition",
    "Content-Duration",
    "Content-ID",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-MD5",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "Delivered-To",
    "Disposition-Notification-Options",
    "Disposition-Notification-To",
    "DKIM-Signature",
    "DomainKey-Signature",
    "Errors-To",
    "From",
    "Importance",
    "In-Reply-To",
    "Keywords",
    "List-Archive",
    "List-Help",
    "List-Id",
    "List-Owner",
    "List-Post",
    "List-Subscribe",
    "List-Unsubscribe",
    "Message-Context",
    "Message-ID",
    "MIME-Version",
    "Organization",
    "Original-From",
    "Original-Message-ID",
    "Original-Recipient",
    "Original-Subject",
    "Precedence",
    "Priority",
    "References",
    "Reply-To",
    "Return-Path",
    "Return-Receipt-To",
    "Sender",
    "Solicitation",
    "Sensitivity",
    "Subject",
    "Thread-Index",
    "Thread-Topic",
    "User-Agent",
    "VBR-Info",
];

/// The fields in which every address must be one.
const ADDRESS_FIELDS: &[&str] = &["From", "Sender", "Return-Path", "Reply-To", "To", "Cc", "Bcc"];

/// The fields of a mail, in order, unfolded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Header {
    fields: Vec<Field>,
}

#[derive(Debug, PartialEq, Eq)]
struct Field {
    name: String,
    value: String,
}

impl Header {
    /// Reads as far as the first empty line.
    pub fn read(message: &[u8]) -> Result<Self, HeaderFault> {
        let block = header_block(message).ok_or(HeaderFault::TooLong)?;
        let mut fields: Vec<Field> = Vec::new();
        for line in block.split_inclusive(|octet| *octet == b'\n') {
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            if text.starts_with([' ', '\t']) {
                if let Some(field) = fields.last_mut() {
                    field.value.push_str(&text);
                }
            } else if let Some((name, value)) = text.split_once(':') {
                let (name, value) = (name.trim_end().to_owned(), value.trim().to_owned());
                fields.push(Field { name, value });
            }
        }
        Ok(Self { fields })
    }

    /// What SES demands of a header before it looks at who is sending.
    pub fn check(&self) -> Result<(), HeaderFault> {
        if self.fields.iter().any(|field| field.name.is_empty()) {
            return Err(HeaderFault::EmptyName);
        }
        if let Some(name) = ONCE_ONLY.iter().find(|name| self.all(name).nth(1).is_some()) {
            return Err(HeaderFault::Duplicate(name));
        }
        for name in ADDRESS_FIELDS {
            self.addresses(name)?;
        }
        if self.addresses("From")?.is_empty() { Err(HeaderFault::NoFrom) } else { Ok(()) }
    }

    /// Name and value of each.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (field.name.as_str(), field.value.as_str()))
    }

    /// The values of all fields of that name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_named = move |field: &&Field| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(is_named).map(|field| field.value.as_str())
    }

    /// The bare addresses in all fields of that name.
    pub fn addresses(&self, name: &str) -> Result<Vec<String>, HeaderFault> {
        let mut found = Vec::new();
        for value in self.all(name) {
            found.extend(addresses::list(value)?);
        }
        Ok(found)
    }

    /// The fields that steer SES, which it takes out before delivery.
    pub fn ses_fields(&self) -> Vec<(String, String)> {
        let steers = |field: &&Field| field.name.to_ascii_lowercase().starts_with("x-ses-");
        let pair = |field: &Field| (field.name.clone(), field.value.clone());
        self.fields.iter().filter(steers).map(pair).collect()
    }
}

/// As far as the first empty line, or `None` if none comes soon enough.
pub fn header_block(message: &[u8]) -> Option<&[u8]> {
    let mut line_start = 0;
    for line_end in memchr_iter(b'\n', message) {
        let line = message.get(line_start..line_end)?;
        if matches!(line, b"" | b"\r") {
            return message.get(..line_start);
        }
        line_start = line_end.saturating_add(1);
        if line_start > HEADER_OCTETS_MAX {
            return None;
        }
    }
    if message.len() > HEADER_OCTETS_MAX { None } else { Some(message) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_oneof, proptest};

    use super::{HEADER_OCTETS_MAX, Header};
    use crate::sandbox::answer::HeaderFault;

    #[test]
    fn a_field_is_found_however_it_hides() {
        let header =
            Header::read(b"FROM \t: a@b.test\nfrom:\r\n\tc@d.test,\r\n e@f.test\r\n\r\nFrom: body\r\n");
        let header = header.unwrap();
        assert_eq!(header.addresses("From").unwrap(), ["a@b.test", "c@d.test", "e@f.test"]);
        assert_eq!(header.check(), Err(HeaderFault::Duplicate("From")));
    }

    #[test]
    fn a_header_ends_within_its_limit() {
        let line = [&b"X: "[..], &vec![b'x'; HEADER_OCTETS_MAX - 5], b"\r\n"].concat();
        assert!(Header::read(&[&line[..], b"\r\n"].concat()).is_ok());
        assert!(Header::read(&line).is_ok());
        assert_eq!(Header::read(&[&line[..], b"Y"].concat()), Err(HeaderFault::TooLong));
        assert_eq!(Header::read(&[&b"X"[..], &line[..], b"\r\n"].concat()), Err(HeaderFault::TooLong));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_stumble(
            octets in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"\r\n:,;<>()\"\\@ a"[..])], 0..200)
        ) {
            if let Ok(header) = Header::read(&[b"From: ", &octets[..]].concat()) {
                let _ = header.check();
            }
        }
    }
}
