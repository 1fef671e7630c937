//! Who sends: an application, which is to policies what an IAM user is.

use std::sync::Arc;

use crate::gate::Settings;
use crate::policy::{Document, Kind, Policies, Principal, PrincipalError};

/// The action that sending over SMTP is (SES developer guide, "Controlling access to Amazon SES").
pub const ACTION: &str = "ses:SendRawEmail";

/// What the operator says of an application.
#[derive(Debug, Clone, Default)]
pub struct AppSettings {
    pub name: String,
    pub tags: Vec<Tag>,
    /// The names of the documents that apply to this app, and to no other that does not name them.
    pub documents: Vec<String>,
    /// Instead of the one that all apps have.
    pub configuration_set: Option<String>,
}

/// `aws:PrincipalTag/<key>` in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// An application and the policies that it is judged by.
#[derive(Debug, Clone)]
pub struct App {
    settings: AppSettings,
    principal: Principal,
    policies: Policies,
}

/// Why a gate cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    #[error(
        "app `{app}` could never send: no statement of the policies that apply to it allows `{ACTION}`, and what is not allowed is refused"
    )]
    NothingAllowed { app: String },
    #[error(
        "app `{app}` names `{document}`, which has a Principal: it says who may use an identity, and applies to every app"
    )]
    ResourceBased { app: String, document: String },
    #[error("the app cannot be a principal")]
    Principal(#[from] PrincipalError),
}

impl GateError {
    /// What to do about it.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::NothingAllowed { .. } => Some(
                "add a document such as SES's own AmazonSesSendingAccess:\n\
                 {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \
                 \"Action\": \"ses:SendRawEmail\", \"Resource\": \"*\"}]}",
            ),
            Self::ResourceBased { .. } => {
                Some("leave it out of the app's `policies`; its Principal says whom it is about")
            }
            Self::Principal(_) => None,
        }
    }
}

impl AppSettings {
    fn names(&self, document: &Document) -> bool {
        self.documents.iter().any(|name| name == document.name())
    }
}

impl App {
    /// Every app of `gate`. Documents that no app names apply to all.
    pub(super) fn all(gate: &Settings, documents: Vec<Arc<Document>>) -> Result<Vec<Self>, GateError> {
        let is_named = |document: &Arc<Document>| gate.apps.iter().any(|app| app.names(document));
        let (named, shared): (Vec<_>, Vec<_>) = documents.into_iter().partition(is_named);
        let app = |app: &AppSettings| {
            let own = named.iter().filter(|document| app.names(document));
            if let Some(document) = own.clone().find(|document| document.kind() == Kind::Resource) {
                let (app, document) = (app.name.clone(), document.name().to_owned());
                return Err(GateError::ResourceBased { app, document });
            }
            Self::new(app.clone(), gate, shared.iter().chain(own).cloned().collect())
        };
        gate.apps.iter().map(app).collect()
    }

    /// The app as the IAM user that it would be.
    fn new(settings: AppSettings, gate: &Settings, documents: Vec<Arc<Document>>) -> Result<Self, GateError> {
        let policies = Policies::new(documents);
        if !policies.may_allow(ACTION) {
            return Err(GateError::NothingAllowed { app: settings.name });
        }
        let (partition, account_id, name) = (gate.partition(), &gate.account_id, &settings.name);
        let principal = Principal::parse(&format!("arn:{partition}:iam::{account_id}:user/{name}"))?;
        Ok(Self { settings, principal, policies })
    }

    pub fn name(&self) -> &str {
        &self.settings.name
    }

    pub fn tags(&self) -> &[Tag] {
        &self.settings.tags
    }

    /// The set of every mail of this app that does not bring one of its own that may pass.
    pub fn configuration_set(&self) -> Option<&str> {
        self.settings.configuration_set.as_deref()
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub fn policies(&self) -> &Policies {
        &self.policies
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{App, AppSettings, GateError};
    use crate::gate::{Enforcement, RecipientsScope, Settings};
    use crate::policy::Document;

    const ALLOW: &str = r#"{"Version": "2012-10-17", "Statement":
        [{"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*"}]}"#;
    const DENY: &str = r#"{"Version": "2012-10-17", "Statement":
        [{"Effect": "Deny", "Action": "ses:SendRawEmail", "Resource": "*"}]}"#;
    const TO_EVERYONE: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",
        "Action": "ses:SendRawEmail", "Resource": "arn:aws:ses:eu-west-1:123456789012:identity/example.com"}]}"#;

    /// The documents of each app, which names those after its colon.
    fn documents(apps: &[&str], documents: &[(&str, &str)]) -> Result<Vec<Vec<String>>, GateError> {
        let apps = apps.iter().map(|text| {
            let (name, documents) = text.split_once(':').unwrap();
            let documents = documents.split_whitespace().map(str::to_owned).collect();
            AppSettings { name: name.to_owned(), documents, ..AppSettings::default() }
        });
        let settings = Settings {
            region: "eu-west-1".to_owned(),
            other_regions: Vec::new(),
            account_id: "123456789012".to_owned(),
            identities: Vec::new(),
            configuration_set: None,
            pass_headers: Vec::new(),
            bounce_address: None,
            recipients: RecipientsScope::Envelope,
            source_vpc: None,
            source_vpce: None,
            enforcement: Enforcement::Enforced,
            apps: apps.collect(),
        };
        let documents =
            documents.iter().map(|(name, text)| Arc::new(Document::parse(name, text).unwrap().0)).collect();
        let names = |app: &App| app.policies().documents().iter().map(|one| one.name().to_owned()).collect();
        App::all(&settings, documents).map(|apps| apps.iter().map(names).collect())
    }

    #[test]
    fn a_document_applies_to_those_who_name_it_or_to_all_if_nobody_does() {
        let files = [("all", ALLOW), ("a", DENY), ("ab", DENY), ("resource", TO_EVERYONE)];
        assert_eq!(
            documents(&["one:a ab", "two:ab", "three:"], &files).unwrap(),
            [vec!["all", "resource", "a", "ab"], vec!["all", "resource", "ab"], vec!["all", "resource"]]
        );
    }

    #[test]
    fn an_app_that_could_never_send_and_one_that_takes_the_law_for_itself_are_refused() {
        let app = "two".to_owned();
        assert_eq!(
            documents(&["one:mine", "two:"], &[("mine", ALLOW), ("all", DENY)]),
            Err(GateError::NothingAllowed { app: app.clone() })
        );
        let document = "resource".to_owned();
        assert_eq!(
            documents(&["one:", "two:resource"], &[("all", ALLOW), ("resource", TO_EVERYONE)]),
            Err(GateError::ResourceBased { app, document })
        );
    }
}
