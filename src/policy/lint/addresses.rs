//! The values of text conditions: patterns that match nothing, too much, or not what they look like.

use crate::policy::finding::Finding;
use crate::policy::lint::Notes;
use crate::policy::lint::catalogue::{
    ADDRESS_CASE, ADDRESS_PATTERN_IMPOSSIBLE, LIKE_WITHOUT_WILDCARD, REGEX_LOOKALIKE, UNANCHORED_DOMAIN,
    WILDCARD_WITHOUT_LIKE,
};
use crate::policy::lint::subject::{Place, Subject, Term};
use crate::policy::lint::vocabulary::{Type, type_of};
use crate::policy::operator::Comparison;
use crate::policy::syntax::Written;

/// Stands for a variable, or for a `${*}`, whose text is not a wildcard.
const OPAQUE: char = '\u{fffc}';

/// What an address cannot hold where it is compared: it stands alone, without its name.
const NO_PART_OF_AN_ADDRESS: [char; 10] = ['<', '>', ' ', '\t', ',', ';', ':', '"', '(', ')'];

pub(super) fn lint(subject: &Subject<'_>, notes: &mut Notes) {
    for term in subject.terms() {
        let is_like = term.comparison() == Comparison::StringLike;
        let is_equal =
            matches!(term.comparison(), Comparison::StringEquals | Comparison::StringEqualsIgnoreCase);
        let Some(values) = term.key().map(type_of).filter(|_| is_like || is_equal) else { continue };
        for value in term.values() {
            let case = Case { subject, term: &term, value, text: without_variables(&value.text) };
            let finding = match values {
                Type::Address => case.address(),
                Type::Words if is_like => case.exact_words(),
                _ => None,
            };
            let starred = || case.wildcard_without_like(values);
            notes.extend(subject.document, finding.or_else(|| if is_equal { starred() } else { None }));
        }
    }
}

/// One value of one condition.
struct Case<'s, 't> {
    subject: &'s Subject<'t>,
    term: &'s Term<'t>,
    value: &'s Written<'t>,
    /// With [`OPAQUE`] for variables.
    text: String,
}

impl Case<'_, '_> {
    /// The first thing that is wrong, since one explains the others.
    fn address(&self) -> Option<Finding> {
        self.regex().or_else(|| self.impossible()).or_else(|| self.case()).or_else(|| self.unanchored())
    }

    fn regex(&self) -> Option<Finding> {
        let text = &self.text;
        let is_regex = text.starts_with(['^', '.'])
            || text.ends_with('$')
            || text.contains(['[', ']', '\\', '(', '|'])
            || ["+.*", "+.+", "+@", ".+@"].iter().any(|part| text.contains(part));
        is_regex.then(|| {
            let message = format!(
                "`{}` looks like a regular expression; here `*` alone stands for any text, and `?` for one character",
                self.value.text
            );
            REGEX_LOOKALIKE.at(self.place(), message, self.suggested_glob())
        })
    }

    fn impossible(&self) -> Option<Finding> {
        let text = &*self.text;
        let domain = text.rsplit('@').next().unwrap_or(text);
        let (why, fix) = if text.is_empty() {
            ("is empty", "write an address".to_owned())
        } else if text.contains(NO_PART_OF_AN_ADDRESS) {
            (
                "is more than an address: names and angle brackets are not compared",
                "write user@example.com".to_owned(),
            )
        } else if text.matches('@').count() > 1 {
            ("has two @, and addresses have one", "write user@example.com".to_owned())
        } else if !text.contains('@') && !text.contains(['*', '?', OPAQUE]) {
            ("is a domain, and addresses have an @", format!("write StringLike \"*@{text}\""))
        } else if text.starts_with('@') {
            ("has nothing before the @", format!("write StringLike \"*{text}\""))
        } else if text.ends_with('@') {
            ("has nothing after the @", format!("write StringLike \"{text}*\""))
        } else if !text.chars().all(|character| character.is_ascii() || character == OPAQUE) {
            let fix = format!("write the A-label of `{domain}`, which begins with xn--");
            ("is not ASCII, as addresses and domains are when they are compared", fix)
        } else {
            return None;
        };
        let message = format!("`{}` {why}, so it matches none", self.value.text);
        Some(ADDRESS_PATTERN_IMPOSSIBLE.at(self.place(), message, fix))
    }

