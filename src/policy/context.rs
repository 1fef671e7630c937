//! The facts of one request: each key with one value or several, ready to be compared.
//!
//! A key without a value is absent: empty text and empty lists are left out here, so no condition has to
//! decide what they mean.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::policy::key::{Key, KeyName};
use crate::policy::number::Number;
use crate::policy::time;

/// A value as text, or as what it is if whoever made it knew. That has a text too, written when it is asked for:
/// conditions on addresses, times and numbers never do.
#[derive(Debug, Clone)]
pub struct Value<'a>(Form<'a>);

/// What a key holds in a request.
#[derive(Debug, Clone)]
pub enum Values<'a> {
    One(Value<'a>),
    /// Never empty.
    Many(Vec<Value<'a>>),
}

/// What a request says of itself.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    known: [Option<Values<'a>>; Key::ALL.len()],
    /// By names in lower case.
    other: Vec<(Box<str>, Values<'a>)>,
}

#[derive(Debug, Clone)]
enum Form<'a> {
    Text(Cow<'a, str>),
    Typed(Typed, OnceLock<Box<str>>),
}

#[derive(Debug, Clone, Copy)]
enum Typed {
    Address(IpAddr),
    Time(Timestamp),
    Epoch(Timestamp),
    Number(u64),
    Bool(bool),
}

impl<'a> Value<'a> {
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self(Form::Text(text.into()))
    }

    /// Written as `aws:CurrentTime` is, in UTC to the second.
    pub fn time(time: SystemTime) -> Self {
        Self::typed(Typed::Time(Timestamp::try_from(time).unwrap_or(Timestamp::MAX)))
    }

    /// Written as `aws:EpochTime` is, in seconds.
    pub fn epoch(time: SystemTime) -> Self {
        let seconds = Timestamp::try_from(time).unwrap_or(Timestamp::MAX).as_second();
        Self::typed(Typed::Epoch(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)))
    }

    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Text(text) => text,
            Form::Typed(typed, text) => text.get_or_init(|| typed.to_string().into_boxed_str()),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(&self.0, Form::Text(text) if text.is_empty())
    }

    fn typed(typed: Typed) -> Self {
        Self(Form::Typed(typed, OnceLock::new()))
    }

    pub(super) fn as_address(&self) -> Option<IpAddr> {
        let Form::Typed(Typed::Address(address), _) = self.0 else {
            return self.as_str().parse().ok().map(|address: IpAddr| address.to_canonical());
        };
        Some(address)
    }

    pub(super) fn as_time(&self) -> Option<Timestamp> {
        match self.0 {
            Form::Typed(Typed::Time(time) | Typed::Epoch(time), _) => Some(time),
            Form::Typed(..) | Form::Text(_) => time::parse(self.as_str()),
        }
    }

    pub(super) fn as_number(&self) -> Option<Number> {
        let Form::Typed(Typed::Number(number), _) = self.0 else { return Number::parse(self.as_str()) };
        Some(Number::from(number))
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        let Form::Typed(Typed::Bool(truth), _) = self.0 else { return parse_bool(self.as_str()) };
        Some(truth)
    }
}

impl From<IpAddr> for Value<'_> {
    /// An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
    fn from(address: IpAddr) -> Self {
        Self::typed(Typed::Address(address.to_canonical()))
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::typed(Typed::Number(number))
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::typed(Typed::Bool(truth))
    }
}

impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Time(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").fmt(f),
            Self::Epoch(time) => time.as_second().fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Bool(truth) => truth.fmt(f),
        }
    }
}

impl<'a> Values<'a> {
    pub fn as_slice(&self) -> &[Value<'a>] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl<'a> Context<'a> {
    pub const fn new() -> Self {
        Self { known: [const { None }; Key::ALL.len()], other: Vec::new() }
    }

    /// Empty text leaves the key absent.
    pub fn set(&mut self, key: Key, value: Value<'a>) {
        self.put(KeyName::Known(key), one(value));
    }

    /// A list, even of one; without any value but empty text the key is absent.
    pub fn set_all(&mut self, key: Key, values: impl IntoIterator<Item = Value<'a>>) {
        self.put(KeyName::Known(key), many(values));
    }

    /// For keys that are made by name, as `aws:PrincipalTag/team` is.
    pub fn set_named(&mut self, name: &str, value: Value<'a>) {
        self.put(KeyName::new(name), one(value));
    }

    pub fn set_all_named(&mut self, name: &str, values: impl IntoIterator<Item = Value<'a>>) {
        self.put(KeyName::new(name), many(values));
    }

    /// All that a key holds, or that it is absent.
    pub fn hold(&mut self, key: Key, values: Option<Values<'a>>) {
        self.put(KeyName::Known(key), values);
    }

    /// What the request holds for this key.
    pub fn values(&self, key: &KeyName) -> Option<&Values<'a>> {
        match key {
            KeyName::Known(key) => self.known.get(*key as usize)?.as_ref(),
            KeyName::Other { folded, .. } => {
                self.other.iter().find(|(other, _)| other == folded).map(|(_, values)| values)
            }
        }
    }

    /// Every key that is there, those made by name in lower case.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Values<'a>)> {
        let known = Key::ALL.into_iter().zip(&self.known);
        let known = known.filter_map(|(key, values)| Some((key.name(), values.as_ref()?)));
        known.chain(self.other.iter().map(|(name, values)| (&**name, values)))
    }

    fn put(&mut self, key: KeyName, values: Option<Values<'a>>) {
        match key {
            KeyName::Known(key) => {
                if let Some(place) = self.known.get_mut(key as usize) {
                    *place = values;
                }
            }
            KeyName::Other { folded, .. } => {
                self.other.retain(|(other, _)| *other != folded);
                self.other.extend(values.map(|values| (folded, values)));
            }
        }
    }
}

impl Default for Context<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// `true` or `false` in any case, as IAM reads them.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn one(value: Value<'_>) -> Option<Values<'_>> {
    if value.is_empty() { None } else { Some(Values::One(value)) }
}

fn many<'a>(values: impl IntoIterator<Item = Value<'a>>) -> Option<Values<'a>> {
    let values: Vec<Value<'a>> = values.into_iter().filter(|value| !value.is_empty()).collect();
    if values.is_empty() { None } else { Some(Values::Many(values)) }
}
