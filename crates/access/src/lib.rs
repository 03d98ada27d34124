//! access

pub mod ambient;
