//! What the same work costs at least: reference programs of a few lines, run beside the subjects.
//!
//! | module | floor |
//! | --- | --- |
//! | [`commit`] | one row made durable by SQLite, nothing else |
//! | [`post`] | a message posted to a chat server |
//! | [`postgres`] | another server's start and memory |
//! | [`select`] | reading the whole store |
//! | [`rpc`] | a gRPC call and a streamed message over loopback, without TLS and without work |
//!
//! [`process`] reads what the system says of running programs.

pub mod commit;
pub mod post;
pub mod postgres;
pub mod process;
pub mod rpc;
pub mod select;
