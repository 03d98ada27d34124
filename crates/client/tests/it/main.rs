//! The client from outside: real directories, real connections.

#[allow(dead_code, reason = "shared with the tests of other crates")]
#[path = "../../../transport/tests/it/authority.rs"]
mod authority;
mod connecting;
mod identities;
mod profiles;
mod proxy_calls;
mod watching;
mod world;
