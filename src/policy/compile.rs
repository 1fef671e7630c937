//! From what is written to what is asked: each statement's patterns and values, with all that is wrong in them.

use crate::json::Positions;
use crate::policy::arn::ArnPattern;
use crate::policy::condition::{Condition, Wanted, Wording};
use crate::policy::few::Few;
use crate::policy::finding::{Findings, Path, nearest};
use crate::policy::key::KeyName;
use crate::policy::operator::{Absent, Comparison, Operator, Quantifier, Sense};
use crate::policy::pattern::{Case, Pattern, Variables, Wildcards};
use crate::policy::principal::{PrincipalPattern, PrincipalProblem};
use crate::policy::statement::{AnyOf, Statement};
use crate::policy::syntax::{self, Clause, Element, PrincipalType, Tree, Written};
use crate::policy::values::{ValueReader, arn_fault};

/// Whether a document says who may, or what whoever it is attached to may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What apps may do; no statement has a Principal.
    Identity,
    /// Who may use an identity of SES; every statement has a Principal.
    Resource,
}

pub(super) fn compile(tree: &Tree<'_>, text: &str, findings: &mut Findings) -> (Kind, Vec<Statement>) {
    let kind = if tree.statements.iter().any(|statement| statement.principal.is_some()) {
        Kind::Resource
    } else {
        Kind::Identity
    };
    let positions = Positions::new(text);
    let mut compiler = Compiler { kind, variables: tree.variables, positions, findings };
    let mut statements = Vec::with_capacity(tree.statements.len());
    let root = Path::Key(&Path::Root, "Statement");
    for (index, statement) in tree.statements.iter().enumerate() {
        let element = Path::Index(&root, index);
        let path = if tree.is_list { &element } else { &root };
        compiler.sid(statement, tree.statements.get(..index).unwrap_or_default(), path);
        statements.push(Statement {
            sid: statement.sid.as_ref().map(|sid| Box::from(&*sid.text)),
            position: compiler.positions.at(statement.span.start),
            effect: statement.effect,
            principals: compiler.principals(statement, path),
            actions: compiler.actions(&statement.action, path),
            resources: compiler.resources(&statement.resource, path),
            conditions: compiler.conditions(statement, path),
        });
    }
    (kind, statements)
}

struct Compiler<'f> {
    kind: Kind,
    variables: Variables,
    /// Asked in the order of the text.
    positions: Positions<'f>,
    findings: &'f mut Findings,
}

