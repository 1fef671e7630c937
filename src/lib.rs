#![doc = include_str!("ARCHITECTURE.md")]

pub mod admission;
pub mod compare;
pub mod config;
pub mod credentials;
pub mod gate;
pub mod inspect;
pub mod json;
pub mod mail;
pub mod policy;
pub mod relay;
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod smtp;
pub mod telemetry;
pub mod upstream;
