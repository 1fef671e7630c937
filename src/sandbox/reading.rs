//! A mail as its receiver would read it: decoded fields, and its text. For people to look at, and for nothing else.

use mail_parser::MessageParser;

use crate::sandbox::summary::readable;

/// Longer ones tell nobody more.
const TEXT_OCTETS_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Name and value, in order.
    pub fields: Vec<(String, String)>,
    pub text: String,
}

impl Reading {
    pub fn of(octets: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(octets) else {
            return Self { fields: Vec::new(), text: bounded(&String::from_utf8_lossy(octets)) };
        };
        let fields = message.headers_raw().take(FIELDS_MAX);
        let unfolded = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
        let fields = fields.map(|(name, value)| (name.to_owned(), readable(&unfolded(value)))).collect();
        let text = message.body_text(0).unwrap_or_default();
        Self { fields, text: bounded(&text) }
    }
}

/// The beginning of it.
fn bounded(text: &str) -> String {
    if text.len() <= TEXT_OCTETS_MAX {
        return text.to_owned();
    }
    let kept =
        text.char_indices().map(|(at, _)| at).take_while(|at| *at <= TEXT_OCTETS_MAX).last().unwrap_or(0);
    format!("{}\n[…]", text.get(..kept).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Reading, TEXT_OCTETS_MAX};

    #[test]
    fn a_mail_is_read_as_its_receiver_would() {
        let mail = b"From: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= <a@b.test>\r\nSubject: a\r\n folded\r\n\
            Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>h\r\n\
            --x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            5 =E2=82=AC\r\n--x--\r\n";
        let reading = Reading::of(mail);
        assert_eq!(reading.fields.first().unwrap(), &("From".to_owned(), "Grüße <a@b.test>".to_owned()));
        assert_eq!(reading.fields.get(1).unwrap().1, "a folded");
        assert_eq!(reading.text.trim(), "5 €");
    }

    #[test]
    fn what_is_too_long_is_cut_between_letters() {
        let text = Reading::of(format!("From: a\r\n\r\n{}", "é".repeat(TEXT_OCTETS_MAX)).as_bytes()).text;
        assert!(text.len() <= TEXT_OCTETS_MAX + 8 && text.ends_with("é\n[…]"), "{}", text.len());
    }
}
