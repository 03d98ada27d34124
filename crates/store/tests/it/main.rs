//! The backends against the contract, and what only a disk can do to a store.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod contract;
mod crash;
mod disk;
mod doors;
mod seal;
