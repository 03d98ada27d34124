//! Calls: who we are, how we get to a cluster, and the calls themselves.
//!
//! A [`Cluster`] is made from an [`Identity`] and a [`Destination`]; it connects, comes back after a loss,
//! and follows the identity when that is exchanged. [`calls`] are the generated clients, [`watch`] is what
//! changes. [`join`] is for machines that have no identity yet. [`profile`] is what `tsh` leaves on disk, [`web`] the proxy's JSON calls that need no certificate.

pub mod backoff;
pub mod calls;
pub mod cluster;
pub mod files;
pub mod identity;
pub mod join;
pub mod profile;
pub mod roads;
mod upgrade;
pub mod watch;
pub mod web;

pub use cluster::{Cluster, Connect};
pub use identity::{Identity, IdentityHandle};
pub use profile::{Profile, ProfileDir};
pub use roads::{ConnectError, Destination};
