//! What the program can do, one module each.

pub mod configure;
pub mod start;
pub mod status;
pub mod version;
