//! A chat server in memory that keeps Mattermost's contract, for tests and for the demo.
//!
//! It answers the REST calls and the WebSocket of Mattermost 11.6 that an access-request plugin and the
//! set-up of one can make, with the same status codes, error ids, headers and limits; and it shows its
//! channels on a page. It stores nothing on disk, it is no place for real conversations, and it knows
//! nothing of Countersign: everything goes through the calls a real server has.
//!
//! Start at [`StandIn::spawn`]. The suite in `tests/it` is the contract; given `MATTERMOST_URL` and
//! `MATTERMOST_TOKEN` it judges a real server by the same sentences.

mod ambient;
mod api;
mod envelope;
mod faults;
mod handle;
mod limit;
pub mod markdown;
mod model;
mod page;
mod server;
mod signing;
mod state;
mod websocket;

pub use faults::{Fault, Rule};
pub use handle::{Bot, Call, PostShown, StandIn};
pub use model::{RateLimit, Settings};
