//! How our commands talk to people: tables, durations and moments, errors with their next step, prompts,
//! a live line while something is waited for, QR codes.
//!
//! Data goes to standard output, talk to standard error. Nothing here has meaning in colour alone, and
//! colour appears only on a terminal. This crate knows no request and no role: it prints what it is given.

pub mod arguments;
pub mod duration;
pub mod failure;
pub mod key_file;
pub mod live;
pub mod moment;
pub mod prompt;
pub mod qr;
pub mod style;
pub mod table;
pub mod text;
pub mod version;

pub use failure::Failure;
pub use table::Table;
