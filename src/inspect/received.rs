//! The trace field of RFC 5321 section 4.4: who handed the mail to whom, how and when.
//!
//! It has no `for` clause, which would tell every recipient of a hidden one.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::inspect::edit::AddedField;

/// As much of a name as is written: the longest domain name of RFC 1035.
const NAME_OCTETS_MAX: usize = 253;

/// The pieces of a Received field.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// What the client called itself in EHLO or HELO. Anything may stand in it.
    pub greeting_name: &'a str,
    pub client: IpAddr,
    pub hostname: &'a str,
    pub protocol: Protocol,
    /// The decision id, by which the mail is found in the audit log.
    pub id: &'a str,
    /// RFC 5322 section 3.3.
    pub date: &'a str,
}

/// The protocol names of RFC 5321 section 4.4 and RFC 3848.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Of a client that says HELO.
    Smtp,
    Esmtp,
    /// ESMTP of a client that has logged in.
    Esmtpa,
    /// ESMTP inside TLS.
    Esmtps,
    Esmtpsa,
}

impl Received<'_> {
    pub fn field(&self) -> AddedField {
        let (name, client) = (sanitised(self.greeting_name), address_literal(self.client));
        let (hostname, id) = (sanitised(self.hostname), sanitised(self.id));
        let protocol = self.protocol.as_str();
        let mut date = self.date.to_owned();
        date.retain(|character| matches!(character, ' '..='~'));
        let pieces = [
            "Received: from ",
            &name,
            " (",
            &client,
            ")\r\n\tby ",
            &hostname,
            " with ",
            protocol,
            " id ",
            &id,
            ";\r\n\t",
            &date,
            "\r\n",
        ];
        AddedField::folded("Received", pieces.concat())
    }
}

impl Protocol {
    fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Esmtp => "ESMTP",
            Self::Esmtpa => "ESMTPA",
            Self::Esmtps => "ESMTPS",
            Self::Esmtpsa => "ESMTPSA",
        }
    }
}

/// RFC 5321 section 4.1.3.
fn address_literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// The octets of domain names and address literals; `_` stands for every other one.
fn sanitised(name: &str) -> Cow<'_, str> {
    if name.is_empty() {
        return Cow::Borrowed("unknown");
    }
    let is_plain =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    if name.len() <= NAME_OCTETS_MAX && name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    name.bytes()
        .take(NAME_OCTETS_MAX)
        .map(|octet| if is_plain(octet) { char::from(octet) } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Protocol, Received};

    const RECEIVED: Received<'_> = Received {
        greeting_name: "app-1.internal",
        client: std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 5, 7)),
        hostname: "relay.example.com",
        protocol: Protocol::Esmtps,
        id: "01JD3Q",
        date: "Fri, 21 Nov 2025 10:05:43 +0000",
    };

    #[test]
    fn the_pieces_stand_where_rfc_5321_says() {
        assert_eq!(
            RECEIVED.field().as_str(),
            "Received: from app-1.internal ([10.0.5.7])\r\n\tby relay.example.com with ESMTPS id 01JD3Q;\r\n\t\
             Fri, 21 Nov 2025 10:05:43 +0000\r\n"
        );
    }

    #[test]
    fn an_ipv6_client_is_written_as_a_literal() {
        let received = Received { client: "2001:db8::7".parse().unwrap(), ..RECEIVED };
        assert!(
            received.field().as_str().starts_with("Received: from app-1.internal ([IPv6:2001:db8::7])\r\n")
        );
    }

    #[test]
    fn a_greeting_cannot_write_more_than_a_name() {
        for (greeting_name, written) in [
            ("", "unknown"),
            ("[127.0.0.1]", "[127.0.0.1]"),
            ("lf.eml", "lf.eml"),
            ("a\r\nBcc: x@evil.test", "a__Bcc:_x_evil.test"),
            ("a (b) c; d", "a__b__c__d"),
            ("ü", "__"),
            (&"a".repeat(5000), &"a".repeat(253)),
        ] {
            let field = Received { greeting_name, ..RECEIVED }.field();
            assert!(field.as_str().starts_with(&format!("Received: from {written} ([10.0.5.7])\r\n")));
            assert_eq!(field.as_str().matches("\r\n").count(), 3);
        }
    }
}
