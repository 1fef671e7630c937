//! The mail in the policy's words: which keys it has, with which values.

use std::collections::HashSet;
use std::time::SystemTime;

use crate::gate::{App, RecipientsScope, Settings};
use crate::inspect::Findings;
use crate::mail::{Address, ReversePath, Submission, Transport};
use crate::policy::{Context, Key, Value};

/// The SES API that the SMTP interface stands for (SES developer guide, "Controlling access to Amazon SES").
const API_VERSION: &str = "2";

/// One mail with all that is known of it.
pub(super) struct Case<'a> {
    pub submission: &'a Submission,
    pub findings: &'a Findings<'a>,
    pub now: SystemTime,
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
    let findings = case.findings;
    let text = |text: &'a str| Some(Value::text(text));
    set(Key::FromAddress, text(findings.from.address.as_str()));
    set(Key::FromDisplayName, findings.from.display_name.as_deref().map(Value::text));
    set(Key::FeedbackAddress, text(sender.as_str()));
    set(Key::ApiVersion, text(API_VERSION));
    set(Key::SenderAddress, findings.sender.as_ref().map(|address| Value::text(address.as_str())));
    set(Key::ConfigurationSet, configuration_set.map(Value::text));
    set(Key::MessageOctets, Some(Value::from(case.submission.message.octets() as u64)));

    let client = &case.submission.client;
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
    let reply_to = findings.reply_to.iter().map(|address| Value::text(address.as_str()));
    context.set_all(Key::ReplyToAddresses, reply_to);
    context
}

/// Each once, those of the envelope first.
fn recipients<'a>(case: &Case<'a>, scope: RecipientsScope) -> Vec<&'a Address> {
    let envelope = case.submission.envelope.recipients().iter();
    let named = match scope {
        RecipientsScope::EnvelopeAndHeader => case.findings.recipients.as_slice(),
        RecipientsScope::Envelope => &[],
    };
    let mut seen = HashSet::new();
    envelope.chain(named).filter(|address| seen.insert(address.as_str())).collect()
}

/// What SES hears in MAIL FROM.
pub(super) fn sender<'a>(reverse_path: &'a ReversePath, settings: &'a Settings) -> Option<&'a Address> {
    match reverse_path {
        ReversePath::Mailbox(address) => Some(address),
        ReversePath::Null => settings.bounce_address.as_ref(),
    }
}
