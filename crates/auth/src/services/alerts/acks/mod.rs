//! Alerts that somebody has seen, and that are not pushed for a while.

pub mod clear;
pub mod create;
pub mod list;
