//! The question, and the answer to it: for every resource that the mail would use, may this app use it so?

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::gate::app::{ACTION, App, GateError};
use crate::gate::facts::{self, Case};
use crate::gate::permit::{RECIPIENTS_MAX, Right};
use crate::gate::{
    DecisionId, Enforcement, Grounds, Identities, Identity, PermittedMail, Refusal, Refused, Settings,
};
use crate::inspect::{AddedField, Claims, Edits, Findings, edit};
use crate::mail::{Address, Submission};
use crate::policy::{Context, Decision, Document, Request, StatementRef, Verdict};

const CONFIGURATION_SET: &str = "X-SES-CONFIGURATION-SET";
const MESSAGE_TAGS: &str = "X-SES-MESSAGE-TAGS";

/// Judges mail by the policies of one configuration.
#[derive(Debug)]
pub struct Gate {
    settings: Settings,
    identities: Identities,
    apps: Vec<App>,
    /// The same policies, asked of the other regions.
    elsewhere: Vec<Gate>,
}

/// When a mail is judged, under which name, and what the relay writes on top of it.
#[derive(Debug, Clone)]
pub struct Occasion {
    pub now: SystemTime,
    pub decision: DecisionId,
    pub received: AddedField,
}

/// What became of the question.
#[derive(Debug)]
pub struct Judgement<'g> {
    /// What policy said of each resource; empty if it was not asked.
    pub resources: Vec<Judged<'g>>,
    pub ruling: Result<PermittedMail, Box<Refused>>,
}

/// What policy said of one resource.
#[derive(Debug, Clone)]
pub struct Judged<'g> {
    pub resource: Cow<'g, str>,
    pub decision: Decision<'g>,
}

/// What policy says of a mail, without a right to anything.
#[derive(Debug)]
pub struct Opinion<'g> {
    /// As in a [`Judgement`].
    pub resources: Vec<Judged<'g>>,
    /// What the mail would be refused with, if it is enforced.
    pub refusal: Option<Refusal>,
}

/// What every resource is asked with.
pub(super) struct Facts<'g, 'a> {
    pub(super) app: &'g App,
    /// What SES hears in MAIL FROM.
    sender: &'a Address,
    configuration_set: Option<&'a str>,
    pub(super) context: Context<'a>,
}

/// That a mail may be sent: by whom, from which address, and why.
struct Ruled<'g> {
    app: &'g App,
    sender: Address,
    configuration_set: Option<String>,
    grounds: Grounds,
}

/// A resource that has to be allowed.
pub(super) struct Resource<'g> {
    pub(super) arn: Cow<'g, str>,
    /// The identity whose resource-based documents are consulted, if it is another one.
    attached: Option<&'g str>,
}

impl Gate {
    pub fn new(settings: Settings, documents: Vec<Arc<Document>>) -> Result<Self, GateError> {
        let elsewhere = settings.other_regions.iter().map(|region| {
            let settings = Settings { region: region.clone(), other_regions: Vec::new(), ..settings.clone() };
            Self::new(settings, documents.clone())
        });
        let elsewhere = elsewhere.collect::<Result<_, _>>()?;
        let apps = App::all(&settings, documents)?;
        let identities = settings.identities();
        Ok(Self { settings, identities, apps, elsewhere })
    }

