//! Resources as people write and read them: YAML and JSON documents.

pub mod duration;
pub mod json;
pub mod moment;
pub mod nearest;
pub mod read;
mod scalar;
pub mod tree;
pub mod yaml;

pub use read::{Limits, ReadError};
pub use tree::{Entry, Node, Position, Value};
