//! What operators and orchestrators ask of a running relay, over HTTP: is it alive, is it ready, what has it
//! counted, and the page.
//!
//! Applications have no business here: it listens on loopback unless there is a token. What is answered comes from a
//! [`Subject`]; this folder knows HTTP and nothing of mail.

mod guard;
mod routes;
mod serve;
mod subject;

pub use guard::{Settings, TokenError};
pub use serve::{Admin, BindError};
pub use subject::{Check, Readiness, State, Subject};
