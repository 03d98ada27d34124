//! The crate judged by other people's tools: OpenSSL and OpenSSH read what is written here.

// `expect!` writes its own literals.
#![allow(clippy::needless_raw_string_hashes)]

mod authorities;
mod hosts;
mod keys;
mod random;
mod tools;
mod users;
mod world;