    pub fn app(&self, name: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.name() == name)
    }

    pub fn region(&self) -> &str {
        &self.settings.region
    }

    pub fn enforcement(&self) -> Enforcement {
        self.settings.enforcement
    }

    /// Whether what any app may send depends on the address that it sends from, and policy does not know this one as
    /// somebody's own.
    pub fn tells_apart_by_address(&self, address: IpAddr) -> bool {
        self.apps.iter().any(|app| app.policies().tell_apart_by_address(ACTION, address))
    }

    /// Asks policy about every resource, and gives the right to send if all are allowed, or if what policy says is
    /// not enforced. What of them is allowed in other regions decides where the mail may go, not whether.
    pub fn judge(
        &self,
        submission: Submission,
        findings: &Findings<'_>,
        occasion: Occasion,
    ) -> Judgement<'_> {
        let mut resources = Vec::new();
        let case = Case::new(&submission, findings, occasion.now);
        let ruling = match self.rule(&case, &mut resources) {
            Ok(ruled) => {
                let allowing = self.elsewhere.iter().filter(|gate| gate.rule(&case, &mut Vec::new()).is_ok());
                let regions = std::iter::once(self).chain(allowing).map(|gate| gate.region().to_owned());
                let regions = regions.collect();
                let Ruled { app, sender, configuration_set, grounds } = ruled;
                let edited = self.edited(app, findings, occasion);
                let right = Right { grounds, regions, configuration_set };
                Ok(PermittedMail::new(submission, sender, edited, right))
            }
            Err(refusal) => Err(Box::new(Refused { submission, refusal })),
        };
        Judgement { resources, ruling }
    }

    /// The same question, and nothing comes of it.
    pub fn opinion(&self, case: &Case<'_>) -> Opinion<'_> {
        let mut resources = Vec::new();
        let refusal = match self.rule(case, &mut resources) {
            Ok(Ruled { grounds: Grounds::Allowed, .. }) => None,
            Ok(Ruled { grounds: Grounds::Unenforced(refusal), .. }) | Err(refusal) => Some(refusal),
        };
        Opinion { resources, refusal }
    }

    /// Who may send the mail, and why.
    fn rule<'g>(&'g self, case: &Case<'_>, judged: &mut Vec<Judged<'g>>) -> Result<Ruled<'g>, Refusal> {
        let facts = self.facts(case)?;
        for resource in self.resources(&case.claims, &facts)? {
            let decision = facts.app.policies().decide(&self.request(&resource, &facts));
            judged.push(Judged { resource: resource.arn, decision });
        }
        let grounds = self.grounds(rule_on(judged.iter().map(|judged| judged.decision)))?;
        let configuration_set = facts.configuration_set.map(str::to_owned);
        Ok(Ruled { app: facts.app, sender: facts.sender.clone(), configuration_set, grounds })
    }

    /// What a ruling comes to: only what policy itself refuses can be let pass.
    pub fn grounds(&self, ruling: Result<(), Refusal>) -> Result<Grounds, Refusal> {
        match (ruling, self.settings.enforcement) {
            (Ok(()), _) => Ok(Grounds::Allowed),
            (Err(refusal @ (Refusal::Denied { .. } | Refusal::NotAllowed)), Enforcement::Shadow) => {
                Ok(Grounds::Unenforced(refusal))
            }
            (Err(refusal), Enforcement::Enforced | Enforcement::Shadow) => Err(refusal),
        }
    }

    pub(super) fn facts<'g: 'a, 'a>(&'g self, case: &Case<'a>) -> Result<Facts<'g, 'a>, Refusal> {
        let app = self.app(case.app).ok_or(Refusal::UnknownApp)?;
        if case.envelope.recipients().len() > RECIPIENTS_MAX {
            return Err(Refusal::TooManyRecipients { recipients_max: RECIPIENTS_MAX });
        }
        let sender = facts::sender(case.envelope.reverse_path(), &self.settings);
        let sender = sender.ok_or(Refusal::NullSender)?;
        let configuration_set = self.configuration_set(app, &case.claims);
        let context = facts::context(case, sender, configuration_set, app, &self.settings);
        Ok(Facts { app, sender, configuration_set, context })
    }

    pub(super) fn request<'a>(&'a self, resource: &'a Resource<'_>, facts: &'a Facts<'_, '_>) -> Request<'a> {
        Request {
            principal: facts.app.principal(),
            action: ACTION,
            resource: &resource.arn,
            attached: resource.attached.unwrap_or(&resource.arn),
            resource_account: &self.settings.account_id,
            context: &facts.context,
        }
    }

    /// The mail's own, if it may bring one, else that of its app or of all apps.
    fn configuration_set<'a>(&'a self, app: &'a App, claims: &Claims<'a>) -> Option<&'a str> {
        let own = claims.configuration_set.filter(|_| self.settings.may_pass(CONFIGURATION_SET));
        own.or_else(|| self.assigned_set(app))
    }

    fn assigned_set<'a>(&'a self, app: &'a App) -> Option<&'a str> {
        app.configuration_set().or(self.settings.configuration_set.as_deref())
    }

    /// Each once: the identities of all who send, and the configuration set.
    pub(super) fn resources(
        &self,
        claims: &Claims<'_>,
        facts: &Facts<'_, '_>,
    ) -> Result<Vec<Resource<'_>>, Refusal> {
        let senders = [&claims.from.address, facts.sender].into_iter();
        let senders = senders.chain(claims.sender).chain(claims.resent_senders);
        let (mut resources, mut unverified) = (Vec::<Resource<'_>>::new(), Vec::<Address>::new());
        for address in senders {
            match self.identities.covering(address) {
                Some(identity) if resources.iter().any(|known| known.arn == identity.arn()) => {}
                Some(identity) => {
                    let attached = self.attached(facts.app, identity, address);
                    resources.push(Resource { arn: Cow::Borrowed(identity.arn()), attached });
                }
                None if unverified.contains(address) => {}
                None => unverified.push(address.clone()),
            }
        }
        if !unverified.is_empty() {
            return Err(Refusal::Unverified { addresses: unverified });
        }
        if let Some(set) = facts.configuration_set {
            let arn = format!("{}configuration-set/{set}", self.settings.arn_prefix());
            resources.push(Resource { arn: Cow::Owned(arn), attached: None });
        }
        Ok(resources)
    }

    /// The documents of an address identity take the place of its domain's. Where it has none, the domain's
    /// apply (SES developer guide, "Creating an identity authorization policy").
    fn attached(&self, app: &App, identity: &Identity, address: &Address) -> Option<&str> {
        if app.policies().has_resource_documents(identity.arn()) {
            return None;
        }
        self.identities.domain_of(address).map(Identity::arn)
    }

    /// The header as SES is to hear it, and the names of the fields that were taken out.
    fn edited(&self, app: &App, findings: &Findings<'_>, occasion: Occasion) -> (Bytes, Vec<String>) {
        let tags = format!("app={}, decision={}", app.name(), occasion.decision);
        let own_fields = [(CONFIGURATION_SET, self.assigned_set(app)), (MESSAGE_TAGS, Some(tags.as_str()))];
        let own = own_fields.into_iter().filter_map(|(name, value)| {
            let brings_own = self.settings.may_pass(name) && findings.has_field(name);
            // INVARIANT: the names are constants, and the values were checked when the settings were: none fails.
            value.filter(|_| !brings_own).and_then(|value| AddedField::new(name, value).ok())
        });
        let added: Vec<AddedField> = std::iter::once(occasion.received).chain(own).collect();
        let edited = edit(findings, &Edits { pass_headers: &self.settings.pass_headers, added: &added });
        (edited.header, edited.removed)
    }
}

