//! The real program in temporary worlds: what it says, what it writes, how it answers, how it ends.

mod commands;
mod configuration;
mod starting;
mod stopping;
mod watching_over;
mod world;
