//! Where mail meets policy: the mail in the policy's words, the question, and the right to send.
//!
//! [`Gate::judge`] is the whole of it: a submission and what its header claims go in, a [`PermittedMail`] or a
//! [`Refusal`] comes out. Nothing else can make a `PermittedMail`, and nothing else can be delivered. [`Gate::examine`] says why,
//! and gives no right to anything.

mod app;
mod decision_id;
mod examination;
mod facts;
mod identity;
mod judgement;
mod permit;
mod settings;

pub use app::{App, AppSettings, GateError, Tag};
pub use decision_id::DecisionId;
pub use examination::{Examination, Examined, Fact};
pub use facts::Case;
pub use identity::{Identities, Identity, IdentityName};
pub use judgement::{Gate, Judged, Judgement, Occasion, Opinion, statement_name};
pub use permit::{Grounds, PermittedMail, RECIPIENTS_MAX, Refusal, Refused};
pub use settings::{Enforcement, RecipientsScope, Settings, partition};
