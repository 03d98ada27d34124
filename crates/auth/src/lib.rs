//! auth

pub mod audit;
pub mod credentials;
pub mod failure;
pub mod ids;
pub mod limits;
pub mod moment;
pub mod names;
pub mod server;
pub mod state;
pub mod version;
