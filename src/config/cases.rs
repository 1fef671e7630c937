//! A file of policy tests: mails, and what should become of them. Kept beside the policies, as `*.test.toml`.
//!
//! Read by the same means as the configuration, so that what is wrong is told all at once and with its place.
//! Here it is only read; `app` judges the mails, `cli` compares.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use toml::de::DeTable;

use super::document::{Document, Place};
use super::error::{ConfigError, ConfigErrors, Misfit, Problem};
use super::form::{Flag, Number, OneOf, Said, Text};
use super::load;
use super::section::{Notes, Placed, Presence, Section, unexpected};
use super::{failure, shape, syntax_problem, unknown};

/// What SES takes.
const MESSAGE_OCTETS_MAX: usize = 41_943_040;
/// The policies of a case that names none: those in the folder of its file.
const POLICIES: &str = "*.json";

const RULING: OneOf<Ruling> = OneOf(&[
    ("allow", Ruling::Allow),
    ("deny", Ruling::Deny),
    ("explicit-deny", Ruling::ExplicitDeny),
    ("implicit-deny", Ruling::ImplicitDeny),
    ("not-judged", Ruling::NotJudged),
]);
const LINE: Text<String> = Text { expects: "a text on one line", parse: line };
const CLIENT: Text<IpAddr> =
    Text { expects: "an IP address", parse: |text| text.parse().map_err(|_| Misfit::Shape) };
const TIME: Text<Timestamp> = Text {
    expects: "a point in time such as `\"2026-06-01T12:00:00Z\"`",
    parse: |text| text.parse().map_err(|_| Misfit::Shape),
};

/// All that a file says.
#[derive(Debug, Clone)]
pub struct Cases {
    /// The file itself, in which every case has its place.
    pub text: String,
    pub account: AccountSketch,
    /// Never empty.
    pub cases: Vec<Case>,
}

/// `[ses]`: the account at SES, as far as the policies' own names do not tell.
#[derive(Debug, Clone, Default)]
pub struct AccountSketch {
    pub region: Option<String>,
    pub account_id: Option<String>,
    pub identities: Vec<String>,
    pub configuration_set: Option<String>,
    pub bounce_address: Option<String>,
}

/// `[[case]]`, with what `[defaults]` says where it says nothing.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// Never empty.
    pub policies: Vec<PathBuf>,
    pub mail: MailSketch,
    pub expected: Expected,
}

/// What should become of the mail.
#[derive(Debug, Clone)]
pub struct Expected {
    pub ruling: Ruling,
    /// The statement that decides, as a refused client is told of it.
    pub statement: Option<String>,
    /// Part of what the client hears.
    pub reply: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    Allow,
    /// For whatever reason.
    Deny,
    ExplicitDeny,
    ImplicitDeny,
    /// Refused before policy was asked.
    NotJudged,
}

/// A mail as somebody describes it who wants to know what would become of it.
#[derive(Debug, Clone, Default)]
pub struct MailSketch {
    /// A whole message; then the fields of the header are not made from what follows.
    pub message: Option<Vec<u8>>,
    /// What the From field says, or its address if there is a display name beside it.
    pub from: Option<String>,
    pub display_name: Option<String>,
    pub sender: Option<String>,
    pub reply_to: Vec<String>,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    /// The mail's own X-SES-CONFIGURATION-SET.
    pub configuration_set: Option<String>,
    /// The size of the message, filled up in its body.
    pub octets: Option<usize>,
    /// MAIL FROM; `<>` is the null sender. Without it, the address of From.
    pub mail_from: Option<String>,
    /// RCPT TO. Without it, all who are named in the header.
    pub rcpt: Vec<String>,
    pub client: Option<IpAddr>,
    pub listener: Option<String>,
    pub tls: Option<bool>,
    pub app: Option<String>,
    pub at: Option<SystemTime>,
}

/// Reads a file of policy tests.
pub fn load_cases(path: &Path) -> Result<Cases, ConfigErrors> {
    let text = load::text(path).map_err(|error| {
        let problem = Problem { place: Place::File(path.to_owned()), key: None, error: error.into() };
        ConfigErrors::new(Document::none(), vec![problem])
    })?;
    let document = Document::new(path.to_owned(), text);
    let (tree, errors) = DeTable::parse_recoverable(document.text());
    if !errors.is_empty() {
        let problems = errors.iter().map(|error| syntax_problem(&document, error)).collect();
        return Err(failure(document, &[], problems));
    }
    let mut notes = Notes::default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut reader = Reader { document: &document, tree: tree.get_ref(), folder, notes: &mut notes };
    let cases = reader.read();
    unknown::in_document(&document, tree.get_ref(), &mut notes);
    if notes.problems.is_empty() { Ok(cases) } else { Err(failure(document, &[], notes.problems)) }
}

