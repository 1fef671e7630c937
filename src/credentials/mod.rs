//! What the relay tells SES to be let in: a login, and how an IAM access key becomes one.
//!
//! Here a login is made and checked, and several are kept in the order of their use; `upstream` says them to SES.
//! Where they come from (a file, the environment) is the configuration's business.

#[cfg(feature = "aws")]
mod access_keys;
mod counted;
mod keyring;
mod login;
#[cfg(feature = "aws")]
mod secrets_manager;
mod sessions;
mod smtp_password;

#[cfg(feature = "aws")]
pub use access_keys::{AccessKey, AccessKeys, AccessKeysError, Activity};
pub use counted::register;
pub use keyring::{Keyring, KeyringState, LoginState, Offer, Rank, Standing};
pub use login::{Login, LoginError};
#[cfg(feature = "aws")]
pub use secrets_manager::{
    SecretVersion, SecretsManager, SecretsManagerError, Stage, aws_environment, aws_environment_of,
};
pub use sessions::LoginInUse;
pub use smtp_password::smtp_password;
