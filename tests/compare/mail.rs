//! A real mail from an example, and what the gate says of it: header read, identities found, policies asked.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sesgate::compare::Example;
use sesgate::gate::{
    AppSettings, DecisionId, Enforcement, Gate, IdentityName, Occasion, RecipientsScope, Settings,
};
use sesgate::inspect::{AddedField, Limits, inspect};
use sesgate::mail::{
    Address, Client, Dialect, Envelope, Evidence, Greeting, KnownApp, Message, ReversePath, Submission,
    Transport,
};
use sesgate::policy::{Document, StatementRef, Verdict};

/// Verdict and statement of each resource, or `None` where policies were not asked.
pub type Said = Option<Vec<(Verdict, Option<(usize, usize)>)>>;

pub const IDENTITIES: [&str; 3] = ["x.com", "a@x.com", "y.com"];

/// The gate of these documents.
pub fn gate(documents: &[Arc<Document>]) -> Gate {
    let settings = Settings {
        region: "us-east-1".to_owned(),
        other_regions: Vec::new(),
        account_id: "123456789012".to_owned(),
        identities: IDENTITIES.iter().map(|name| IdentityName::parse(name).unwrap()).collect(),
        configuration_set: None,
        pass_headers: Vec::new(),
        bounce_address: None,
        recipients: RecipientsScope::EnvelopeAndHeader,
        source_vpc: None,
        source_vpce: None,
        enforcement: Enforcement::Enforced,
        apps: vec![AppSettings { name: "default".to_owned(), ..AppSettings::default() }],
    };
    Gate::new(settings, documents.to_vec()).unwrap()
}

/// What the gate says of each resource of the mail. Panics if the mail is not one.
pub fn said(gate: &Gate, mail: &Example) -> Said {
    let text = written(mail);
    let message = Message::from(text.as_bytes());
    let address = |text: &String| Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let transport = if mail.transport.as_deref() == Some("TLS") { Transport::Tls } else { Transport::Plain };
    let client: IpAddr = mail.client.as_deref().unwrap_or("192.0.2.1").parse().unwrap();
    let submission = Submission {
        client: Client::new((client, 4711).into(), "default".into(), transport),
        app: KnownApp { name: "default".into(), by: Evidence::Network },
        greeting: Greeting { name: "app".to_owned(), dialect: Dialect::Esmtp },
        envelope: Envelope::new(
            ReversePath::Mailbox(address(&mail.mail_from)),
            mail.to.iter().map(address).collect(),
        )
        .unwrap(),
        message: message.clone(),
    };
    let findings = inspect(message.header(), &Limits::default())
        .unwrap_or_else(|defect| panic!("no mail, as {defect:?}:\n{text}"));
    let occasion = Occasion {
        now: mail.time.as_deref().map_or(SystemTime::UNIX_EPOCH + Duration::from_secs(1), instant),
        decision: DecisionId::new(0, 0),
        received: AddedField::new("Received", "by tests").unwrap(),
    };
    let judgement = gate.judge(submission, &findings, occasion);
    let place = |statement: StatementRef<'_>| (statement.document_index, statement.index);
    let each = judgement.resources.iter();
    let each: Vec<_> = each.map(|one| (one.decision.verdict, one.decision.statement.map(place))).collect();
    assert!(
        each.is_empty() || judgement.ruling.is_ok() == each.iter().all(|(one, _)| *one == Verdict::Allow)
    );
    (!each.is_empty()).then_some(each)
}

/// The mail as it travels, of just so many octets if the example says how many.
fn written(mail: &Example) -> String {
    let mut text = match &mail.display_name {
        Some(name) => format!("From: \"{name}\" <{}>\r\n", mail.from),
        None => format!("From: {}\r\n", mail.from),
    };
    for (field, value) in [("Sender", &mail.sender), ("Resent-From", &mail.resent_from)] {
        if let Some(value) = value {
            write!(text, "{field}: {value}\r\n").unwrap();
        }
    }
    if !mail.reply_to.is_empty() {
        write!(text, "Reply-To: {}\r\n", mail.reply_to.join(", ")).unwrap();
    }
    text.push_str("\r\n");
    if let Some(octets) = &mail.octets {
        let octets: usize = octets.parse().unwrap();
        while text.len() + 72 <= octets {
            text.push_str(&"x".repeat(70));
            text.push_str("\r\n");
        }
        if text.len() < octets {
            let rest = octets - text.len();
            text.push_str(&"y".repeat(rest.saturating_sub(2)));
            text.push_str("\r\n");
        }
    }
    text
}

fn instant(text: &str) -> SystemTime {
    text.parse::<jiff::Timestamp>().unwrap().into()
}
