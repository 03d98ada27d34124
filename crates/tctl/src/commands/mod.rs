//! The commands, one module each: arguments, one function, and nothing that another command needs.

pub mod access_check;
pub mod acl;
pub mod alerts;
pub mod auth;
pub mod bots;
pub mod create;
pub mod edit;
pub mod get;
pub mod lists;
pub mod lock;
pub mod moments;
pub mod nodes;
pub mod notifications;
pub mod remove;
pub mod requests;
pub mod status;
pub mod tokens;
pub mod users;
pub mod version;

use crate::connection::Connection;

/// A new UUID, as names of what has no name of its own.
fn new_id(connection: &Connection) -> String {
    let mut bytes = [0; 16];
    connection.entropy().fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
