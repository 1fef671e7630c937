//! What statements hold against requests, for tools that ask which requests they can tell apart.
//!
//! A test is one condition of one statement, its marks are the patterns, networks and bounds it compares with.
//! Nothing here decides: a tool that has found a request worth asking about asks `Policies::decide`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use ipnetwork::IpNetwork;

use crate::policy::arn::ArnPattern;
use crate::policy::condition::{Condition, Wanted};
use crate::policy::context::Context;
use crate::policy::key::KeyName;
use crate::policy::operator::Quantifier;
use crate::policy::pattern::{Case, Pattern};
use crate::policy::policies::Policies;
use crate::policy::principal::PrincipalPattern;
use crate::policy::syntax::Effect;

/// One condition of one statement.
#[derive(Debug, Clone, Copy)]
pub struct Test<'p> {
    condition: &'p Condition,
    effect: Effect,
}

/// Something a test compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    Text(Glob),
    /// All addresses from the first to the last.
    Network {
        first: IpAddr,
        last: IpAddr,
        text: String,
    },
    /// The integers on either side of a number, which are the same if it is one itself.
    Number {
        floor: i128,
        ceiling: i128,
    },
    Time(SystemTime),
    /// A pattern that compares by the segments of an ARN.
    Arn,
    /// `Bool` and `Null`: what they tell apart needs no mark.
    Presence,
}

/// A text pattern whose variables have their values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    pub tokens: Vec<Token>,
    pub case: Case,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Token {
    Character(char),
    /// `?`
    AnyCharacter,
    /// `*`
    AnyText,
}

/// A pattern of a Resource or `NotResource`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceTerm {
    pub region: Glob,
    pub account: Glob,
    pub name: Glob,
}

impl Policies {
    /// The conditions of all statements that say something of this action.
    pub fn tests(&self, action: &str) -> impl Iterator<Item = Test<'_>> {
        let statements = self.documents().iter().flat_map(|document| document.statements.iter());
        statements.filter(move |statement| statement.acts_on(action)).flat_map(|statement| {
            let test = |condition| Test { condition, effect: statement.effect };
            statement.conditions.iter().map(test)
        })
    }

    /// What the statements name as resources. `*` and what can match nothing are left out.
    pub fn resource_terms(&self, context: &Context<'_>) -> Vec<ResourceTerm> {
        let statements = self.documents().iter().flat_map(|document| document.statements.iter());
        let patterns = statements.flat_map(|statement| statement.resources.patterns.iter());
        patterns.filter_map(|pattern| term(pattern, context)).collect()
    }

    /// Keys of the variables in resources.
    pub fn resource_variables(&self) -> impl Iterator<Item = &KeyName> {
        let statements = self.documents().iter().flat_map(|document| document.statements.iter());
        statements.flat_map(|statement| statement.resources.patterns.iter().flat_map(ArnPattern::variables))
    }

    /// The ARNs that Principal and `NotPrincipal` name in full.
    pub fn principal_names(&self) -> impl Iterator<Item = &str> {
        let statements = self.documents().iter().flat_map(|document| document.statements.iter());
        let principals = statements.filter_map(|statement| statement.principals.as_ref());
        principals.flat_map(|principals| principals.patterns.iter()).filter_map(|pattern| match pattern {
            PrincipalPattern::Exact(name) => Some(&**name),
            PrincipalPattern::Everyone
            | PrincipalPattern::Account(_)
            | PrincipalPattern::Role { .. }
            | PrincipalPattern::Nobody => None,
        })
    }
}

