//! The real program in temporary worlds: what it says, what it writes, how it answers, how it ends.
//!
//! Tests that hold a connection run on several threads: waiting for the end of a server blocks one of them, and the
//! connection must be able to say goodbye meanwhile.

mod commands;
mod configuration;
mod edges;
mod rotation;
mod starting;
mod stopping;
mod watching_over;
mod world;
