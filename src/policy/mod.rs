//! The policy language of AWS Identity and Access Management, whole: documents in, decisions out.
//!
//! Text becomes a tree with positions (`json`), the tree a document whose grammar is checked (`grammar`), the
//! document statements in which every pattern, date and network stands ready (`compile`); then deciding cannot
//! fail, allocates nothing and looks at each statement once (`policies`). Nothing here has heard of mail: what
//! a mail means in these words is the gate's business.

mod arn;
mod compile;
mod condition;
mod context;
mod document;
mod explain;
mod few;
mod finding;
mod grammar;
mod index;
mod key;
mod lint;
mod missing;
mod number;
mod operator;
mod pattern;
mod plan;
mod policies;
mod principal;
mod statement;
mod survey;
mod syntax;
mod time;
mod values;
mod why;

pub use arn::Name;
pub use compile::Kind;
pub use context::{Context, Value, Values};
pub use document::Document;
pub use explain::{Explained, ExplainedCondition, Explanation, Fit, State};
pub use finding::{Finding, Level};
pub use key::{Key, KeyName};
pub use lint::{Family, Reach, Source, Surroundings, lint};
pub use missing::Missing;
pub use pattern::Case;
pub use policies::{Decision, Policies, Request, StatementRef, Trace, Verdict};
pub use principal::{Cover, Principal, PrincipalError, owner};
pub use survey::{Glob, Mark, ResourceTerm, Test, Token};
pub use syntax::Effect;
