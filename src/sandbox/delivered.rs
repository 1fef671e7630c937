//! An accepted mail as its recipients would get it: without what steers SES, with SES's own Message-ID, Date, Return-Path
//! and Received. What SES adds beyond that, signatures above all, is not there.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::sandbox::header::header_block;
use crate::sandbox::mailbox::Mail;

/// SES writes these itself, whatever the mail says.
const REPLACED: &[&[u8]] = &[b"message-id", b"date", b"return-path"];

pub fn delivered(mail: &Mail, region: &str) -> Vec<u8> {
    let block = header_block(&mail.octets).unwrap_or_default();
    let body = mail.octets.get(block.len()..).unwrap_or_default();
    let mut octets = added_fields(mail, region).into_bytes();
    let mut is_kept = true;
    for line in block.split_inclusive(|octet| *octet == b'\n') {
        // RFC 5322 section 2.2.3: a line that begins with white space goes on with the field before it.
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            is_kept = !is_taken_out(line);
        }
        if is_kept {
            octets.extend_from_slice(line);
        }
    }
    octets.extend_from_slice(body);
    octets
}

fn is_taken_out(line: &[u8]) -> bool {
    let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
    let name = name.trim_ascii_end().to_ascii_lowercase();
    name.starts_with(b"x-ses-") || REPLACED.contains(&name.as_slice())
}

fn added_fields(mail: &Mail, region: &str) -> String {
    let Mail { summary, session_token, client_name, .. } = mail;
    let id = &summary.message_id;
    let host = if region == "us-east-1" { "email" } else { region };
    let accepted_at = Timestamp::try_from(summary.accepted_at).unwrap_or_default();
    let date = rfc2822::to_string(&accepted_at.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default();
    // SES names the recipient when there is but one.
    let whom = match summary.recipients.as_slice() {
        [recipient] => format!(" for {recipient}"),
        _ => String::new(),
    };
    format!(
        "Return-Path: <{id}@{host}.amazonses.com>\r\n\
         Received: from {client_name} by email-smtp.amazonaws.com with SMTP (SimpleEmailService)\r\n \
         id {session_token}{whom};\r\n {date}\r\n\
         Message-ID: <{id}@{host}.amazonses.com>\r\n\
         Date: {date}\r\n"
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use bytes::Bytes;

    use super::delivered;
    use crate::sandbox::mailbox::Mail;
    use crate::sandbox::summary::Summary;

    #[test]
    fn what_steers_ses_is_gone_and_what_it_writes_itself_is_its_own() {
        let octets = "From: a@example.com\r\nX-SES-TENANT : t\r\nx-ses-message-tags: a=b,\r\n c=d\r\nDATE: then\r\n\
                      To: b@c.test\r\nMessage-ID: <mine@example.com>\r\nReturn-Path: <a@example.com>\r\n\
                      Subject: a\r\n\tfold\r\n\r\nDate: in the body\r\n";
        let mail = Mail {
            summary: Summary {
                // 2026-05-03T05:48:24Z.
                accepted_at: UNIX_EPOCH + Duration::from_secs(1_777_787_304),
                message_id: "0106-1".to_owned(),
                sender: "a@example.com".to_owned(),
                recipients: vec!["b@c.test".to_owned()],
                from: String::new(),
                subject: String::new(),
                octets: octets.len(),
            },
            octets: Bytes::from(octets),
            ses_fields: Vec::new(),
            session_token: "TOKEN".to_owned(),
            client_name: "sesgate".to_owned(),
        };
        let expected = "Return-Path: <0106-1@ap-northeast-1.amazonses.com>\r\n\
             Received: from sesgate by email-smtp.amazonaws.com with SMTP (SimpleEmailService)\r\n id TOKEN for b@c.test;\r\n \
             Sun, 3 May 2026 05:48:24 +0000\r\nMessage-ID: <0106-1@ap-northeast-1.amazonses.com>\r\n\
             Date: Sun, 3 May 2026 05:48:24 +0000\r\nFrom: a@example.com\r\nTo: b@c.test\r\nSubject: a\r\n\tfold\r\n\r\n\
             Date: in the body\r\n";
        assert_eq!(String::from_utf8(delivered(&mail, "ap-northeast-1")).unwrap(), expected);
        let elsewhere = String::from_utf8(delivered(&mail, "us-east-1")).unwrap();
        assert!(elsewhere.contains("\r\nMessage-ID: <0106-1@email.amazonses.com>\r\n"), "{elsewhere}");
    }
}
