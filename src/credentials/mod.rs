//! What the relay tells SES to be let in: a login, and how an IAM access key becomes one.
//!
//! Here a login is made and checked; `upstream` says it to SES. Where it comes from (a file, the environment)
//! is the configuration's business.

mod login;
mod smtp_password;

pub use login::{Login, LoginError};
pub use smtp_password::smtp_password;
