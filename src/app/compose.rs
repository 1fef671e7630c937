//! From the sketch of a mail to the mail as a client would say it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use crate::admission::Network;
use crate::app::OfflineMail;
use crate::config::{App, Config, MailSketch};
use crate::inspect;
use crate::mail::{Address, Client, Message, Transport};

/// Where a mail comes from that does not say it.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Who sends it. It is the name of the one app that there is where no apps are configured.
const APP: &str = "default";

/// Why a sketch is no mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    #[error("nobody is said to send the mail; it needs a From")]
    NoFrom,
    #[error("nobody is said to receive the mail; it needs a recipient")]
    NoRecipient,
    #[error("the header alone has {header_octets} octets, more than the mail is said to have")]
    TooSmall { header_octets: usize },
}

/// The name of the app that sends: as it is said, if there is such an app; else the only one, or the one whose
/// network the client is in.
pub fn sender(config: &Config, said: Option<&str>, client: Option<IpAddr>) -> Option<String> {
    let client = client.unwrap_or(CLIENT).to_canonical();
    let prefix = |app: &App| {
        let around = app.networks.iter().filter(|network| network.contains(client));
        around.map(Network::prefix).max()
    };
    let app = match (said, config.apps.as_slice()) {
        (Some(name), apps) => apps.iter().find(|app| app.name == name),
        (None, [only]) => Some(only),
        // The narrowest network counts, as for a client that connects.
        (None, apps) => apps.iter().filter(|app| prefix(app).is_some()).max_by_key(|app| prefix(app)),
    };
    app.map(|app| app.name.clone())
}

impl OfflineMail {
    /// What the sketch leaves out is as it mostly is: the envelope as the header has it, the client this machine,
    /// without TLS.
    pub fn compose(sketch: MailSketch, listener: &str, now: SystemTime) -> Result<Self, ComposeError> {
        let transport = if sketch.tls == Some(true) { Transport::Tls } else { Transport::Plain };
        let listener = sketch.listener.as_deref().unwrap_or(listener).into();
        let client = Client::new(SocketAddr::new(sketch.client.unwrap_or(CLIENT), 0), listener, transport);
        let app = sketch.app.as_deref().unwrap_or(APP).into();
        let now = sketch.at.unwrap_or(now);
        let message = match &sketch.message {
            Some(octets) => with_crlf(octets),
            None => written(&sketch)?,
        };
        let header = Message::from(message.as_slice());
        let findings = inspect::inspect(header.header(), &inspect::Limits::default()).ok();
        let author = findings.as_ref().map(|findings| findings.from.address.clone());
        let mail_from = match (sketch.mail_from, &author) {
            (Some(path), _) => path.trim_matches(['<', '>']).to_owned(),
            (None, Some(author)) => author.to_string(),
            (None, None) => String::new(),
        };
        let rcpt = match (sketch.rcpt.is_empty(), findings) {
            (false, _) => sketch.rcpt,
            (true, Some(findings)) => findings.recipients.iter().map(Address::to_string).collect(),
            // The mail is refused for its header, whatever its envelope.
            (true, None) => vec!["postmaster@localhost".to_owned()],
        };
        if rcpt.is_empty() {
            return Err(ComposeError::NoRecipient);
        }
        Ok(Self { client, app, mail_from, rcpt, message, author, now })
    }
}

/// A message whose header says what the sketch says, and whose body fills it up.
fn written(sketch: &MailSketch) -> Result<Vec<u8>, ComposeError> {
    let from = sketch.from.as_deref().ok_or(ComposeError::NoFrom)?;
    let from = match sketch.display_name.as_deref() {
        None | Some("") => from.to_owned(),
        Some(name) => format!("{} <{from}>", quoted(name)),
    };
    let list = |addresses: &[String]| (!addresses.is_empty()).then(|| addresses.join(", "));
    let fields = [
        ("From", Some(from)),
        ("Sender", sketch.sender.clone()),
        ("Reply-To", list(&sketch.reply_to)),
        ("To", list(&sketch.to)),
        ("Cc", list(&sketch.cc)),
        ("Bcc", list(&sketch.bcc)),
        ("X-SES-CONFIGURATION-SET", sketch.configuration_set.clone()),
    ];
    let mut message = String::new();
    for (name, value) in fields {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            message.extend([name, ": ", value.as_str(), "\r\n"]);
        }
    }
    message.push_str("\r\n");
    let header_octets = message.len();
    let octets = sketch.octets.unwrap_or(header_octets);
    let missing = octets.checked_sub(header_octets).ok_or(ComposeError::TooSmall { header_octets })?;
    message.push_str(&filling(missing));
    Ok(message.into_bytes())
}

