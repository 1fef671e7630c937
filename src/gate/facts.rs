//! The mail in the policy's words: which keys it has, with which values.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::gate::{App, RecipientsScope, Settings};
use crate::inspect::{Claims, Findings};
use crate::mail::{Address, Client, Envelope, ReversePath, Submission, Transport};
use crate::policy::{Context, Key, Value};

/// The SES API that the SMTP interface stands for (SES developer guide, "Controlling access to Amazon SES").
const API_VERSION: &str = "2";

/// One mail with all that policies can ask of it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The name of the app that sends.
    pub app: &'a str,
    pub client: &'a Client,
    pub envelope: &'a Envelope,
    pub octets: usize,
    pub claims: Claims<'a>,
    pub now: SystemTime,
}

impl<'a> Case<'a> {
    pub fn new(submission: &'a Submission, findings: &'a Findings<'_>, now: SystemTime) -> Self {
        Self {
            app: &submission.app.name,
            client: &submission.client,
            envelope: &submission.envelope,
            octets: submission.message.octets(),
            claims: findings.claims(),
            now,
        }
    }
}

/// Everything that a condition can ask about this mail.
pub(super) fn context<'a>(
    case: &Case<'a>,
    sender: &'a Address,
    configuration_set: Option<&'a str>,
    app: &'a App,
    settings: &'a Settings,
) -> Context<'a> {
    let mut context = Context::new();
    let mut set = |key: Key, value: Option<Value<'a>>| {
        if let Some(value) = value {
            context.set(key, value);
        }
    };
    let claims = case.claims;
    let text = |text: &'a str| Some(Value::text(text));
    set(Key::FromAddress, text(claims.from.address.as_str()));
    set(Key::FromDisplayName, claims.from.display_name.as_deref().map(Value::text));
    set(Key::FeedbackAddress, text(sender.as_str()));
    set(Key::ApiVersion, text(API_VERSION));
    set(Key::SenderAddress, claims.sender.map(|address| Value::text(address.as_str())));
    set(Key::ConfigurationSet, configuration_set.map(Value::text));
    set(Key::MessageOctets, Some(Value::from(case.octets as u64)));

    let client = case.client;
    set(Key::SourceIp, Some(Value::from(client.address)));
    set(Key::VpcSourceIp, Some(Value::from(client.address)));
    set(Key::SourceVpc, settings.source_vpc.as_deref().map(Value::text));
    set(Key::SourceVpce, settings.source_vpce.as_deref().map(Value::text));
    set(Key::SecureTransport, Some(Value::from(client.transport == Transport::Tls)));
    set(Key::Listener, text(&client.listener));

    set(Key::CurrentTime, Some(Value::time(case.now)));
    set(Key::EpochTime, Some(Value::epoch(case.now)));
    set(Key::RequestedRegion, text(&settings.region));

    set(Key::App, text(app.name()));
    set(Key::UserName, text(app.name()));
    set(Key::UserId, text(app.name()));
    set(Key::PrincipalArn, text(app.principal().as_str()));
    set(Key::PrincipalAccount, text(&settings.account_id));
    set(Key::PrincipalType, text("User"));
    for tag in app.tags() {
        context.set_named(&format!("aws:PrincipalTag/{}", tag.key), Value::text(&tag.value));
    }

    let recipients = recipients(case, settings.recipients);
    context.set(Key::RecipientCount, Value::from(recipients.len() as u64));
    context.set_all(Key::Recipients, recipients.into_iter().map(|address| Value::text(address.as_str())));
    let reply_to = claims.reply_to.iter().map(|address| Value::text(address.as_str()));
    context.set_all(Key::ReplyToAddresses, reply_to);
    context
}

/// Each once, those of the envelope first.
fn recipients<'a>(case: &Case<'a>, scope: RecipientsScope) -> Vec<&'a Address> {
    let envelope = case.envelope.recipients().iter();
    let named = match scope {
        RecipientsScope::EnvelopeAndHeader => case.claims.recipients,
        RecipientsScope::Envelope => &[],
    };
    let mut seen = BTreeSet::new();
    envelope.chain(named).filter(|address| seen.insert(address.as_str())).collect()
}

/// What SES hears in MAIL FROM.
pub(super) fn sender<'a>(reverse_path: &'a ReversePath, settings: &'a Settings) -> Option<&'a Address> {
    match reverse_path {
        ReversePath::Mailbox(address) => Some(address),
        ReversePath::Null => settings.bounce_address.as_ref(),
    }
}
