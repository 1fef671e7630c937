//! `sesgate simulate`: the policy language alone, a case a line in and a decision a line out.
//!
//! Like IAM's `SimulateCustomPolicy`: documents are read leniently, so a statement that would not load still shows
//! what it would do (it fails closed). What a mail is in these words is `explain`'s business.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write, stdin, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::cli::{Exit, problems};
use crate::json::{self, JsonError, Node, Position, RawMember};
use crate::policy::{
    self, Context, Document, Finding, Name, Policies, Principal, Request, StatementRef, Verdict,
};

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The file of cases; without one, standard input
    file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Each line is a case:
  {\"id\": 1, \"policies\": [{\"Version\": \"2012-10-17\", \"Statement\": [...]}],
   \"action\": \"ses:SendRawEmail\", \"resource\": \"arn:aws:ses:us-east-1:123456789012:identity/example.com\",
   \"principal\": \"arn:aws:iam::123456789012:user/app\", \"context\": {\"ses:FromAddress\": \"app@example.com\"}}
and each answer has its `id`, the `decision` (allow, explicit-deny, implicit-deny), the statements that `matched`
and the keys that were `missing`; or an `error`, after which the next line is read.";

/// So many sets of policies are kept compiled; a batch asks of one set many times, or of each set once.
const SETS_MAX: usize = 4096;

/// Answers the cases of a file or of standard input on standard output.
pub fn run(arguments: &Arguments) -> Exit {
    let output = BufWriter::new(stdout().lock());
    let answered = match &arguments.file {
        None => answer_all(stdin().lock(), output),
        Some(path) => match File::open(path) {
            Ok(file) => answer_all(BufReader::new(file), output),
            Err(error) => {
                problems::show(&[problems::of_error(&path.display().to_string(), &error)]);
                return Exit::Usage;
            }
        },
    };
    match answered {
        // Whoever reads has read enough: `sesgate simulate … | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            problems::show(&[problems::of_error("", &error)]);
            Exit::Failed
        }
        Ok(()) => Exit::Done,
    }
}

/// Answers every line. A line that is no case is answered with its error, and the next one is read.
pub fn answer_all(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut simulator = Simulator::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match std::str::from_utf8(&line) {
            Ok(text) => simulator.answer(text, &mut output)?,
            Err(_) => write_line(&mut output, &Failure { id: None, error: "not UTF-8".to_owned() })?,
        }
    }
}

/// Policies by the text of their documents.
#[derive(Default)]
struct Simulator {
    sets: HashMap<Box<str>, Arc<Policies>>,
}

/// One line in.
struct Case<'a> {
    policies: &'a str,
    action: Cow<'a, str>,
    resource: Cow<'a, str>,
    principal: Principal,
    resource_account: Option<Cow<'a, str>>,
    context: Context<'a>,
}

/// One line out.
#[derive(Serialize)]
struct Answer<'a> {
    id: Option<&'a RawValue>,
    decision: &'static str,
    matched: Vec<Matched<'a>>,
    missing: Vec<String>,
}

#[derive(Serialize)]
struct Matched<'a> {
    document: usize,
    sid: Option<&'a str>,
    statement: usize,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct Failure<'a> {
    id: Option<&'a RawValue>,
    error: String,
}

impl Simulator {
    fn answer(&mut self, line: &str, output: &mut impl Write) -> io::Result<()> {
        let members = match json::members(line) {
            Ok(members) => members,
            Err(errors) => return write_line(output, &Failure { id: None, error: told(line, &errors) }),
        };
        let id = member(&members, "id").and_then(|text| serde_json::from_str(text).ok());
        let answered = Case::read(&members).and_then(|case| {
            let policies = self.policies(case.policies)?;
            Ok((case, policies))
        });
        match answered {
            Ok((case, policies)) => write_line(output, &case.answer(id, &policies)),
            Err(error) => write_line(output, &Failure { id, error }),
        }
    }

    fn policies(&mut self, text: &str) -> Result<Arc<Policies>, String> {
        if let Some(policies) = self.sets.get(text) {
            return Ok(Arc::clone(policies));
        }
        let policies = Arc::new(compile(text)?);
        if self.sets.len() >= SETS_MAX {
            self.sets.clear();
        }
        self.sets.insert(text.into(), Arc::clone(&policies));
        Ok(policies)
    }
}

