//! Condition operators: what compares, whether it is negated, and how it takes several or no values.

/// An operator as it is written: `ForAnyValue:StringNotLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    pub quantifier: Quantifier,
    pub comparison: Comparison,
    /// Whether a value that compares makes the condition hold or fail.
    pub sense: Sense,
    pub absent: Absent,
}

/// How many values a request may hold, and how many must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    Single,
    ForAllValues,
    ForAnyValue,
}

/// How a value of the request is compared with one of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Relation),
    Date(Relation),
    Bool,
    Binary,
    IpAddress,
    Arn,
    Null,
}

/// `request RELATION policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

/// `Action` or `NotAction`, `StringLike` or `StringNotLike`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    Is,
    IsNot,
}

/// What an absent key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// A negated operator holds, any other fails.
    AsSense,
    /// `…IfExists`: it holds.
    Holds,
}

/// Every operator without its quantifier and `IfExists`.
const OPERATORS: [(&str, Comparison, Sense); 27] = [
    ("StringEquals", Comparison::StringEquals, Sense::Is),
    ("StringNotEquals", Comparison::StringEquals, Sense::IsNot),
    ("StringEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, Sense::Is),
    ("StringNotEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, Sense::IsNot),
    ("StringLike", Comparison::StringLike, Sense::Is),
    ("StringNotLike", Comparison::StringLike, Sense::IsNot),
    ("NumericEquals", Comparison::Numeric(Relation::Equals), Sense::Is),
    ("NumericNotEquals", Comparison::Numeric(Relation::Equals), Sense::IsNot),
    ("NumericLessThan", Comparison::Numeric(Relation::LessThan), Sense::Is),
    ("NumericLessThanEquals", Comparison::Numeric(Relation::LessThanEquals), Sense::Is),
    ("NumericGreaterThan", Comparison::Numeric(Relation::GreaterThan), Sense::Is),
    ("NumericGreaterThanEquals", Comparison::Numeric(Relation::GreaterThanEquals), Sense::Is),
    ("DateEquals", Comparison::Date(Relation::Equals), Sense::Is),
    ("DateNotEquals", Comparison::Date(Relation::Equals), Sense::IsNot),
    ("DateLessThan", Comparison::Date(Relation::LessThan), Sense::Is),
    ("DateLessThanEquals", Comparison::Date(Relation::LessThanEquals), Sense::Is),
    ("DateGreaterThan", Comparison::Date(Relation::GreaterThan), Sense::Is),
    ("DateGreaterThanEquals", Comparison::Date(Relation::GreaterThanEquals), Sense::Is),
    ("Bool", Comparison::Bool, Sense::Is),
    ("BinaryEquals", Comparison::Binary, Sense::Is),
    ("IpAddress", Comparison::IpAddress, Sense::Is),
    ("NotIpAddress", Comparison::IpAddress, Sense::IsNot),
    ("ArnEquals", Comparison::Arn, Sense::Is),
    ("ArnNotEquals", Comparison::Arn, Sense::IsNot),
    ("ArnLike", Comparison::Arn, Sense::Is),
    ("ArnNotLike", Comparison::Arn, Sense::IsNot),
    ("Null", Comparison::Null, Sense::Is),
];

impl Operator {
    /// Exactly as IAM spells it.
    pub fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
            Some(_) => return None,
            None => (Quantifier::Single, name),
        };
        let (base, absent) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, Absent::Holds),
            None => (rest, Absent::AsSense),
        };
        let (_, comparison, sense) = *OPERATORS.iter().find(|(operator, ..)| *operator == base)?;
        Some(Self { quantifier, comparison, sense, absent })
    }

    /// Every operator there is, quantified or not.
    pub fn names() -> Vec<String> {
        let mut names = Vec::new();
        for (name, ..) in OPERATORS {
            for quantifier in ["", "ForAllValues:", "ForAnyValue:"] {
                names.extend(["", "IfExists"].map(|absent| format!("{quantifier}{name}{absent}")));
            }
        }
        names
    }
}

impl Relation {
    pub fn holds<T: Ord>(self, request: &T, policy: &T) -> bool {
        match self {
            Self::Equals => request == policy,
            Self::LessThan => request < policy,
            Self::LessThanEquals => request <= policy,
            Self::GreaterThan => request > policy,
            Self::GreaterThanEquals => request >= policy,
        }
    }
}

impl Sense {
    /// Turns "it compares" into "it holds".
    pub fn applied(self, compares: bool) -> bool {
        compares == (self == Self::Is)
    }
}