/// The most restrictive decision counts, and without any nothing is allowed.
pub(super) fn rule_on<'g>(decisions: impl Iterator<Item = Decision<'g>>) -> Result<(), Refusal> {
    match decisions.max_by_key(|decision| severity(decision.verdict)) {
        Some(Decision { verdict: Verdict::Allow, .. }) => Ok(()),
        Some(Decision { verdict: Verdict::ExplicitDeny, statement: Some(statement) }) => {
            Err(Refusal::Denied { statement: statement_name(statement) })
        }
        Some(_) | None => Err(Refusal::NotAllowed),
    }
}

fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::ImplicitDeny => 1,
        Verdict::ExplicitDeny => 2,
    }
}

/// What a client is told of a statement: its Sid, else its file's name and its number, from one.
pub fn statement_name(statement: StatementRef<'_>) -> String {
    let in_file = || {
        let file = statement.document.rsplit(['/', '\\']).next().unwrap_or(statement.document);
        format!("{} of {file}", statement.index.saturating_add(1))
    };
    statement.sid.map_or_else(in_file, str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::{Gate, Occasion};
    use crate::gate::{
        AppSettings, DecisionId, Enforcement, IdentityName, RecipientsScope, Refusal, Settings,
    };
    use crate::inspect::{AddedField, Limits, inspect};
    use crate::mail::{
        Address, Client, Dialect, Envelope, Evidence, Greeting, KnownApp, Message, ReversePath, Submission,
        Transport,
    };
    use crate::policy::Document;

    /// What becomes of a mail of this app, where there is one of the name `app`.
    fn refusal(app: &str) -> Option<Refusal> {
        let settings = Settings {
            region: "eu-west-1".to_owned(),
            other_regions: Vec::new(),
            account_id: "123456789012".to_owned(),
            identities: vec![IdentityName::parse("example.com").unwrap()],
            configuration_set: None,
            pass_headers: Vec::new(),
            bounce_address: None,
            recipients: RecipientsScope::Envelope,
            source_vpc: None,
            source_vpce: None,
            enforcement: Enforcement::Enforced,
            apps: vec![AppSettings { name: "app".to_owned(), ..AppSettings::default() }],
        };
        let allow = include_str!("../../config/policy/allow-sending.json");
        let document = Arc::new(Document::parse("allow", allow).unwrap().0);
        let gate = Gate::new(settings, vec![document]).unwrap();
        let message = Message::from(&b"From: a@example.com\r\n\r\n"[..]);
        let address = Address::parse("a@example.com").unwrap();
        let submission = Submission {
            app: KnownApp { name: app.into(), by: Evidence::Network },
            client: Client::new(([10, 0, 5, 7], 4711).into(), "default".into(), Transport::Plain),
            greeting: Greeting { name: "app".to_owned(), dialect: Dialect::Esmtp },
            envelope: Envelope::new(ReversePath::Mailbox(address.clone()), vec![address]).unwrap(),
            message: message.clone(),
        };
        let findings = inspect(message.header(), &Limits::default()).unwrap();
        let (now, decision) = (SystemTime::UNIX_EPOCH, DecisionId::new(0, 0));
        let received = AddedField::new("Received", "by tests").unwrap();
        let judgement = gate.judge(submission, &findings, Occasion { now, decision, received });
        judgement.ruling.err().map(|refused| refused.refusal)
    }

    #[test]
    fn only_an_app_of_ours_may_send() {
        assert_eq!(refusal("app"), None);
        assert_eq!(refusal("gone"), Some(Refusal::UnknownApp));
    }
}