impl<'a> Case<'a> {
    fn read(members: &[RawMember<'a>]) -> Result<Self, String> {
        let required = |name: &str| text(members, name)?.ok_or_else(|| format!("there is no `{name}`"));
        let principal = required("principal")?;
        Ok(Self {
            policies: member(members, "policies").ok_or("there is no `policies`")?,
            action: required("action")?,
            resource: required("resource")?,
            principal: Principal::parse(&principal).map_err(|error| format!("`principal`: {error}"))?,
            resource_account: text(members, "resourceAccount")?,
            context: context(member(members, "context").unwrap_or("{}"))?,
        })
    }

    fn answer<'p>(&self, id: Option<&'p RawValue>, policies: &'p Policies) -> Answer<'p> {
        let owner = policy::owner(&Name::new(&self.resource), &self.principal);
        let trace = policies.trace(&Request {
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            attached: &self.resource,
            resource_account: self.resource_account.as_deref().unwrap_or(owner),
            context: &self.context,
        });
        Answer {
            id,
            decision: match trace.decision.verdict {
                Verdict::Allow => "allow",
                Verdict::ExplicitDeny => "explicit-deny",
                Verdict::ImplicitDeny => "implicit-deny",
            },
            matched: trace.matched.into_iter().map(matched).collect(),
            missing: trace.missing,
        }
    }
}

fn matched(statement: StatementRef<'_>) -> Matched<'_> {
    Matched {
        document: statement.document_index,
        sid: statement.sid,
        statement: statement.index,
        line: statement.position.line,
        column: statement.position.column,
    }
}

fn compile(text: &str) -> Result<Policies, String> {
    let parts = json::elements(text).map_err(|error| format!("`policies`: {error}"))?;
    let mut documents = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let name = format!("policies[{index}]");
        match Document::parse_leniently(&name, part) {
            Ok((document, _)) => documents.push(Arc::new(document)),
            Err(findings) => return Err(refused(&name, part, &findings)),
        }
    }
    Ok(Policies::new(documents))
}

fn context(text: &str) -> Result<Context<'_>, String> {
    let node = json::parse(text).map_err(|errors| format!("`context`: {}", told(text, &errors)))?;
    let json::Value::Object(members) = node.value else { return Err("`context` is no object".to_owned()) };
    let mut context = Context::new();
    for json::Member { key, node, .. } in members {
        let wrong = || format!("`context`: `{key}` is neither a value nor a list of values");
        if let json::Value::Array(nodes) = node.value {
            let values: Option<Vec<_>> = nodes.into_iter().map(scalar).collect();
            context.set_all_named(&key, values.ok_or_else(wrong)?);
        } else if node.value != json::Value::Null {
            context.set_named(&key, scalar(node).ok_or_else(wrong)?);
        }
    }
    Ok(context)
}

fn scalar(node: Node<'_>) -> Option<policy::Value<'_>> {
    match node.value {
        json::Value::String(text) => Some(policy::Value::text(text)),
        json::Value::Number(digits) => Some(policy::Value::text(digits)),
        json::Value::Bool(truth) => Some(policy::Value::from(truth)),
        json::Value::Null | json::Value::Array(_) | json::Value::Object(_) => None,
    }
}

fn member<'a>(members: &[RawMember<'a>], name: &str) -> Option<&'a str> {
    members.iter().find(|member| member.key == name).map(|member| member.text)
}

fn text<'a>(members: &[RawMember<'a>], name: &str) -> Result<Option<Cow<'a, str>>, String> {
    let Some(text) = member(members, name) else { return Ok(None) };
    match json::parse(text) {
        Ok(Node { value: json::Value::String(text), .. }) => Ok(Some(text)),
        Ok(Node { value, .. }) => Err(format!("`{name}` is {}, not a string", value.kind())),
        Err(errors) => Err(format!("`{name}`: {}", told(text, &errors))),
    }
}

fn told(text: &str, errors: &[JsonError]) -> String {
    let tell = |error: &JsonError| {
        let Position { line, column } = Position::of(text, error.span.start);
        format!("line {line} column {column}: {error}")
    };
    errors.iter().map(tell).collect::<Vec<_>>().join("; ")
}

fn refused(name: &str, text: &str, findings: &[Finding]) -> String {
    let tell = |finding: &Finding| {
        let Position { line, column } = Position::of(text, finding.span.start);
        let Finding { code, path, message, .. } = finding;
        format!("{name} line {line} column {column}: {code} {path}: {message}")
    };
    findings.iter().map(tell).collect::<Vec<_>>().join("; ")
}

fn write_line(output: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, line)?;
    output.write_all(b"\n")
}