/// RFC 5322 section 3.2.4.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// So many octets in lines, of which one octet would be no whole line end.
fn filling(octets: usize) -> String {
    const LINE: &str = "This mail is a test of policies, and this line is here to make it long enough.\r\n";
    let lines = octets / LINE.len();
    let rest = octets % LINE.len();
    let mut body = LINE.repeat(lines);
    if rest >= 2 {
        body.push_str(&"x".repeat(rest - 2));
        body.push_str("\r\n");
    } else {
        body.insert_str(0, &"x".repeat(rest));
    }
    body
}

/// Files on disk often end their lines with LF alone, which mail programs send as CRLF. A file with some CRLF in
/// it is taken as it is.
fn with_crlf(octets: &[u8]) -> Vec<u8> {
    if octets.contains(&b'\r') {
        return octets.to_vec();
    }
    let mut message = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        message.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        message.extend_from_slice(b"\r\n");
    }
    message
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::{ComposeError, OfflineMail};
    use crate::config::MailSketch;

    fn compose(sketch: MailSketch) -> Result<OfflineMail, ComposeError> {
        OfflineMail::compose(sketch, "default", SystemTime::UNIX_EPOCH)
    }

    fn from_a_to_b() -> MailSketch {
        let (from, to) = (Some("a@example.com".to_owned()), vec!["b@example.com".to_owned()]);
        MailSketch { from, to, ..MailSketch::default() }
    }

    #[test]
    fn a_mail_is_as_large_as_it_is_said_to_be() {
        let header_octets = compose(from_a_to_b()).unwrap().message.len();
        for octets in [header_octets, header_octets + 2, header_octets + 80, header_octets + 81, 100_000] {
            let mail = compose(MailSketch { octets: Some(octets), ..from_a_to_b() }).unwrap();
            assert_eq!(mail.message.len(), octets);
            assert!(mail.message.ends_with(b"\r\n"), "{octets}");
        }
        let error = compose(MailSketch { octets: Some(7), ..from_a_to_b() }).unwrap_err();
        assert_eq!(error, ComposeError::TooSmall { header_octets });
    }

    #[test]
    fn a_display_name_of_any_kind_stays_a_display_name() {
        let display_name = Some(r#"Bob "the\ boss", 営業"#.to_owned());
        let mail = compose(MailSketch { display_name, ..from_a_to_b() }).unwrap();
        let header = String::from_utf8(mail.message).unwrap();
        let expected = r#"From: "Bob \"the\\ boss\", 営業" <a@example.com>"#;
        assert_eq!(header.lines().next(), Some(expected));
        assert_eq!(mail.author.unwrap().as_str(), "a@example.com");
    }

    #[test]
    fn what_is_left_out_is_as_the_header_says() {
        let mail = compose(MailSketch { cc: vec!["C <c@example.com>".to_owned()], ..from_a_to_b() }).unwrap();
        assert_eq!(mail.mail_from, "a@example.com");
        assert_eq!(mail.rcpt, ["b@example.com", "c@example.com"]);
        let mail = compose(MailSketch { mail_from: Some("<>".to_owned()), ..from_a_to_b() }).unwrap();
        assert_eq!(mail.mail_from, "");
        let error = compose(MailSketch { to: Vec::new(), ..from_a_to_b() }).unwrap_err();
        assert_eq!(error, ComposeError::NoRecipient);
        let error = compose(MailSketch { from: None, ..from_a_to_b() }).unwrap_err();
        assert_eq!(error, ComposeError::NoFrom);
    }

    #[test]
    fn lines_of_a_file_end_as_mail_programs_send_them_unless_some_do_already() {
        for (octets, expected) in [
            ("From: a@example.com\n\nhi", "From: a@example.com\r\n\r\nhi\r\n"),
            ("From: a@example.com\r\n\nhi\n", "From: a@example.com\r\n\nhi\n"),
        ] {
            let message = Some(octets.as_bytes().to_vec());
            let rcpt = vec!["b@example.com".to_owned()];
            let mail = compose(MailSketch { message, rcpt, ..MailSketch::default() }).unwrap();
            assert_eq!(mail.message, expected.as_bytes());
        }
    }
}
