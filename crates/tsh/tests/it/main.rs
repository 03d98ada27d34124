//! The real `tsh` against a cluster in this process, over real connections: what people and scripts see.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod alerts;
mod asking;
mod deciding;
mod factors;
mod invites;
mod output;
mod people;
mod run;
mod signing_in;
mod terminal;
mod world;
