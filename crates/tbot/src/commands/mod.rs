//! The commands, one module each: arguments and one function.

pub mod configure;
pub mod init;
pub mod install;
pub mod start;
pub mod version;
