//! What SES offers in its answer to EHLO, as far as the relay makes use of it.
//!
//! lettre's `ServerInfo` is not used: it minds the case of letters and does not know SIZE. The last line of SES's
//! own answer, `250 Ok`, reads as an extension that nobody knows.

use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::commands::Starttls;
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter};

use crate::gate::PermittedMail;
use crate::upstream::answer::Answer;

/// The extensions of RFC 1869 that matter here.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub mechanism: Option<Mechanism>,
    pub starttls: Option<Starttls>,
    eight_bit_mime: Option<MailParameter>,
    size: Option<fn(usize) -> MailParameter>,
}

impl Extensions {
    pub fn of(answer: &Answer) -> Self {
        let mut extensions = Self::default();
        for line in answer.lines().iter().skip(1) {
            let mut words = line.split_ascii_whitespace().map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("STARTTLS") => extensions.starttls = Some(Starttls),
                // Declared for every mail, as Thunderbird does: it costs no round trip, and looking for an octet
                // above 127 would read the whole body once more. RFC 6152 lets such a mail be all ASCII.
                Some("8BITMIME") => {
                    extensions.eight_bit_mime = Some(MailParameter::Body(MailBodyParameter::EightBitMime));
                }
                // SES no longer offers it (RFC 1870).
                Some("SIZE") => extensions.size = Some(MailParameter::Size),
                Some("AUTH") => extensions.mechanism = mechanism(words),
                _ => {}
            }
        }
        extensions
    }

    /// What MAIL says beside the sender.
    pub fn parameters(&self, mail: &PermittedMail) -> Vec<MailParameter> {
        let octets = mail.header().len().saturating_add(mail.body().octets());
        let size = self.size.map(|size| size(octets));
        self.eight_bit_mime.clone().into_iter().chain(size).collect()
    }
}

/// PLAIN, which takes one round trip, or else LOGIN.
fn mechanism(offered: impl Iterator<Item = String>) -> Option<Mechanism> {
    let mut choice = None;
    for name in offered {
        match name.as_str() {
            "PLAIN" => return Some(Mechanism::Plain),
            "LOGIN" => choice = Some(Mechanism::Login),
            _ => {}
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use lettre::transport::smtp::authentication::Mechanism;

    use super::Extensions;
    use crate::gate::PermittedMail;
    use crate::mail::Message;
    use crate::upstream::answer::Answer;

    #[test]
    fn what_is_offered_in_any_case_of_letters_is_used() {
        let mail = PermittedMail::for_tests(
            "a@example.com",
            &["b@example.com"],
            &Message::from(&b"A: b\r\n\r\n.\r\n"[..]),
        );
        for (lines, mechanism, starttls, parameters) in [
            (
                "250-8BITMIME\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 Ok",
                Some(Mechanism::Plain),
                true,
                "BODY=8BITMIME",
            ),
            (
                "250-auth login XOAUTH2\r\n250-size 10485760\r\n250 8bitmime",
                Some(Mechanism::Login),
                false,
                "BODY=8BITMIME SIZE=11",
            ),
            ("250-AUTH CRAM-MD5\r\n250 SMTPUTF8", None, false, ""),
            ("250 PIPELINING", None, false, ""),
        ] {
            let mut octets = BytesMut::from(format!("250-STARTTLS.example\r\n{lines}\r\n").as_bytes());
            let extensions = Extensions::of(&Answer::take(&mut octets).unwrap().unwrap());
            let said: Vec<String> = extensions.parameters(&mail).iter().map(ToString::to_string).collect();
            assert_eq!(
                (extensions.mechanism, extensions.starttls.is_some()),
                (mechanism, starttls),
                "{lines}"
            );
            assert_eq!(said.join(" "), parameters);
        }
    }
}
