//! The grammar of a document: which elements stand where, and of what type. What they mean is `compile`'s.
//!
//! All that is wrong is found in one pass. An element that cannot be read makes the document unreadable; what
//! can be read, though it may not stand so, is kept, that tools may go on to say more.

use std::borrow::Cow;

use crate::json::{Member, Node, Span, Value};
use crate::policy::finding::{Findings, Path, nearest};
use crate::policy::operator::Sense;
use crate::policy::pattern::Variables;
use crate::policy::syntax::{Clause, Effect, Element, PrincipalType, Statement, Tree, Written};

/// An element that cannot be read; why is among the findings.
#[derive(Debug)]
pub(super) struct Unreadable;

type Read<T> = Result<T, Unreadable>;

const DOCUMENT: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
const PRINCIPAL: [PrincipalType; 4] =
    [PrincipalType::Aws, PrincipalType::Service, PrincipalType::Federated, PrincipalType::CanonicalUser];

pub(super) fn read<'a>(root: &Node<'a>, findings: &mut Findings) -> Read<Tree<'a>> {
    let mut reader = Reader { findings };
    let members = reader.members(root, &Path::Root)?;
    let known = reader.refuse_unknown(members, DOCUMENT, &Path::Root);
    let variables = reader.version(members);
    let id = member(members, "Id").map(|node| reader.text(node, &Path::Key(&Path::Root, "Id")));
    let path = Path::Key(&Path::Root, "Statement");
    let Some(statement) = member(members, "Statement") else {
        return Err(reader.missing(
            root.span,
            &Path::Root,
            "Statement",
            "a document needs at least one statement",
        ));
    };
    let is_list = matches!(statement.value, Value::Array(_));
    let statements = reader.each(statement, &path, Reader::statement);
    known?;
    id.transpose()?;
    Ok(Tree { variables: variables?, statements: statements?, is_list })
}

/// An element that is there, of two that exclude each other.
type Choice<'m, 'a> = (&'static str, Sense, &'m Node<'a>);

struct Reader<'f> {
    findings: &'f mut Findings,
}

