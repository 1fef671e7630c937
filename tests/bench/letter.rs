//! The mail that is sent again and again.

/// As a shop's application would write it.
const HEADER: &str = "Date: Thu, 01 Jan 2026 09:30:00 +0000\r\n\
    From: =?utf-8?q?Caf=C3=A9?= Example <app@example.com>\r\n\
    Reply-To: support@example.com\r\n\
    To: \"Doe, Jane\" <someone0@example.com>\r\n\
    Message-ID: <20260101093000.4711@app.example.com>\r\n\
    Subject: Your order =?utf-8?q?=E2=84=96?= 4711 has been\r\n shipped today\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative;\r\n boundary=\"=_4711\"\r\n\
    List-Unsubscribe: <https://example.com/unsubscribe?id=4711>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
    X-Mailer: Example 1.0\r\n\r\n";

/// The commands before it, to so many.
pub fn commands(recipients: usize) -> Vec<String> {
    let recipients = (0..recipients).map(|number| format!("RCPT TO:<someone{number}@example.com>\r\n"));
    let sender = "MAIL FROM:<app@example.com>\r\n".to_owned();
    std::iter::once(sender).chain(recipients).chain(["DATA\r\n".to_owned()]).collect()
}

/// The message, of so many octets, and its final dot.
pub fn message(octets: usize) -> Vec<u8> {
    let line = format!("{}\r\n", "x".repeat(76));
    let lines = octets.saturating_sub(HEADER.len()).div_ceil(line.len());
    format!("{HEADER}{}.\r\n", line.repeat(lines)).into_bytes()
}