/// What `[defaults]` and `[[case]]` have in common.
#[derive(Debug, Clone, Default)]
struct Common {
    policies: Policies,
    mail: MailSketch,
}

/// Which policies a section names.
#[derive(Debug, Clone, Default)]
enum Policies {
    #[default]
    Unsaid,
    /// Never empty.
    Said(Vec<PathBuf>),
    /// What is wrong is in the notes.
    Wrong,
}

struct Reader<'a> {
    document: &'a Document,
    tree: &'a DeTable<'a>,
    folder: &'a Path,
    notes: &'a mut Notes,
}

impl Reader<'_> {
    fn read(&mut self) -> Cases {
        let folder = self.folder;
        let account = account(&mut self.section("ses"));
        let defaults = common(&mut self.section("defaults"), folder);
        let tables = match self.tree.get("case").map(|value| (value, value.get_ref().as_array())) {
            Some((_, Some(array))) if array.iter().all(|item| item.get_ref().is_table()) => {
                array.iter().collect()
            }
            Some((value, _)) => {
                let said = Said::Value(value.get_ref());
                let error = unexpected("tables, each under `[[case]]`".to_owned(), said, Misfit::Shape, None);
                self.notes.add(&self.document.place(value.span()), "case", error);
                Vec::new()
            }
            None => {
                let expected = "mails to judge, each under `[[case]]`".to_owned();
                let error = ConfigError::Missing { expected, variable: None };
                self.notes.add(&self.document.whole(), "case", error);
                Vec::new()
            }
        };
        self.learn_keys_of_cases();
        let mut cases = Vec::new();
        for (index, table) in tables.into_iter().enumerate() {
            let path = format!("case[{index}]");
            let mut section = Section::in_file_only("case", path, self.document, Some(table), self.notes);
            cases.extend(case(&mut section, &defaults, folder));
        }
        Cases { text: self.document.text().to_owned(), account, cases }
    }

    /// So that a slip for a key is known as one even where no case is read.
    fn learn_keys_of_cases(&mut self) {
        let mut learnt = Notes::default();
        let mut section = Section::in_file_only("case", "case".to_owned(), self.document, None, &mut learnt);
        case(&mut section, &Common::default(), self.folder);
        self.notes.keys.extend(learnt.keys);
    }

    fn section(&mut self, name: &'static str) -> Section<'_> {
        let said = self.tree.get(name);
        if let Some(value) = said.filter(|value| !value.get_ref().is_table()) {
            let error =
                unexpected(format!("a table `[{name}]`"), Said::Value(value.get_ref()), Misfit::Shape, None);
            self.notes.add(&self.document.place(value.span()), name, error);
        }
        let table = said.filter(|value| value.get_ref().is_table());
        Section::in_file_only(name, name.to_owned(), self.document, table, self.notes)
    }
}

fn account(section: &mut Section<'_>) -> AccountSketch {
    let text = |placed: Option<Placed<String>>| placed.map(|placed| placed.value);
    AccountSketch {
        region: text(section.optional("region", &shape::REGION)),
        account_id: text(section.optional("account_id", &shape::ACCOUNT_ID)),
        identities: texts(section.list("identities", &shape::IDENTITY, &Presence::Optional)),
        configuration_set: text(section.optional("configuration_set", &shape::CONFIGURATION_SET)),
        bounce_address: section
            .optional("bounce_address", &shape::ADDRESS)
            .map(|address| address.value.to_string()),
    }
}

fn common(section: &mut Section<'_>, folder: &Path) -> Common {
    Common { policies: policies(section, folder), mail: mail(section, folder) }
}

fn case(section: &mut Section<'_>, defaults: &Common, folder: &Path) -> Option<Case> {
    let name = section.required("name", &LINE);
    let ruling = section.required("expect", &RULING);
    let statement = section.optional("statement", &LINE).map(|statement| statement.value);
    let reply = section.optional("reply", &LINE).map(|reply| reply.value);
    let own = common(section, folder);
    let policies = match (own.policies, &defaults.policies) {
        (Policies::Unsaid, Policies::Unsaid) => {
            let place = section.place();
            let found = load::policies(folder, POLICIES);
            found.map_err(|error| section.note(&place, "policies", error)).ok()?
        }
        (Policies::Said(paths), _) => paths,
        (Policies::Unsaid, Policies::Said(paths)) => paths.clone(),
        (Policies::Wrong, _) | (Policies::Unsaid, Policies::Wrong) => return None,
    };
    Some(Case {
        name: name?.value,
        place: section.place(),
        policies,
        mail: own.mail.or(&defaults.mail),
        expected: Expected { ruling: ruling?.value, statement, reply },
    })
}