impl Compiler<'_> {
    /// IAM takes letters and digits only, once each, in identity-based documents; SES takes any text.
    fn sid(&mut self, statement: &syntax::Statement<'_>, earlier: &[syntax::Statement<'_>], path: &Path<'_>) {
        let (Some(sid), Kind::Identity) = (&statement.sid, self.kind) else { return };
        let path = Path::Key(path, "Sid");
        if !sid.text.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
            let message = format!("the Sid `{}` holds more than letters and digits", sid.text);
            self.findings.error("BAD_SID", sid.span, &path, message, None);
        }
        let is_same =
            |other: &syntax::Statement<'_>| other.sid.as_ref().is_some_and(|other| other.text == sid.text);
        if earlier.iter().any(is_same) {
            let message = format!("another statement has the Sid `{}` already", sid.text);
            self.findings.error("DUPLICATE_SID", sid.span, &path, message, None);
        }
    }

    /// In a resource-based document a statement without Principal is about nobody.
    fn principals(
        &mut self,
        statement: &syntax::Statement<'_>,
        path: &Path<'_>,
    ) -> Option<AnyOf<PrincipalPattern>> {
        match (&statement.principal, self.kind) {
            (None, Kind::Identity) => None,
            (None, Kind::Resource) => {
                let message = "this statement has no Principal, while others of the document have one";
                let fix = "give every statement a Principal, or none".to_owned();
                self.findings.error("MIXED_PRINCIPAL", statement.span, path, message, fix);
                Some(AnyOf { sense: Sense::Is, patterns: Few::from(Vec::new()) })
            }
            (Some(element), _) => {
                let path = Path::Key(path, element.name);
                let patterns = element.values.iter().map(|(kind, text)| self.principal(*kind, text, &path));
                Some(AnyOf { sense: element.sense, patterns: patterns.collect() })
            }
        }
    }

    fn principal(&mut self, kind: PrincipalType, text: &Written<'_>, path: &Path<'_>) -> PrincipalPattern {
        let pattern = match kind {
            PrincipalType::Aws => PrincipalPattern::aws(&text.text),
            PrincipalType::Service => PrincipalPattern::service(&text.text),
            PrincipalType::Federated | PrincipalType::CanonicalUser => Ok(PrincipalPattern::Nobody),
        };
        pattern.unwrap_or_else(|problem| {
            let name = &text.text;
            let (message, fix) = match problem {
                PrincipalProblem::Wildcard => (
                    format!("`{name}` has a wildcard inside a principal, where it matches nothing"),
                    "use \"*\" with a condition on aws:PrincipalArn",
                ),
                PrincipalProblem::Group => {
                    (format!("`{name}` is a group, and groups are no principals"), "name its users")
                }
                PrincipalProblem::Malformed => (
                    format!("`{name}` is no principal"),
                    "write an account number, arn:aws:iam::ACCOUNT:user/NAME or a service's name",
                ),
            };
            let path = Path::Key(path, kind.name());
            self.findings.error(
                "RESOURCE_POLICY_RULES",
                text.span,
                &text.path(&path),
                message,
                fix.to_owned(),
            );
            PrincipalPattern::Nobody
        })
    }

    fn actions(&mut self, element: &Element<Written<'_>>, path: &Path<'_>) -> AnyOf<Pattern> {
        let path = Path::Key(path, element.name);
        let patterns = element.values.iter().filter_map(|action| self.action(action, &path));
        AnyOf { sense: element.sense, patterns: patterns.collect() }
    }

    /// What is no action matches none.
    fn action(&mut self, action: &Written<'_>, path: &Path<'_>) -> Option<Pattern> {
        let text = &*action.text;
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'*' | b'?');
        let is_vendor = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        let is_well_formed = text == "*"
            || text.split_once(':').is_some_and(|(vendor, name)| {
                !vendor.is_empty()
                    && vendor.bytes().all(is_vendor)
                    && !name.is_empty()
                    && name.bytes().all(is_name)
            });
        if !is_well_formed {
            let (code, message) = if text.contains("${") {
                (
                    "VARIABLE_UNSUPPORTED",
                    format!("`{text}` holds a variable, and none is expanded in an action"),
                )
            } else {
                ("BAD_ACTION", format!("`{text}` is no action, so it matches none"))
            };
            let fix = "write SERVICE:NAME, one in each string, with `*` only in the name".to_owned();
            self.findings.error(code, action.span, &action.path(path), message, fix);
            return None;
        }
        Pattern::new(text, Variables::Literal, Wildcards::Live, Case::Ignored).ok()
    }

    fn resources(&mut self, element: &Element<Written<'_>>, path: &Path<'_>) -> AnyOf<ArnPattern> {
        let path = Path::Key(path, element.name);
        let patterns = element.values.iter().map(|resource| self.resource(resource, &path));
        AnyOf { sense: element.sense, patterns: patterns.collect() }
    }

    fn resource(&mut self, resource: &Written<'_>, path: &Path<'_>) -> ArnPattern {
        self.refuse_old_variable(resource, path);
        let pattern = match self.kind {
            Kind::Identity => ArnPattern::short_resource(&resource.text, self.variables),
            Kind::Resource => ArnPattern::resource(&resource.text, self.variables),
        };
        pattern.unwrap_or_else(|problem| {
            let (code, message, fix) = arn_fault(&resource.text, problem);
            self.findings.error(code, resource.span, &resource.path(path), message, fix);
            ArnPattern::Never
        })
    }

    fn conditions(&mut self, statement: &syntax::Statement<'_>, path: &Path<'_>) -> Box<[Condition]> {
        let path = Path::Key(path, "Condition");
        let mut conditions = Vec::with_capacity(statement.conditions.len());
        for (index, clause) in statement.conditions.iter().enumerate() {
            let operator = Path::Key(&path, &clause.operator.text);
            let path = Path::Key(&operator, &clause.key.text);
            let earlier = statement.conditions.get(..index).unwrap_or_default();
            self.refuse_second_spelling(clause, earlier, &path);
            conditions.push(self.condition(clause, &operator, &path));
        }
        conditions.into_boxed_slice()
    }

    /// IAM folds the case of keys, so one of two spellings would silently win.
    fn refuse_second_spelling(&mut self, clause: &Clause<'_>, earlier: &[Clause<'_>], path: &Path<'_>) {
        let is_same = |other: &Clause<'_>| {
            other.operator.span == clause.operator.span
                && KeyName::new(&other.key.text) == KeyName::new(&clause.key.text)
        };
        if earlier.iter().any(is_same) {
            let message = format!(
                "the key `{}` occurs twice under one operator, in other letter case",
                clause.key.text
            );
            let fix = "put all values under one key".to_owned();
            self.findings.error("DUPLICATE_CONDITION_KEY", clause.key.span, path, message, fix);
        }
    }

    fn condition(&mut self, clause: &Clause<'_>, operator_path: &Path<'_>, path: &Path<'_>) -> Condition {
        let key = KeyName::new(&clause.key.text);
        let wording = Wording {
            operator: Box::from(&*clause.operator.text),
            values: clause.values.iter().map(|value| Box::from(&*value.text)).collect(),
            position: self.positions.at(clause.key.span.start),
        };
        let Some(operator) = Operator::parse(&clause.operator.text) else {
            let name = &clause.operator.text;
            let message = format!("there is no operator `{name}`");
            let names = Operator::names();
            let fix =
                nearest(name, names.iter().map(String::as_str)).map(|word| format!("did you mean `{word}`?"));
            self.findings.error("UNKNOWN_OPERATOR", clause.operator.span, operator_path, message, fix);
            return unsound(key, wording);
        };
        for value in &clause.values {
            self.refuse_old_variable(value, path);
        }
        let mut reader = ValueReader { clause, path, variables: self.variables, findings: self.findings };
        let values = reader.read(operator.comparison);
        if self.refuse_bad_quantifier(operator, &key, clause, path) {
            return unsound(key, wording);
        }
        Condition { key, operator, values, wording }
    }

    /// Combinations whose meaning IAM does not say, or says twice. Returns whether nobody can say.
    fn refuse_bad_quantifier(
        &mut self,
        operator: Operator,
        key: &KeyName,
        clause: &Clause<'_>,
        path: &Path<'_>,
    ) -> bool {
        let name = &clause.operator.text;
        match (operator.comparison, operator.quantifier, operator.absent) {
            (Comparison::Null, Quantifier::Single, Absent::AsSense) => false,
            (Comparison::Null, ..) => {
                let message = format!("`{name}`: Null takes neither IfExists nor a set operator");
                self.findings.error(
                    "NULL_IFEXISTS",
                    clause.operator.span,
                    path,
                    message,
                    "write Null".to_owned(),
                );
                true
            }
            (_, Quantifier::ForAnyValue, Absent::Holds) => {
                let message = format!("`{name}`: of an absent key ForAnyValue says no and IfExists says yes");
                let fix = "leave IfExists out, or use ForAllValues".to_owned();
                self.findings.error("ANYVALUE_IFEXISTS", clause.operator.span, path, message, fix);
                // ForAnyValue wins, say all who have tried.
                false
            }
            (_, Quantifier::Single, _) if key.is_multivalued() => {
                let message = format!("`{key}` holds several values, and `{name}` takes one");
                let fix = "write ForAllValues: or ForAnyValue: before it".to_owned();
                self.findings.error("MISSING_SET_OPERATOR", clause.key.span, path, message, fix);
                true
            }
            _ => false,
        }
    }

    /// Before 2012-10-17 a variable is the text it is written with, which nobody means.
    fn refuse_old_variable(&mut self, value: &Written<'_>, path: &Path<'_>) {
        if self.variables == Variables::Literal && value.text.contains("${") {
            let message = format!("`{}` is literal text in this version of the language", value.text);
            let fix = "add \"Version\": \"2012-10-17\"".to_owned();
            self.findings.error("VARIABLE_IN_OLD_VERSION", value.span, &value.path(path), message, fix);
        }
    }
}

fn unsound(key: KeyName, wording: Wording) -> Condition {
    let operator = Operator {
        quantifier: Quantifier::Single,
        comparison: Comparison::Null,
        sense: Sense::Is,
        absent: Absent::AsSense,
    };
    Condition { key, operator, values: Wanted::Unsound, wording }
}