impl Reader<'_> {
    fn version(&mut self, members: &[Member<'_>]) -> Read<Variables> {
        let path = Path::Key(&Path::Root, "Version");
        let Some(node) = member(members, "Version") else { return Ok(Variables::Literal) };
        match &*self.text(node, &path)?.text {
            "2012-10-17" => Ok(Variables::Expanded),
            "2008-10-17" => Ok(Variables::Literal),
            other => {
                let message = format!("there is no version `{other}` of the policy language");
                let fix = "write \"2012-10-17\"".to_owned();
                self.findings.error("BAD_VERSION", node.span, &path, message, fix);
                Ok(Variables::Literal)
            }
        }
    }

    /// Reads each element before any is missed, so that all findings are told.
    fn statement<'a>(&mut self, node: &Node<'a>, path: &Path<'_>) -> Read<Statement<'a>> {
        let members = self.members(node, path)?;
        let known = self.refuse_unknown(members, STATEMENT, path);
        let sid = member(members, "Sid").map(|node| self.text(node, &Path::Key(path, "Sid")));
        let effect = self.effect(node.span, members, path);
        let principal = self.principal(members, path);
        let action = self.texts_of(node.span, members, path, ["Action", "NotAction"]);
        let resource = self.texts_of(node.span, members, path, ["Resource", "NotResource"]);
        let conditions =
            member(members, "Condition").map(|node| self.conditions(node, &Path::Key(path, "Condition")));
        known?;
        Ok(Statement {
            span: node.span,
            sid: sid.transpose()?,
            effect: effect?,
            principal: principal?,
            action: action?,
            resource: resource?,
            conditions: conditions.transpose()?.unwrap_or_default(),
        })
    }

    fn effect(&mut self, span: Span, members: &[Member<'_>], path: &Path<'_>) -> Read<Effect> {
        let Some(node) = member(members, "Effect") else {
            return Err(self.missing(span, path, "Effect", "a statement needs an Effect"));
        };
        let path = Path::Key(path, "Effect");
        match &*self.text(node, &path)?.text {
            "Allow" => Ok(Effect::Allow),
            "Deny" => Ok(Effect::Deny),
            other => {
                let message = format!("Effect is `{other}`, which is neither Allow nor Deny");
                let fix = nearest(other, ["Allow", "Deny"]).map(|word| format!("write \"{word}\""));
                self.findings.error("BAD_EFFECT", node.span, &path, message, fix);
                Err(Unreadable)
            }
        }
    }

    fn principal<'a>(
        &mut self,
        members: &[Member<'a>],
        path: &Path<'_>,
    ) -> Read<Option<Element<(PrincipalType, Written<'a>)>>> {
        let Some((name, sense, node)) = self.either(members, path, ["Principal", "NotPrincipal"])? else {
            return Ok(None);
        };
        let path = Path::Key(path, name);
        let Value::String(text) = &node.value else {
            let values = self.principals(node, &path)?;
            return Ok(Some(Element { name, sense, values }));
        };
        if text != "*" {
            let message = format!("{name} is `{text}`; only \"*\" may stand here without a type");
            let fix = format!("write {{\"AWS\": \"{text}\"}}");
            self.findings.error("WRONG_TYPE", node.span, &path, message, fix);
            return Err(Unreadable);
        }
        let values = vec![(PrincipalType::Aws, Written { text: text.clone(), span: node.span, index: None })];
        Ok(Some(Element { name, sense, values }))
    }

    fn principals<'a>(
        &mut self,
        node: &Node<'a>,
        path: &Path<'_>,
    ) -> Read<Vec<(PrincipalType, Written<'a>)>> {
        let members = self.members(node, path)?;
        let known = self.refuse_unknown(members, PRINCIPAL.map(PrincipalType::name), path);
        if members.is_empty() {
            self.refuse_empty(node.span, path);
        }
        let mut principals = Vec::new();
        for kind in PRINCIPAL {
            if let Some(node) = member(members, kind.name()) {
                let texts = self.each(node, &Path::Key(path, kind.name()), Reader::text)?;
                principals.extend(texts.into_iter().map(|text| (kind, text)));
            }
        }
        known.map(|()| principals)
    }

    fn conditions<'a>(&mut self, node: &Node<'a>, path: &Path<'_>) -> Read<Vec<Clause<'a>>> {
        let mut clauses = Vec::new();
        for operator in self.members(node, path)? {
            let path = Path::Key(path, &operator.key);
            clauses.push(self.clauses(operator, &path));
        }
        let clauses: Read<Vec<Vec<Clause<'a>>>> = clauses.into_iter().collect();
        Ok(clauses?.into_iter().flatten().collect())
    }

    /// The keys of one operator.
    fn clauses<'a>(&mut self, operator: &Member<'a>, path: &Path<'_>) -> Read<Vec<Clause<'a>>> {
        let mut clauses = Vec::new();
        for key in self.members(&operator.node, path)? {
            let values = self.each(&key.node, &Path::Key(path, &key.key), Reader::scalar);
            clauses.push(values.map(|values| Clause {
                operator: Written { text: operator.key.clone(), span: operator.key_span, index: None },
                key: Written { text: key.key.clone(), span: key.key_span, index: None },
                values,
            }));
        }
        clauses.into_iter().collect()
    }

    fn either<'m, 'a>(
        &mut self,
        members: &'m [Member<'a>],
        path: &Path<'_>,
        [name, not_name]: [&'static str; 2],
    ) -> Read<Option<Choice<'m, 'a>>> {
        match (member(members, name), member(members, not_name)) {
            (Some(_), Some(node)) => {
                let message = format!("{name} and {not_name} exclude each other");
                let fix = "keep one of them, or write two statements".to_owned();
                self.findings.error(
                    "CONFLICTING_ELEMENTS",
                    node.span,
                    &Path::Key(path, not_name),
                    message,
                    fix,
                );
                Err(Unreadable)
            }
            (Some(node), None) => Ok(Some((name, Sense::Is, node))),
            (None, Some(node)) => Ok(Some((not_name, Sense::IsNot, node))),
            (None, None) => Ok(None),
        }
    }

    fn texts_of<'a>(
        &mut self,
        span: Span,
        members: &[Member<'a>],
        path: &Path<'_>,
        names: [&'static str; 2],
    ) -> Read<Element<Written<'a>>> {
        let Some((name, sense, node)) = self.either(members, path, names)? else {
            let [name, not_name] = names;
            return Err(self.missing(span, path, name, &format!("a statement needs {name} or {not_name}")));
        };
        let values = self.each(node, &Path::Key(path, name), Reader::text)?;
        Ok(Element { name, sense, values })
    }

    /// One thing, or an array of at least one: wherever IAM takes an array, brackets around one are optional.
    fn each<'a, T>(
        &mut self,
        node: &Node<'a>,
        path: &Path<'_>,
        read: impl Fn(&mut Self, &Node<'a>, &Path<'_>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let Value::Array(nodes) = &node.value else { return read(self, node, path).map(|one| vec![one]) };
        if nodes.is_empty() {
            self.refuse_empty(node.span, path);
        }
        let nodes = nodes.iter().enumerate();
        let things: Vec<Read<T>> =
            nodes.map(|(index, node)| read(self, node, &Path::Index(path, index))).collect();
        things.into_iter().collect()
    }

    /// A value of a condition. Quotes around numbers and booleans are optional.
    fn scalar<'a>(&mut self, node: &Node<'a>, path: &Path<'_>) -> Read<Written<'a>> {
        let text = match &node.value {
            Value::String(text) => text.clone(),
            Value::Number(digits) => Cow::Borrowed(*digits),
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(self.wrong_type(node, path, "a string, a number, a boolean or an array of them"));
            }
        };
        Ok(Written { text, span: node.span, index: path.index() })
    }

    fn text<'a>(&mut self, node: &Node<'a>, path: &Path<'_>) -> Read<Written<'a>> {
        let Value::String(text) = &node.value else { return Err(self.wrong_type(node, path, "a string")) };
        Ok(Written { text: text.clone(), span: node.span, index: path.index() })
    }

    fn members<'m, 'a>(&mut self, node: &'m Node<'a>, path: &Path<'_>) -> Read<&'m [Member<'a>]> {
        let Value::Object(members) = &node.value else {
            return Err(self.wrong_type(node, path, "an object"));
        };
        Ok(members)
    }

    fn refuse_unknown<const N: usize>(
        &mut self,
        members: &[Member<'_>],
        known: [&'static str; N],
        path: &Path<'_>,
    ) -> Read<()> {
        let mut read = Ok(());
        for member in members.iter().filter(|member| !known.contains(&&*member.key)) {
            let message = format!("there is no element `{}` here", member.key);
            let fix = match nearest(&member.key, known) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("what may stand here: {}", known.join(", ")),
            };
            let path = Path::Key(path, &member.key);
            self.findings.error("UNKNOWN_ELEMENT", member.key_span, &path, message, fix);
            read = Err(Unreadable);
        }
        read
    }

    fn refuse_empty(&mut self, span: Span, path: &Path<'_>) {
        let message = "this is empty, so nothing can ever match it";
        self.findings.error("EMPTY_ARRAY", span, path, message, "name at least one".to_owned());
    }

    fn wrong_type(&mut self, node: &Node<'_>, path: &Path<'_>, wanted: &str) -> Unreadable {
        let message = format!("this is {}; {wanted} belongs here", node.value.kind());
        self.findings.error("WRONG_TYPE", node.span, path, message, None);
        Unreadable
    }

    fn missing(&mut self, span: Span, path: &Path<'_>, name: &str, message: &str) -> Unreadable {
        self.findings.error("MISSING_ELEMENT", span, path, message, format!("add \"{name}\""));
        Unreadable
    }
}

fn member<'m, 'a>(members: &'m [Member<'a>], name: &str) -> Option<&'m Node<'a>> {
    members.iter().find(|member| member.key == name).map(|member| &member.node)
}
