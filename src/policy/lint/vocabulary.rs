//! The words that AWS and the relay know: actions of SES, condition keys and what their values are.

use crate::policy::finding::nearest;
use crate::policy::key::{Key, KeyName};

/// What the relay asks for: sending over SMTP is this action (SES developer guide, "Controlling access to SES").
pub(super) const ACTION: &str = "ses:SendRawEmail";

/// Every action that sends mail on behalf of an identity. Whoever names one means sending.
pub(super) const SENDING_ACTIONS: [&str; 5] = [
    "ses:SendRawEmail",
    "ses:SendEmail",
    "ses:SendBulkEmail",
    "ses:SendTemplatedEmail",
    "ses:SendBulkTemplatedEmail",
];

/// AWS's service authorization reference, "Actions defined by Amazon SES" v1, v2 and Mail Manager.
const SES_ACTIONS: &str = include_str!("ses-actions.txt");

/// Keys of SES that other actions have, and sending raw mail has not.
const OTHER_SES_KEYS: [&str; 13] = [
    "ses:AddonSubscriptionArn",
    "ses:ClickTrackingEnabled",
    "ses:ConfigurationSetOptions",
    "ses:ExportSourceType",
    "ses:MailManagerIngressPointType",
    "ses:MailManagerRuleSetArn",
    "ses:MailManagerTrafficPolicyArn",
    "ses:MultiRegionEndpointId",
    "ses:OpenTrackingEnabled",
    "ses:ReplicaRegion",
    "ses:TenantName",
    "aws:RequestTag/",
    "aws:TagKeys",
];

/// "AWS global condition context keys" of the IAM user guide, less those that the relay knows.
const OTHER_GLOBAL_KEYS: [&str; 33] = [
    "aws:AssumedRoot",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:ChatbotSourceArn",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:Referer",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:ResourceTag/",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceOwner",
    "aws:SourceVpcArn",
    "aws:TokenIssueTime",
    "aws:UserAgent",
    "aws:ViaAWSService",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
];

const TAGS: &str = "aws:PrincipalTag/";

/// The values of a key, as far as an operator has to fit them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Address,
    /// Free text, of which a pattern often names a part.
    Words,
    Text,
    /// Text that may be anything, read as it is asked for.
    Any,
    Network,
    Time,
    Epoch,
    Number,
    Bool,
    Arn,
}

/// What is known of a key's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A mail may have it.
    Filled(Type),
    /// A real key of AWS that no mail has.
    Global,
    /// A real key of other actions, or of another service.
    Elsewhere,
    Unknown,
}

pub(super) fn type_of(key: Key) -> Type {
    match key {
        Key::FromAddress
        | Key::FeedbackAddress
        | Key::Recipients
        | Key::SenderAddress
        | Key::ReplyToAddresses => Type::Address,
        Key::FromDisplayName => Type::Words,
        Key::SourceVpc
        | Key::SourceVpce
        | Key::UserName
        | Key::UserId
        | Key::PrincipalType
        | Key::RequestedRegion
        | Key::App
        | Key::Listener
        | Key::ConfigurationSet => Type::Text,
        Key::ApiVersion | Key::PrincipalAccount => Type::Any,
        Key::SourceIp | Key::VpcSourceIp => Type::Network,
        Key::CurrentTime => Type::Time,
        Key::EpochTime => Type::Epoch,
        Key::RecipientCount | Key::MessageOctets => Type::Number,
        Key::SecureTransport => Type::Bool,
        Key::PrincipalArn => Type::Arn,
    }
}

pub(super) fn standing(key: &KeyName) -> Standing {
    let name = match key {
        KeyName::Known(key) => return Standing::Filled(type_of(*key)),
        KeyName::Other { written, .. } => &**written,
    };
    let is_among = |names: &[&str]| names.iter().any(|known| is_named(name, known));
    let ours = ["ses:", "aws:", "sesgate:"];
    if is_named(name, TAGS) {
        Standing::Filled(Type::Any)
    } else if is_among(&OTHER_GLOBAL_KEYS) {
        Standing::Global
    } else if is_among(&OTHER_SES_KEYS)
        || (name.contains(':') && !ours.iter().any(|start| begins(name, start)))
    {
        Standing::Elsewhere
    } else {
        Standing::Unknown
    }
}

/// The key that was probably meant: another prefix, the beginning of a longer name, or a slip of the pen.
pub(super) fn key_meant(written: &str) -> Option<&'static str> {
    let names = || Key::ALL.into_iter().map(Key::name).chain(OTHER_GLOBAL_KEYS).chain(OTHER_SES_KEYS);
    let bare = |name: &'static str| name.split_once(':').map_or(name, |(_, bare)| bare);
    let wanted = written.rsplit(':').next().unwrap_or(written).to_lowercase();
    let near = || nearest(written, names());
    let same = || names().find(|name| bare(name).eq_ignore_ascii_case(&wanted));
    let longer = || names().find(|name| wanted.len() >= 3 && begins(bare(name), &wanted));
    same().or_else(longer).or_else(near)
}

/// The actions of SES that a pattern for the name, without `ses:`, may mean.
pub(super) fn ses_actions() -> impl Iterator<Item = &'static str> {
    SES_ACTIONS.lines()
}

fn is_named(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
        || (known.ends_with('/') && begins(name, known) && name.len() > known.len())
}

fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}
