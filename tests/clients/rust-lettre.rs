//! lettre of Rust, which is a library: here is what an application would write around it. It does what the scripts
//! beside it do, in the test's own process.

use std::fmt::Write as _;

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};

use crate::client::Mail;
use crate::door::{self, Door, Security, USER};
use crate::program::Said;

/// Sends these mails through the pool that lettre has unless it is told otherwise.
pub async fn send(door: &Door, sender: &str, mails: &[Mail<'_>]) -> Said {
    let door = door.clone();
    let envelope = |recipients: &[&str]| {
        let recipients = recipients.iter().map(|recipient| recipient.parse().unwrap()).collect();
        Envelope::new(Some(sender.parse().unwrap()), recipients).unwrap()
    };
    let mails: Vec<_> = mails.iter().map(|(to, file)| (envelope(to), std::fs::read(file).unwrap())).collect();
    tokio::task::spawn_blocking(move || {
        let transport = transport(&door);
        let (mut text, mut exit_code) = (String::new(), 0);
        for (envelope, message) in &mails {
            match transport.send_raw(envelope, message) {
                Ok(_) => writeln!(text, "sent").unwrap(),
                Err(error) => {
                    writeln!(text, "failed: {error}").unwrap();
                    exit_code = 1;
                }
            }
        }
        Said { exit_code: Some(exit_code), text }
    })
    .await
    .unwrap()
}

fn transport(door: &Door) -> SmtpTransport {
    let host = door.address.ip().to_string();
    let tls = || {
        let authority = Certificate::from_pem(&std::fs::read(&door.ca_file).unwrap()).unwrap();
        let parameters = TlsParameters::builder(host.clone()).certificate_store(CertificateStore::None);
        parameters.add_root_certificate(authority).build_rustls().unwrap()
    };
    let builder =
        SmtpTransport::builder_dangerous(&host).port(door.address.port()).tls(match door.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Required(tls()),
            Security::Implicit => Tls::Wrapper(tls()),
        });
    let mechanism = match door.mechanism {
        None => return builder.build(),
        Some(door::Mechanism::Plain) => Mechanism::Plain,
        Some(door::Mechanism::Login) => Mechanism::Login,
    };
    let credentials = Credentials::new(USER.to_owned(), door.password.to_owned());
    builder.authentication(vec![mechanism]).credentials(credentials).build()
}
