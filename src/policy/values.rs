//! The values of a condition, from text into its operator's type.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnetwork::IpNetwork;

use crate::policy::arn::{ArnPattern, ArnProblem};
use crate::policy::condition::Wanted;
use crate::policy::context::parse_bool;
use crate::policy::few::Few;
use crate::policy::finding::{Findings, Path};
use crate::policy::number::Number;
use crate::policy::operator::Comparison;
use crate::policy::pattern::{Case, Pattern, VariableProblem, Variables, Wildcards};
use crate::policy::syntax::Clause;
use crate::policy::time;

const ADDRESS_FORM: &str = "write an address (10.0.5.7) or a network (10.0.5.0/24)";

/// Reads values and tells what is wrong with them.
pub(super) struct ValueReader<'r, 'a> {
    pub(super) clause: &'r Clause<'a>,
    pub(super) path: &'r Path<'r>,
    pub(super) variables: Variables,
    pub(super) findings: &'r mut Findings,
}

/// What is wrong with one value: code, message, what to do.
type Fault = (&'static str, String, Option<String>);

impl ValueReader<'_, '_> {
    /// One bad value makes the condition unsound, however good the others.
    pub(super) fn read(&mut self, comparison: Comparison) -> Wanted {
        let variables = self.variables;
        let text = |wildcards, case| move |text: &str| pattern(text, variables, wildcards, case);
        let wanted = match comparison {
            Comparison::StringEquals => self.each(text(Wildcards::Literal, Case::Matters)).map(Wanted::Text),
            Comparison::StringEqualsIgnoreCase => {
                self.each(text(Wildcards::Literal, Case::Ignored)).map(Wanted::Text)
            }
            Comparison::StringLike => self.each(text(Wildcards::Live, Case::Matters)).map(Wanted::Text),
            Comparison::Arn => self.each(|text| name(text, variables)).map(Wanted::Arn),
            Comparison::Numeric(relation) => self.each(number).map(|list| Wanted::Number(relation, list)),
            Comparison::Date(relation) => self.each(date).map(|list| Wanted::Date(relation, list)),
            Comparison::Bool => self.each(truth).map(Wanted::Bool),
            Comparison::Null => self.each(truth).map(Wanted::Null),
            Comparison::Binary => self.each(binary).map(Wanted::Binary),
            Comparison::IpAddress => self.each(network).map(Wanted::Address),
        };
        wanted.unwrap_or(Wanted::Unsound)
    }

    fn each<T>(&mut self, read: impl Fn(&str) -> Result<T, Fault>) -> Option<Few<T>> {
        let mut values = Vec::with_capacity(self.clause.values.len());
        let mut is_sound = true;
        for value in &self.clause.values {
            match read(&value.text) {
                Ok(value) => values.push(value),
                Err((code, message, fix)) => {
                    self.findings.error(code, value.span, &value.path(self.path), message, fix);
                    is_sound = false;
                }
            }
        }
        is_sound.then(|| Few::from(values))
    }
}

fn variable_fault(text: &str, problem: VariableProblem) -> Fault {
    match problem {
        VariableProblem::Malformed => {
            let fix = "write ${key}, ${key, 'default'}, or ${$} for a dollar sign".to_owned();
            ("BAD_VARIABLE", format!("`{text}` holds a `${{` that begins no variable"), Some(fix))
        }
        VariableProblem::Multivalued => {
            let message =
                format!("`{text}` holds a variable of several values, where there is place for one");
            ("VARIABLE_UNSUPPORTED", message, None)
        }
    }
}

pub(super) fn arn_fault(text: &str, problem: ArnProblem) -> Fault {
    let form = || {
        let example = "arn:aws:ses:us-east-1:123456789012:identity/example.com";
        Some(format!("write arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME, such as {example}"))
    };
    match problem {
        ArnProblem::NoArn => ("BAD_ARN", format!("`{text}` is no ARN"), form()),
        ArnProblem::Incomplete => {
            ("BAD_ARN", format!("`{text}` has fewer than the six segments of an ARN"), form())
        }
        ArnProblem::EarlyVariable => {
            let message = format!("`{text}` has a variable before its fifth colon, where none is expanded");
            ("VARIABLE_UNSUPPORTED", message, Some("write the region and the account out, or `*`".to_owned()))
        }
        ArnProblem::Variable(problem) => variable_fault(text, problem),
    }
}

fn pattern(text: &str, variables: Variables, wildcards: Wildcards, case: Case) -> Result<Pattern, Fault> {
    Pattern::new(text, variables, wildcards, case).map_err(|problem| variable_fault(text, problem))
}

fn name(text: &str, variables: Variables) -> Result<ArnPattern, Fault> {
    ArnPattern::value(text, variables).map_err(|problem| arn_fault(text, problem))
}

fn mismatch(text: &str, what: &str, fix: &str) -> Fault {
    let message = if text.contains("${") {
        format!("`{text}` is {what}; variables are not expanded here")
    } else {
        format!("`{text}` is {what}")
    };
    let code = if text.contains("${") { "VARIABLE_UNSUPPORTED" } else { "TYPE_MISMATCH" };
    (code, message, Some(fix.to_owned()))
}

fn number(text: &str) -> Result<Number, Fault> {
    Number::parse(text).ok_or_else(|| mismatch(text, "no number", "write digits, such as 50 or 10.5"))
}

fn date(text: &str) -> Result<jiff::Timestamp, Fault> {
    if time::is_ambiguous(text) {
        return Err(mismatch(text, "a year or an epoch second, nobody knows", "write 2026-01-01T00:00:00Z"));
    }
    time::parse(text).ok_or_else(|| {
        mismatch(text, "no point in time", "write 2026-01-01T00:00:00Z, with its zone, or epoch seconds")
    })
}

fn truth(text: &str) -> Result<bool, Fault> {
    parse_bool(text).ok_or_else(|| mismatch(text, "neither true nor false", "write \"true\" or \"false\""))
}

fn binary(text: &str) -> Result<Box<str>, Fault> {
    match STANDARD.decode(text) {
        Ok(octets) => Ok(STANDARD.encode(octets).into_boxed_str()),
        Err(_) => Err(mismatch(text, "not in base64", "encode the octets in base64, with padding")),
    }
}

/// Bits behind the prefix do not count; a bare address is a network of one.
fn network(text: &str) -> Result<IpNetwork, Fault> {
    let fault = || mismatch(text, "neither an address nor a network", ADDRESS_FORM);
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| fault())?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        // A sign or a netmask is no prefix.
        Some(prefix) if !prefix.bytes().all(|octet| octet.is_ascii_digit()) => return Err(fault()),
        Some(prefix) => prefix.parse::<u8>().map_err(|_| fault())?,
        None => whole,
    };
    // Clients in IPv6 clothes are unmapped before they are judged, so such networks must be too.
    let (address, prefix) = match (address.to_canonical(), address) {
        (canonical @ IpAddr::V4(_), IpAddr::V6(_)) if prefix >= 96 => (canonical, prefix - 96),
        _ => (address, prefix),
    };
    let network = IpNetwork::new(address, prefix).map_err(|_| fault())?;
    IpNetwork::new(network.network(), prefix).map_err(|_| fault())
}
