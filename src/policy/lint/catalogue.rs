//! Every lint by its code and level. The codes are stable: scripts and people look them up.

use crate::policy::finding::{Finding, Level};
use crate::policy::lint::subject::Place;

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lint {
    code: &'static str,
    level: Level,
}

// Surely wrong, or it can never do what it says.
pub(super) const UNKNOWN_ACTION: Lint = Lint::error("UNKNOWN_ACTION");
pub(super) const SMTP_ACTION_MISSING: Lint = Lint::error("SMTP_ACTION_MISSING");
pub(super) const UNKNOWN_KEY: Lint = Lint::error("UNKNOWN_KEY");
pub(super) const KEY_NOT_IN_ACTION: Lint = Lint::error("KEY_NOT_IN_ACTION");
pub(super) const TYPE_MISMATCH: Lint = Lint::error("TYPE_MISMATCH");
pub(super) const VARIABLE_UNRESOLVABLE: Lint = Lint::error("VARIABLE_UNRESOLVABLE");
pub(super) const ADDRESS_PATTERN_IMPOSSIBLE: Lint = Lint::error("ADDRESS_PATTERN_IMPOSSIBLE");
pub(super) const WILDCARD_TYPE: Lint = Lint::error("WILDCARD_TYPE");
pub(super) const UNKNOWN_RESOURCE: Lint = Lint::error("UNKNOWN_RESOURCE");

// It lets through what its author would not.
pub(super) const DENY_GAP: Lint = Lint::security("DENY_GAP");
pub(super) const ANYVALUE_IN_ALLOW: Lint = Lint::security("ANYVALUE_IN_ALLOW");
pub(super) const ALLVALUES_NOT_GUARDED: Lint = Lint::security("ALLVALUES_NOT_GUARDED");
pub(super) const ALLVALUES_NEGATED_IN_DENY: Lint = Lint::security("ALLVALUES_NEGATED_IN_DENY");
pub(super) const SET_OPERATOR_ON_SINGLE_KEY: Lint = Lint::security("SET_OPERATOR_ON_SINGLE_KEY");
pub(super) const NEGATED_CONDITION_IN_ALLOW: Lint = Lint::security("NEGATED_CONDITION_IN_ALLOW");
pub(super) const UNANCHORED_DOMAIN: Lint = Lint::security("UNANCHORED_DOMAIN");
pub(super) const USERAGENT_AUTHZ: Lint = Lint::security("USERAGENT_AUTHZ");
pub(super) const DISPLAY_NAME_ONLY: Lint = Lint::security("DISPLAY_NAME_ONLY");
pub(super) const PUBLIC_PRINCIPAL: Lint = Lint::security("PUBLIC_PRINCIPAL");
pub(super) const NOTPRINCIPAL_ALLOW: Lint = Lint::security("NOTPRINCIPAL_ALLOW");

// Probably not what was meant.
pub(super) const GLOBAL_KEY_NOT_IN_SES: Lint = Lint::warning("GLOBAL_KEY_NOT_IN_SES");
pub(super) const KEY_NOT_CONFIGURED: Lint = Lint::warning("KEY_NOT_CONFIGURED");
pub(super) const NEGATED_ON_ABSENT_KEY_IN_DENY: Lint = Lint::warning("NEGATED_ON_ABSENT_KEY_IN_DENY");
pub(super) const WILDCARD_WITHOUT_LIKE: Lint = Lint::warning("WILDCARD_WITHOUT_LIKE");
pub(super) const ADDRESS_CASE: Lint = Lint::warning("ADDRESS_CASE");
pub(super) const REGEX_LOOKALIKE: Lint = Lint::warning("REGEX_LOOKALIKE");
pub(super) const LOOPBACK_LISTENERS: Lint = Lint::warning("LOOPBACK_LISTENERS");
pub(super) const FAMILY_GAP: Lint = Lint::warning("FAMILY_GAP");
pub(super) const OTHER_ACCOUNT_OR_REGION: Lint = Lint::warning("OTHER_ACCOUNT_OR_REGION");
pub(super) const UNKNOWN_IDENTITY: Lint = Lint::warning("UNKNOWN_IDENTITY");
pub(super) const ACCOUNT_ONLY_DELEGATES: Lint = Lint::warning("ACCOUNT_ONLY_DELEGATES");
pub(super) const NOTPRINCIPAL_WITHOUT_ACCOUNT: Lint = Lint::warning("NOTPRINCIPAL_WITHOUT_ACCOUNT");
pub(super) const CONFIGSET_NOT_COVERED: Lint = Lint::warning("CONFIGSET_NOT_COVERED");
pub(super) const IDENTITY_SHADOWED: Lint = Lint::warning("IDENTITY_SHADOWED");
pub(super) const ALLOW_RESTRICTS_NOBODY: Lint = Lint::warning("ALLOW_RESTRICTS_NOBODY");

// Better said otherwise, without effect, or different at SES.
pub(super) const UNSUPPORTED_ACTION: Lint = Lint::suggestion("UNSUPPORTED_ACTION");
pub(super) const CONTRADICTORY_VPC_KEYS: Lint = Lint::suggestion("CONTRADICTORY_VPC_KEYS");
pub(super) const LIKE_WITHOUT_WILDCARD: Lint = Lint::suggestion("LIKE_WITHOUT_WILDCARD");
pub(super) const PRIVATE_SOURCE_IP: Lint = Lint::suggestion("PRIVATE_SOURCE_IP");
pub(super) const CIDR_HOST_BITS: Lint = Lint::suggestion("CIDR_HOST_BITS");
pub(super) const BARE_IPV6: Lint = Lint::suggestion("BARE_IPV6");
pub(super) const ZERO_PREFIX: Lint = Lint::suggestion("ZERO_PREFIX");
pub(super) const RESOURCE_NOT_IDENTITY: Lint = Lint::suggestion("RESOURCE_NOT_IDENTITY");
pub(super) const MISSING_VERSION: Lint = Lint::suggestion("MISSING_VERSION");
pub(super) const IDENTITY_SIZE: Lint = Lint::suggestion("IDENTITY_SIZE");
pub(super) const CHARSET: Lint = Lint::suggestion("CHARSET");
pub(super) const DEAD_STATEMENT: Lint = Lint::suggestion("DEAD_STATEMENT");
pub(super) const SHADOWED: Lint = Lint::suggestion("SHADOWED");
pub(super) const REDUNDANT: Lint = Lint::suggestion("REDUNDANT");
pub(super) const FROM_WITHOUT_FEEDBACK: Lint = Lint::suggestion("FROM_WITHOUT_FEEDBACK");
pub(super) const NO_CONDITION_STAR: Lint = Lint::suggestion("NO_CONDITION_STAR");

impl Lint {
    const fn error(code: &'static str) -> Self {
        Self { code, level: Level::Error }
    }

    const fn security(code: &'static str) -> Self {
        Self { code, level: Level::Security }
    }

    const fn warning(code: &'static str) -> Self {
        Self { code, level: Level::Warning }
    }

    const fn suggestion(code: &'static str) -> Self {
        Self { code, level: Level::Suggestion }
    }

    /// A finding of this kind.
    pub(super) fn at(
        self,
        place: Place,
        message: impl Into<String>,
        fix: impl Into<Option<String>>,
    ) -> Finding {
        let Place { span, path } = place;
        Finding { code: self.code, level: self.level, span, path, message: message.into(), fix: fix.into() }
    }
}
