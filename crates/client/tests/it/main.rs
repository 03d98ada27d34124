//! The client from outside: real directories, real connections.

mod profiles;
