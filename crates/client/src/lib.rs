//! Calls: who we are, how we get to a cluster, and the calls themselves.
//!
//! [`profile`] is what `tsh` leaves on disk, [`web`] the proxy's JSON calls that need no certificate.

pub mod files;
pub mod profile;
pub mod web;

pub use profile::{Profile, ProfileDir};
