//! What the gate has to know of the SES account and of the operator's choices.

use crate::gate::{AppSettings, Identities, IdentityName};
use crate::mail::Address;

#[derive(Debug, Clone)]
pub struct Settings {
    pub region: String,
    /// Where mail may go instead: judged by themselves, since policies can name a region.
    pub other_regions: Vec<String>,
    /// The twelve digits of the account that owns the identities.
    pub account_id: String,
    pub identities: Vec<IdentityName>,
    /// The configuration set of every mail that does not bring one of its own that may pass.
    pub configuration_set: Option<String>,
    /// `X-SES-*` fields that applications may set, in any letter case.
    pub pass_headers: Vec<String>,
    /// Stands in for `MAIL FROM:<>`, which SES does not take.
    pub bounce_address: Option<Address>,
    pub recipients: RecipientsScope,
    pub source_vpc: Option<String>,
    pub source_vpce: Option<String>,
    pub enforcement: Enforcement,
    /// Never empty; names differ.
    pub apps: Vec<AppSettings>,
}

/// Which addresses are the values of `ses:Recipients`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientsScope {
    /// RCPT TO, and every address of To, Cc, Bcc and their Resent- forms.
    EnvelopeAndHeader,
    /// RCPT TO alone.
    Envelope,
}

/// What becomes of a mail that policy refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enforcement {
    #[default]
    Enforced,
    /// It is sent, and the records say that it would not have been. What SES itself would refuse, or nobody can judge,
    /// is refused all the same.
    Shadow,
}

impl Settings {
    /// The start of every ARN of the account's SES resources.
    pub fn arn_prefix(&self) -> String {
        format!("arn:{}:ses:{}:{}:", self.partition(), self.region, self.account_id)
    }

    pub fn identities(&self) -> Identities {
        Identities::new(self.identities.clone(), &self.arn_prefix())
    }

    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    pub fn may_pass(&self, field_name: &str) -> bool {
        self.pass_headers.iter().any(|name| name.eq_ignore_ascii_case(field_name))
    }
}

/// AWS partitions are a function of the region (IAM user guide, "Amazon resource names").
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}
