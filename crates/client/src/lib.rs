//! Calls: who we are, how we get to a cluster, and the calls themselves.
//!
//! [`profile`] is what `tsh` leaves on disk, [`web`] the proxy's JSON calls that need no certificate.

pub mod backoff;
pub mod cluster;
pub mod files;
pub mod identity;
pub mod profile;
pub mod roads;
mod subject;
pub mod web;

pub use cluster::{Cluster, Connect};
pub use identity::{Identity, IdentityHandle};
pub use profile::{Profile, ProfileDir};
pub use roads::{ConnectError, Destination};
