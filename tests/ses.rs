//! The relay against the stand-in for SES, over real TLS on loopback: each trouble that SES is known to make, and
//! what comes of it for the application. `tests/ses/README.md` is the table of troubles.
#![cfg(test)]

#[path = "ses/in_doubt.rs"]
mod in_doubt;
#[path = "ses/rows_about_accounts.rs"]
mod rows_about_accounts;
#[path = "ses/rows_about_connections.rs"]
mod rows_about_connections;
#[path = "ses/rows_about_mails.rs"]
mod rows_about_mails;
#[path = "ses/standby.rs"]
mod standby;
#[path = "ses/world.rs"]
mod world;
