//! Who asks, and whom a resource-based statement names.

use thiserror::Error;

use crate::policy::arn::Name;

/// Who asks: an IAM user, a role or one of its sessions, an account's root, or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    name: Box<str>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A user, role, root or federated user of an account.
    Account { id: Box<str> },
    /// A session of a role of an account.
    Session { id: Box<str>, role: Box<str> },
    /// `ses.amazonaws.com` and its like: of no account, and without identity-based documents.
    Service,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is neither the ARN of a user, role, session or root nor the name of a service")]
pub struct PrincipalError(String);

/// Whom an element of Principal or `NotPrincipal` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalPattern {
    Everyone,
    /// An account by its number or root ARN: all in it, by delegation.
    Account(Box<str>),
    /// A role with all its sessions.
    Role {
        arn: Box<str>,
        account: Box<str>,
        name: Box<str>,
    },
    /// A user, a session or a service, as it is written.
    Exact(Box<str>),
    /// Federated and canonical users never ask here; nor does what is misspelt.
    Nobody,
}

/// How an element covers a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cover {
    None,
    /// Through its account, which may delegate but does not grant.
    Account,
    /// Itself.
    Direct,
}

/// Why an element names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalProblem {
    Wildcard,
    Group,
    Malformed,
}

impl Principal {
    /// The ARN of who asks, or a service's name.
    pub fn parse(text: &str) -> Result<Self, PrincipalError> {
        let error = || PrincipalError(text.to_owned());
        if is_service(text) {
            return Ok(Self { name: text.into(), kind: Kind::Service });
        }
        let [arn, _, service, _, id, rest] = Name::new(text).segments().ok_or_else(error)?;
        if arn != "arn" || !is_account(id) {
            return Err(error());
        }
        let id = id.into();
        let kind = match (service, rest.split('/').next().unwrap_or(rest)) {
            ("iam", "user" | "role" | "root") | ("sts", "federated-user") => Kind::Account { id },
            ("sts", "assumed-role") => {
                let role = rest.split('/').nth(1).ok_or_else(error)?.into();
                Kind::Session { id, role }
            }
            _ => return Err(error()),
        };
        Ok(Self { name: text.into(), kind })
    }

    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The account's number; services have none.
    pub fn account(&self) -> Option<&str> {
        match &self.kind {
            Kind::Account { id } | Kind::Session { id, .. } => Some(id),
            Kind::Service => None,
        }
    }
}

impl PrincipalPattern {
    /// An element of `{"AWS": …}`. User names have no wildcards here, so `*` stands alone or is a mistake.
    pub fn aws(text: &str) -> Result<Self, PrincipalProblem> {
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if is_account(text) {
            return Ok(Self::Account(text.into()));
        }
        if text.contains(['*', '?']) {
            return Err(PrincipalProblem::Wildcard);
        }
        let [arn, _, service, _, id, rest] = Name::new(text).segments().ok_or(PrincipalProblem::Malformed)?;
        if arn != "arn" || !is_account(id) {
            return Err(PrincipalProblem::Malformed);
        }
        match (service, rest.split('/').next().unwrap_or(rest)) {
            ("iam", "root") => Ok(Self::Account(id.into())),
            ("iam", "role") => {
                let name = rest.rsplit('/').next().unwrap_or(rest);
                Ok(Self::Role { arn: text.into(), account: id.into(), name: name.into() })
            }
            ("iam", "user") | ("sts", "assumed-role" | "federated-user") => Ok(Self::Exact(text.into())),
            ("iam", "group") => Err(PrincipalProblem::Group),
            _ => Err(PrincipalProblem::Malformed),
        }
    }

    /// An element of `{"Service": …}`.
    pub fn service(text: &str) -> Result<Self, PrincipalProblem> {
        match text {
            _ if text.contains(['*', '?']) => Err(PrincipalProblem::Wildcard),
            _ if is_service(text) => Ok(Self::Exact(text.into())),
            _ => Err(PrincipalProblem::Malformed),
        }
    }

    pub fn cover(&self, principal: &Principal) -> Cover {
        let is_direct = match (self, &principal.kind) {
            (Self::Everyone, _) => true,
            (Self::Account(account), Kind::Account { id } | Kind::Session { id, .. }) => {
                return if account == id { Cover::Account } else { Cover::None };
            }
            (Self::Role { account, name, .. }, Kind::Session { id, role }) => account == id && name == role,
            (Self::Role { arn, .. }, Kind::Account { .. }) => *arn == principal.name,
            (Self::Exact(name), _) => *name == principal.name,
            (Self::Account(_) | Self::Role { .. }, Kind::Service) | (Self::Nobody, _) => false,
        };
        if is_direct { Cover::Direct } else { Cover::None }
    }
}

/// The account a name belongs to, or else the one who asks: bucket names, for one, hold no account.
pub fn owner<'a>(resource: &Name<'a>, principal: &'a Principal) -> &'a str {
    resource.account().or(principal.account()).unwrap_or_default()
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_service(text: &str) -> bool {
    let is_label =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'.');
    (text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn")) && text.bytes().all(is_label)
}
