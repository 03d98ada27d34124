//! The plugin between a real Auth Service and a chat: the stand-in, or a real Mattermost.

mod chat;
#[allow(
    dead_code,
    reason = "shared with the suite of the program, which needs more of it"
)]
mod teleport;
mod world;

mod faults;
mod missed;
mod powerless;
mod rules;
mod setup;
mod story;
mod together;
