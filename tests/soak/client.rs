//! An application that sends many mails over one connection, and tries again when it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the relay ever makes a client wait here; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// One mail, told from all others by its recipients and its subject.
#[derive(Debug, Clone)]
pub struct Mail {
    pub number: usize,
    pub sender: &'static str,
    pub recipients: Vec<String>,
    pub message: String,
}

/// What became of an attempt, as far as the client can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The reply to the final dot, or the negative one that came before it.
    Replied(String),
    /// The connection could not be had, or was gone before the mail was begun.
    Unsent,
    /// The connection was gone after MAIL was taken, and before the final dot was sent.
    Interrupted,
    /// The connection was gone after the final dot, without a reply to it.
    Unanswered,
}

pub struct Client {
    relay: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Mail {
    pub fn new(number: usize, sender: &'static str, recipients: usize, body_octets: usize) -> Self {
        let recipients: Vec<_> =
            (0..recipients).map(|nth| format!("mail{number}-{nth}@example.com")).collect();
        let line = format!("{}\r\n", "x".repeat(76));
        let body = line.repeat(body_octets / line.len() + 1);
        let message = format!(
            "From: {sender}\r\nTo: {}\r\nSubject: mail {number}\r\n\r\n{body}",
            recipients.join(",\r\n ")
        );
        Self { number, sender, recipients, message }
    }
}

impl Client {
    pub fn new(relay: SocketAddr) -> Self {
        Self { relay, connection: None }
    }

    pub async fn attempt(&mut self, mail: &Mail) -> Attempt {
        let attempt = timeout(PATIENCE, self.say(mail)).await.expect("an end in time");
        // RFC 5321 section 3.8: 421 announces that the connection is closed.
        let goes_on = matches!(&attempt, Attempt::Replied(reply) if !reply.starts_with("421"));
        if !goes_on {
            self.connection = None;
        }
        attempt
    }

    async fn say(&mut self, mail: &Mail) -> Attempt {
        if self.connection.is_none() && !self.connect().await {
            return Attempt::Unsent;
        }
        match self.ask(&format!("MAIL FROM:<{}>\r\n", mail.sender)).await {
            None => return Attempt::Unsent,
            Some(reply) if reply.starts_with('2') => {}
            Some(reply) => return Attempt::Replied(reply),
        }
        let recipients = mail.recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>\r\n"));
        let commands: Vec<_> = recipients.chain(["DATA\r\n".to_owned()]).collect();
        for command in commands {
            match self.ask(&command).await {
                None => return Attempt::Interrupted,
                Some(reply) if reply.starts_with(['2', '3']) => {}
                Some(reply) => {
                    let _ = self.ask("RSET\r\n").await;
                    return Attempt::Replied(reply);
                }
            }
        }
        match self.ask(&format!("{}.\r\n", mail.message)).await {
            Some(reply) => Attempt::Replied(reply),
            None => Attempt::Unanswered,
        }
    }

    async fn connect(&mut self) -> bool {
        let Ok(stream) = TcpStream::connect(self.relay).await else {
            return false;
        };
        self.connection = Some(BufReader::new(stream));
        let greets = self.reply().await.is_some_and(|greeting| greeting.starts_with("220 "));
        greets && self.ask("EHLO app.test\r\n").await.is_some_and(|reply| reply.starts_with("250 "))
    }

    async fn ask(&mut self, text: &str) -> Option<String> {
        self.connection.as_mut()?.write_all(text.as_bytes()).await.ok()?;
        self.reply().await
    }

    /// The last line of a reply, whole.
    async fn reply(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            self.connection.as_mut()?.read_line(&mut line).await.ok()?;
            let text = line.strip_suffix("\r\n")?;
            if text.as_bytes().get(3) != Some(&b'-') {
                return Some(text.to_owned());
            }
        }
    }
}
