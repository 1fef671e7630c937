//! A reply as it is on the wire. Its texts are elsewhere.

use std::fmt::{self, Display, Write};

use bytes::BytesMut;

use crate::smtp::Reply;

impl Reply {
    /// Appends the reply to what is to be sent.
    pub fn write_to(&self, output: &mut BytesMut) {
        // Writing into memory cannot fail.
        let _ = self.say(output).and_then(|()| output.write_str("\r\n"));
    }

    /// As on the wire, less the last CRLF.
    fn say<W: Write>(&self, output: &mut W) -> fmt::Result {
        digits(output, self.code)?;
        output.write_char(if self.extensions.is_empty() { ' ' } else { '-' })?;
        if let Some((subject, detail)) = self.enhanced {
            for (number, behind) in [(self.code / 100, '.'), (subject, '.'), (detail, ' ')] {
                digits(output, number)?;
                output.write_char(behind)?;
            }
        }
        output.write_str(&self.text)?;
        let mut extensions = self.extensions.iter().peekable();
        while let Some(extension) = extensions.next() {
            let behind = if extensions.peek().is_none() { ' ' } else { '-' };
            write!(output, "\r\n{}{behind}{extension}", self.code)?;
        }
        Ok(())
    }
}

impl Display for Reply {
    /// As on the wire, less the last CRLF.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say(f)
    }
}

/// Every command is answered with some numbers, which is much work for `write!`.
fn digits<W: Write>(output: &mut W, number: u16) -> fmt::Result {
    if number >= 10 {
        digits(output, number / 10)?;
    }
    output.write_char(char::from_digit(u32::from(number % 10), 10).unwrap_or_default())
}
