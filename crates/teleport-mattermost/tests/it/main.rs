//! The real program, between a real Auth Service and the chat stand-in.

#[path = "../../../plugin/tests/it/teleport.rs"]
#[allow(
    dead_code,
    reason = "shared with the suite of the plugin, which needs more of it"
)]
mod teleport;
mod world;

mod commands;
mod mistakes;
mod running;
