//! The handlers: one endpoint a file, `handle(auth, call, message)`.

pub mod absent;
pub mod access_check;
pub mod access_lists;
pub mod alerts;
pub mod authorities;
pub mod bots;
pub mod certificates;
pub mod cluster;
pub mod factors;
pub mod join;
pub mod links;
pub mod locks;
pub mod monitoring_rules;
pub mod notifications;
pub mod pages;
pub mod plugin_data;
pub mod proxies;
pub mod requests;
pub mod resources;
pub mod roles;
pub mod session;
pub mod signin;
pub mod streams;
pub mod tokens;
pub mod users;
pub mod watch;
