//! The access-request plugin: messages in a chat that stay true to the requests they are about.
//!
//! It watches requests ([`plugin`]), says what a channel should look like ([`picture`], pure), compares that with what it
//! has noted beside the request ([`record`]) and makes the difference true ([`deliver`]), again and again until it is.
//! Nothing here happens because an event came by: an event, a start and a reconnect all end in the same comparison, so a
//! missed event costs time and nothing else.
//!
//! It only reads requests and keeps its own notes. It cannot review, and what is said in the chat moves nothing.
//!
//! Where to start: [`picture`] for what is shown, [`mattermost::message`] for the words, [`deliver`] for how a post is
//! made once although everything may fail.

pub mod audience;
pub mod chat;
pub mod check;
pub mod config;
pub mod deliver;
pub mod desk;
pub mod mattermost;
pub mod picture;
pub mod plugin;
pub mod queue;
pub mod record;
pub mod request;
mod rules;

pub use plugin::{Ended, Plugin, Setup};
