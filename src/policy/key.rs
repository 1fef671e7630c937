//! Condition keys: the ones the relay fills in, as a dense table, and any other by its name.

use std::fmt;

/// A key of the context that the relay knows, so that looking it up is one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    FromAddress,
    FromDisplayName,
    FeedbackAddress,
    Recipients,
    ApiVersion,
    SourceIp,
    VpcSourceIp,
    SourceVpc,
    SourceVpce,
    SecureTransport,
    CurrentTime,
    EpochTime,
    UserName,
    UserId,
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    RequestedRegion,
    App,
    Listener,
    SenderAddress,
    ReplyToAddresses,
    RecipientCount,
    MessageOctets,
    ConfigurationSet,
}

/// The key that a condition or variable names. Names are compared without regard to case, tag keys included.
#[derive(Debug, Clone)]
pub enum KeyName {
    Known(Key),
    Other {
        /// In lower case, to be compared.
        folded: Box<str>,
        /// As it is written, to be shown.
        written: Box<str>,
    },
}

impl Key {
    pub const ALL: [Self; 25] = [
        Self::FromAddress,
        Self::FromDisplayName,
        Self::FeedbackAddress,
        Self::Recipients,
        Self::ApiVersion,
        Self::SourceIp,
        Self::VpcSourceIp,
        Self::SourceVpc,
        Self::SourceVpce,
        Self::SecureTransport,
        Self::CurrentTime,
        Self::EpochTime,
        Self::UserName,
        Self::UserId,
        Self::PrincipalArn,
        Self::PrincipalAccount,
        Self::PrincipalType,
        Self::RequestedRegion,
        Self::App,
        Self::Listener,
        Self::SenderAddress,
        Self::ReplyToAddresses,
        Self::RecipientCount,
        Self::MessageOctets,
        Self::ConfigurationSet,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::FromAddress => "ses:FromAddress",
            Self::FromDisplayName => "ses:FromDisplayName",
            Self::FeedbackAddress => "ses:FeedbackAddress",
            Self::Recipients => "ses:Recipients",
            Self::ApiVersion => "ses:ApiVersion",
            Self::SourceIp => "aws:SourceIp",
            Self::VpcSourceIp => "aws:VpcSourceIp",
            Self::SourceVpc => "aws:SourceVpc",
            Self::SourceVpce => "aws:SourceVpce",
            Self::SecureTransport => "aws:SecureTransport",
            Self::CurrentTime => "aws:CurrentTime",
            Self::EpochTime => "aws:EpochTime",
            Self::UserName => "aws:username",
            Self::UserId => "aws:userid",
            Self::PrincipalArn => "aws:PrincipalArn",
            Self::PrincipalAccount => "aws:PrincipalAccount",
            Self::PrincipalType => "aws:PrincipalType",
            Self::RequestedRegion => "aws:RequestedRegion",
            Self::App => "sesgate:App",
            Self::Listener => "sesgate:Listener",
            Self::SenderAddress => "sesgate:SenderAddress",
            Self::ReplyToAddresses => "sesgate:ReplyToAddresses",
            Self::RecipientCount => "sesgate:RecipientCount",
            Self::MessageOctets => "sesgate:MessageOctets",
            Self::ConfigurationSet => "sesgate:ConfigurationSet",
        }
    }

    /// Whether a request holds a list of values, so that a condition needs `ForAllValues:` or `ForAnyValue:`.
    pub fn is_multivalued(self) -> bool {
        matches!(self, Self::Recipients | Self::ReplyToAddresses)
    }
}

impl KeyName {
    pub fn new(name: &str) -> Self {
        match Key::ALL.into_iter().find(|key| key.name().eq_ignore_ascii_case(name)) {
            Some(key) => Self::Known(key),
            None => Self::Other { folded: name.to_lowercase().into_boxed_str(), written: name.into() },
        }
    }

    pub fn is_multivalued(&self) -> bool {
        matches!(self, Self::Known(key) if key.is_multivalued())
    }
}

impl PartialEq for KeyName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(one), Self::Known(other)) => one == other,
            (Self::Other { folded: one, .. }, Self::Other { folded: other, .. }) => one == other,
            (Self::Known(_), Self::Other { .. }) | (Self::Other { .. }, Self::Known(_)) => false,
        }
    }
}

impl Eq for KeyName {}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(key) => f.write_str(key.name()),
            Self::Other { written, .. } => f.write_str(written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyName};

    #[test]
    fn the_table_is_dense_and_its_names_are_found_in_any_case() {
        for (index, key) in Key::ALL.into_iter().enumerate() {
            assert_eq!(key as usize, index);
            assert_eq!(KeyName::new(&key.name().to_uppercase()), KeyName::Known(key));
        }
        assert_eq!(KeyName::new("aws:PrincipalTag/Team"), KeyName::new("AWS:principaltag/TEAM"));
    }
}
