//! What the same work costs at least: reference programs of a few lines, run beside the subjects.
//!
//! | module | floor |
//! | --- | --- |
//! | [`commit`] | one row made durable by SQLite, nothing else |
//! | [`rpc`] | a gRPC call and a streamed message over loopback, without TLS and without work |

pub mod commit;
pub mod rpc;