impl<'p> Test<'p> {
    pub fn key(&self) -> &'p KeyName {
        &self.condition.key
    }

    /// The keys of the variables in its values.
    pub fn variables(&self) -> impl Iterator<Item = &'p KeyName> {
        self.condition.keys().skip(1)
    }

    pub fn holds(&self, context: &Context<'_>) -> bool {
        self.condition.holds(self.effect, context)
    }

    /// Whether it holds of a list as soon as it holds of one value, or of a list only if of each value.
    pub fn is_for_any_value(&self) -> bool {
        self.condition.operator.quantifier == Quantifier::ForAnyValue
    }

    /// What it compares with, where the context gives the variables their values. A pattern without a value
    /// for its variable matches nothing and is left out.
    pub fn marks(&self, context: &Context<'_>) -> Vec<Mark> {
        match &self.condition.values {
            Wanted::Text(patterns) => {
                patterns.iter().filter_map(|pattern| pattern.glob(context)).map(Mark::Text).collect()
            }
            Wanted::Binary(texts) => texts.iter().map(|text| Mark::Text(Glob::literal(text))).collect(),
            Wanted::Arn(patterns) => patterns.iter().map(|_| Mark::Arn).collect(),
            Wanted::Number(_, numbers) => numbers
                .iter()
                .map(|number| Mark::Number { floor: number.floor(), ceiling: number.ceiling() })
                .collect(),
            Wanted::Date(_, dates) => dates.iter().map(|date| Mark::Time((*date).into())).collect(),
            Wanted::Address(networks) => networks.iter().map(|network| mark(*network)).collect(),
            Wanted::Bool(_) | Wanted::Null(_) | Wanted::Unsound => vec![Mark::Presence],
        }
    }

    /// The last segments of the ARNs it compares with.
    pub fn arn_names(&self, context: &Context<'_>) -> Vec<Glob> {
        match &self.condition.values {
            Wanted::Arn(patterns) => {
                patterns.iter().filter_map(|pattern| term(pattern, context)).map(|term| term.name).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Glob {
    pub fn literal(text: &str) -> Self {
        Self { tokens: text.chars().map(Token::Character).collect(), case: Case::Matters }
    }

    /// `*` and `?` are wildcards.
    pub fn new(text: &str) -> Self {
        let token = |character| match character {
            '*' => Token::AnyText,
            '?' => Token::AnyCharacter,
            _ => Token::Character(character),
        };
        Self { tokens: text.chars().map(token).collect(), case: Case::Matters }
    }

    /// The text, if it has no wildcard and its letter case matters.
    pub fn as_literal(&self) -> Option<String> {
        let character = |token: &Token| match token {
            Token::Character(character) => Some(*character),
            Token::AnyCharacter | Token::AnyText => None,
        };
        if self.case == Case::Ignored { None } else { self.tokens.iter().map(character).collect() }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.iter().try_for_each(|token| match token {
            Token::Character(character) => write!(f, "{character}"),
            Token::AnyCharacter => f.write_str("?"),
            Token::AnyText => f.write_str("*"),
        })?;
        if self.case == Case::Ignored { f.write_str(" in any letter case") } else { Ok(()) }
    }
}

fn term(pattern: &ArnPattern, context: &Context<'_>) -> Option<ResourceTerm> {
    match pattern {
        ArnPattern::Everything | ArnPattern::Never => None,
        ArnPattern::Exact(text) => {
            let mut segments = text.splitn(6, ':').skip(3).map(Glob::literal);
            Some(ResourceTerm { region: segments.next()?, account: segments.next()?, name: segments.next()? })
        }
        ArnPattern::Segments(segments) => {
            let [_, _, _, region, account, name] = &**segments;
            let written = |pattern: &Pattern| pattern.glob(context);
            Some(ResourceTerm { region: written(region)?, account: written(account)?, name: written(name)? })
        }
    }
}

fn mark(network: IpNetwork) -> Mark {
    let last = match network {
        IpNetwork::V4(network) => {
            IpAddr::V4(Ipv4Addr::from_bits(network.network().to_bits() | !network.mask().to_bits()))
        }
        IpNetwork::V6(network) => {
            IpAddr::V6(Ipv6Addr::from_bits(network.network().to_bits() | !network.mask().to_bits()))
        }
    };
    Mark::Network { first: network.network(), last, text: network.to_string() }
}
