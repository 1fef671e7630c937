#![doc = include_str!("ARCHITECTURE.md")]

pub mod mail;
pub mod secret;