    /// The relay compares domains in lower case; SES compares them as they are written.
    fn case(&self) -> Option<Finding> {
        if self.term.comparison() == Comparison::StringEqualsIgnoreCase {
            return None;
        }
        let (local, domain) = self.parts()?;
        let lower = format!("{local}{}", domain.to_ascii_lowercase());
        let is_listed = self.term.values().iter().any(|value| without_variables(&value.text) == lower);
        (domain.chars().any(|letter| letter.is_ascii_uppercase()) && !is_listed).then(|| {
            let message = format!(
                "`{}` matches nothing: a domain is in lower case when it is compared",
                self.value.text
            );
            ADDRESS_CASE.at(self.place(), message, "write the domain in lower case".to_owned())
        })
    }

    /// A star that may stand for the front or the end of a domain name stands for anybody's.
    fn unanchored(&self) -> Option<Finding> {
        let is_glob = self.term.comparison() == Comparison::StringLike;
        if !is_glob || !self.subject.permits_by(self.term) {
            return None;
        }
        let (_, domain) = self.parts()?;
        let (before, last) = domain.rsplit_once('*').map_or(("", domain), |(before, last)| (before, last));
        let is_open_before =
            domain.contains('*') && !last.is_empty() && !last.starts_with(['.', '@', OPAQUE]);
        let is_open_behind = domain.ends_with(['*', '?']) && !(before.is_empty() && self.text.contains('@'));
        let name = before.trim_start_matches('*');
        let example = match (is_open_before, self.text.contains('@')) {
            (true, _) => format!("x@evil-{last}"),
            (false, true) => format!("x@{name}.evil.example"),
            (false, false) => format!("{name}@evil.example"),
        };
        (is_open_before || is_open_behind).then(|| {
            let message = format!("`{}` also matches other domains, such as `{example}`", self.value.text);
            let fix = "write `*@example.com`, and `*@*.example.com` for its subdomains".to_owned();
            UNANCHORED_DOMAIN.at(self.place(), message, fix)
        })
    }

    fn exact_words(&self) -> Option<Finding> {
        let text = &self.value.text;
        (!self.text.contains(['*', '?', OPAQUE])).then(|| {
            let message =
                format!("`{text}` has no wildcard, so it matches this name only, whole and exactly");
            let fix = format!("write `*{text}*` if it may be a part, or StringEquals if not");
            LIKE_WITHOUT_WILDCARD.at(self.place(), message, fix)
        })
    }

    fn wildcard_without_like(&self, values: Type) -> Option<Finding> {
        let is_question = values != Type::Words && self.text.contains('?');
        (self.text.contains('*') || is_question).then(|| {
            let operator = &self.term.clause.operator.text;
            let message =
                format!("`{}`: to `{operator}` a wildcard is a character like any other", self.value.text);
            let fix = format!(
                "write `{}`, or `${{*}}` if the character is meant",
                operator.replace("EqualsIgnoreCase", "Like").replace("Equals", "Like")
            );
            WILDCARD_WITHOUT_LIKE.at(self.place(), message, fix)
        })
    }

    /// Up to and with the @, and what follows: a pattern without @ that begins with a star is about its end.
    fn parts(&self) -> Option<(&str, &str)> {
        match self.text.rfind('@') {
            Some(at) => self.text.split_at_checked(at + 1),
            None if self.text == "*" => None,
            None => Some(("", &self.text)),
        }
    }

    fn suggested_glob(&self) -> String {
        let pattern = self.text.trim_start_matches('^').trim_end_matches('$').replace('\\', "");
        let pattern = pattern.replace("+.*", "+*").replace(".*", "*").replace(".+", "?*");
        if pattern.contains(['[', '(', '|', OPAQUE]) {
            "write what the pattern means with `*` and `?`, or list the addresses".to_owned()
        } else {
            format!("write `{pattern}`")
        }
    }

    fn place(&self) -> Place {
        self.subject.place_of_value(self.term, self.value)
    }
}

fn without_variables(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((_, behind)) = after.split_once('}') else { break };
        plain.push_str(before);
        plain.push(OPAQUE);
        rest = behind;
    }
    plain + rest
}
