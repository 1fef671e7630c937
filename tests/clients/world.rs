//! What a client is tried against: a relay with its three doors, the stand-in for SES behind it, and a tap on the
//! wire in front of the door without TLS.

use std::path::PathBuf;

use sesgate::sandbox::StandIn;
use tempfile::TempDir;

use crate::certificate::write_certificate;
use crate::client::{Client, Ending, Mail};
use crate::door::{Door, Mechanism, PASSWORD, Security};
use crate::program::Said;
use crate::relay::{Relay, SENDER, account, way};
use crate::tap::Tap;

pub struct World {
    pub stand_in: StandIn,
    pub relay: Relay,
    pub tap: Tap,
    folder: TempDir,
}

/// A mail as SES has it, apart from what the relay put in front.
#[derive(Debug)]
pub struct Arrived {
    pub protocol: String,
    pub app: String,
    pub octets: Vec<u8>,
}

impl World {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Clients that connect by address want the address in the certificate.
        let ca_pem = write_certificate(folder.path(), &["127.0.0.2", "127.0.0.3"]);
        std::fs::write(folder.path().join("ca.pem"), ca_pem).unwrap();
        let file = folder.path().join("sesgate.toml");
        std::fs::write(&file, include_str!("sesgate.toml")).unwrap();
        let stand_in = StandIn::start(account()).await.unwrap();
        let way = way("implicit", stand_in.endpoints().implicit_tls, &stand_in);
        let relay = Relay::start(Some(&file), way, stand_in.ca_pem());
        let tap = Tap::start(relay.address()).await;
        Self { stand_in, relay, tap, folder }
    }

    pub fn door(&self, security: Security, mechanism: Option<Mechanism>) -> Door {
        let address = match security {
            Security::None => self.tap.address,
            Security::StartTls => self.relay.app.addresses()[1],
            Security::Implicit => self.relay.app.addresses()[2],
        };
        let ca_file = self.folder.path().join("ca.pem");
        Door { address, security, mechanism, password: PASSWORD, ca_file }
    }

    /// Sends through the plainest door: each message to these recipients.
    pub async fn send(&self, client: &Client, ending: Ending, mails: &[(&[&str], &[u8])]) -> Said {
        let mails: Vec<_> = mails.iter().map(|(to, octets)| (*to, self.file(octets))).collect();
        let mails: Vec<Mail> = mails.iter().map(|(to, file)| (*to, file.as_path())).collect();
        client.send(&self.door(Security::None, None), ending, SENDER, &mails).await
    }

    /// A file with a message.
    pub fn file(&self, octets: &[u8]) -> PathBuf {
        let number = std::fs::read_dir(self.folder.path()).unwrap().count();
        let file = self.folder.path().join(format!("{number}.eml"));
        std::fs::write(&file, octets).unwrap();
        file
    }

    /// Every mail that SES has, of each of which the audit log must tell the same.
    pub fn arrived(&self) -> Vec<Arrived> {
        let records = self.relay.records();
        let allowed: Vec<_> = records.iter().filter(|record| record["effect"] == "allow").collect();
        let mails = self.stand_in.mailbox().mails();
        assert_eq!(mails.len(), allowed.len(), "{records:?}");
        let pairs = mails.iter().zip(allowed);
        pairs
            .map(|(mail, record)| {
                assert_eq!(mail.summary.sender, SENDER);
                assert_eq!(record["ses_message_id"], mail.summary.message_id);
                Arrived::new(&mail.octets, record["decision_id"].as_str().unwrap())
            })
            .collect()
    }

    /// Everyone whom SES has a mail for, in the order of the alphabet.
    pub fn recipients(&self) -> Vec<String> {
        let mails = self.stand_in.mailbox().mails();
        let mut recipients: Vec<_> =
            mails.into_iter().flat_map(|mail| mail.summary.recipients.clone()).collect();
        recipients.sort();
        recipients
    }
}

impl Arrived {
    /// The relay adds four lines, which name the decision.
    fn new(octets: &[u8], decision: &str) -> Self {
        let line_ends = (0..octets.len()).filter(|at| octets[..*at].ends_with(b"\r\n"));
        let (added, octets) = octets.split_at(line_ends.take(4).last().unwrap());
        let added = std::str::from_utf8(added).unwrap();
        let [from, by, date, tags] = added.lines().collect::<Vec<_>>()[..] else { panic!("{added}") };
        assert!(from.starts_with("Received: from ") && from.ends_with(" ([127.0.0.1])"), "{added}");
        let by = by.strip_prefix("\tby sesgate with ").unwrap();
        let protocol = by.strip_suffix(&format!(" id {decision};")).unwrap();
        assert!(date.starts_with('\t') && date.ends_with(" +0000"), "{added}");
        let tags = tags.strip_prefix("X-SES-MESSAGE-TAGS: app=").unwrap();
        let app = tags.strip_suffix(&format!(", decision={decision}")).unwrap();
        Self { protocol: protocol.to_owned(), app: app.to_owned(), octets: octets.to_vec() }
    }
}
