#![cfg(test)]
//! The door towards applications, over real sockets on loopback: TLS, PROXY headers, and the limits that each
//! client meets. What is said behind the door is in `tests/transcripts`.

mod allowances;
mod certificates;
mod client;
mod counted;
mod descriptors;
#[path = "../clients/installed.rs"]
mod installed;
mod limits;
mod nat;
mod openssl;
mod proxy;
mod rig;
mod tls;
