//! **Shows**: the whole system as a person meets it, made of the real programs on one machine.
//!
//! [`Cluster`] runs `teleport` in a folder of its own, [`Person`] has a home and an authenticator
//! application and calls `tsh`, [`Chat`] is a Mattermost to look at, with the plugin beside it. The stories in
//! `tests/it` check what each says and does; the demo plays the same and leaves it running.
//!
//! Nothing here reaches into a program: what it knows, it read from output, files and the network.

pub mod bench;
pub mod chat;
pub mod cluster;
pub mod guide;
pub mod people;
pub mod programs;
pub mod wait;

pub use chat::{Chat, Plugin};
pub use cluster::Cluster;
pub use people::Person;
pub use programs::{Outcome, Programs};
