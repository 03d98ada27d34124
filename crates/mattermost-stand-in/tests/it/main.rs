//! The contract of a Mattermost server, as sentences.
//!
//! Without further ado they judge the stand-in. With `MATTERMOST_URL=http://...` and `MATTERMOST_TOKEN` of
//! an administrator they judge a real server (with `EnableBotAccountCreation` and `EnableUserAccessTokens`
//! on, in a place where users, teams and channels may be left behind). The last two modules test what only
//! the stand-in has: faults on command, limits that need a restart elsewhere, and its page.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod buttons;
mod changes;
mod envelope;
mod lookups;
mod only_here;
mod page;
mod posts;
mod websocket;
mod world;
