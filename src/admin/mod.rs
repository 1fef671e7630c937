//! What operators and orchestrators ask of a running relay, over HTTP: is it alive, is it ready, what has it
//! counted, and the page.
//!
//! Applications have no business here: it listens on loopback unless there is a token. What is answered comes from a
//! [`Subject`], in words; this folder knows HTTP and HTML, and judges no mail.

mod guard;
mod page;
mod routes;
mod serve;
mod shown;
mod subject;

pub use guard::{Settings, TokenError};
pub use serve::{Admin, BindError};
pub use shown::{
    Attempt, Candidate, ExplainedCondition, ExplainedResource, ExplainedStatement, Explanation, Mails,
    Notice, Part, Setting, ShownDisagreement, ShownDocument, ShownFinding, ShownStatement, TakenMail, Tried,
    Weight, WholeMail,
};
pub use subject::{Check, Readiness, State, Subject};
