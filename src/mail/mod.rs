//! The words that every part of the relay shares: an address, an envelope, a message, who sent it.
//!
//! Nothing here reads a wire format or decides anything. What is built here is already valid: an [`Address`]
//! has one reading, an [`Envelope`] has a recipient, a [`Message`] holds only CRLF line ends.

mod address;
mod certified_name;
mod client;
mod envelope;
mod message;

pub use address::{Address, AddressError, DomainName};
pub use certified_name::{CertifiedName, NotACertifiedName};
pub use client::{Client, Dialect, Evidence, Greeting, KnownApp, Transport};
pub use envelope::{Envelope, ReversePath};
pub use message::{Body, BodyBuilder, Message};

/// A mail that a client handed over and nobody has judged yet.
#[derive(Debug)]
pub struct Submission {
    pub app: KnownApp,
    pub client: Client,
    pub greeting: Greeting,
    pub envelope: Envelope,
    pub message: Message,
}
