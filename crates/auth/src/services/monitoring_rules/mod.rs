//! Access monitoring rules: which requests a chat or a machine is told of, and whom it tells.
//!
//! A rule is checked when it is written. Plugins read the rules and ask their conditions themselves; what a rule reviews by
//! itself is said here, when a request is made.

pub mod automatic;
mod check;
pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod update;
pub mod upsert;

use crate::failure::Failure;

/// The kind, as rules of roles call it.
pub const KIND: &str = "access_monitoring_rule";

fn missing(name: &str) -> Failure {
    Failure::not_found(format!("{KIND} {name:?} is not found"))
}