fn policies(section: &mut Section<'_>, folder: &Path) -> Policies {
    let Some(patterns) = section.list("policies", &shape::PATTERN, &Presence::Optional) else {
        return Policies::Wrong;
    };
    if patterns.is_empty() {
        return Policies::Unsaid;
    }
    let mut paths = Vec::new();
    let mut seen = BTreeSet::new();
    for pattern in patterns {
        match load::policies(folder, &pattern.value) {
            Ok(found) => paths.extend(found.iter().map(|path| without_detours(path))),
            Err(error) => {
                section.note(&pattern.place, "policies", error);
                return Policies::Wrong;
            }
        }
    }
    paths.retain(|path| seen.insert(path.clone()));
    Policies::Said(paths)
}

fn mail(section: &mut Section<'_>, folder: &Path) -> MailSketch {
    let mut line = |name| section.optional(name, &LINE).map(|line| line.value);
    let (from, display_name, sender) = (line("from"), line("display_name"), line("sender"));
    let (mail_from, listener, app) = (line("mail_from"), line("listener"), line("app"));
    let mut lines = |name| texts(section.list(name, &LINE, &Presence::Optional));
    let (reply_to, to, cc, bcc, rcpt) =
        (lines("reply_to"), lines("to"), lines("cc"), lines("bcc"), lines("rcpt"));
    let message = section.optional("eml", &shape::PATH).and_then(|path| {
        let octets = load::octets(&folder.join(&path.value));
        octets.map_err(|error| section.note(&path.place, "eml", error)).ok()
    });
    let configuration_set = section.optional("configuration_set", &shape::CONFIGURATION_SET);
    MailSketch {
        message,
        from,
        display_name,
        sender,
        reply_to,
        to,
        cc,
        bcc,
        configuration_set: configuration_set.map(|name| name.value),
        octets: section.optional("octets", &Number(1..=MESSAGE_OCTETS_MAX)).map(|octets| octets.value),
        mail_from,
        rcpt,
        client: section.optional("client", &CLIENT).map(|client| client.value),
        listener,
        tls: section.optional("tls", &Flag).map(|tls| tls.value),
        app,
        at: section.optional("at", &TIME).map(|at| at.value.into()),
    }
}

impl MailSketch {
    /// What is not said here is as it is there. A whole message has its own header.
    fn or(self, other: &Self) -> Self {
        let text = |own: Option<String>, other: &Option<String>| own.or_else(|| other.clone());
        let list = |own: Vec<String>, other: &[String]| if own.is_empty() { other.to_vec() } else { own };
        Self {
            message: self.message.or_else(|| other.message.clone()),
            from: text(self.from, &other.from),
            display_name: text(self.display_name, &other.display_name),
            sender: text(self.sender, &other.sender),
            reply_to: list(self.reply_to, &other.reply_to),
            to: list(self.to, &other.to),
            cc: list(self.cc, &other.cc),
            bcc: list(self.bcc, &other.bcc),
            configuration_set: text(self.configuration_set, &other.configuration_set),
            octets: self.octets.or(other.octets),
            mail_from: text(self.mail_from, &other.mail_from),
            rcpt: list(self.rcpt, &other.rcpt),
            client: self.client.or(other.client),
            listener: text(self.listener, &other.listener),
            tls: self.tls.or(other.tls),
            app: text(self.app, &other.app),
            at: self.at.or(other.at),
        }
    }
}

/// What stands in a header or a command is on one line.
fn line(text: &str) -> Result<String, Misfit> {
    if text.contains(['\r', '\n', '\0']) { Err(Misfit::Shape) } else { Ok(text.to_owned()) }
}

fn texts<T: ToString>(items: Option<Vec<Placed<T>>>) -> Vec<String> {
    items.unwrap_or_default().into_iter().map(|item| item.value.to_string()).collect()
}

/// `a/b/../c.json` is `a/c.json`, so that a document that two cases name is one document.
fn without_detours(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match (component, plain.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            (Component::CurDir, _) => {}
            _ => plain.push(component),
        }
    }
    plain
}
