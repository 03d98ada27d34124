//! Resources as people write and read them: YAML and JSON documents.
//!
//! [`read_all`] turns a file into [`Resource`]s or says what is wrong where; [`Resource::to_yaml`], [`yaml_of`] and [`json_of`]
//! print them as the original does. What lies between a text and a message is driven by the options of the messages' fields
//! (`proto/countersign/form.proto`): nothing here knows the fields of a role.
//!
//! Start at [`Resource`]; [`read`] holds the limits that every text meets first.

mod decode;
pub mod defaults;
mod document;
pub mod duration;
mod encode;
mod form;
pub mod json;
pub mod kind;
pub mod moment;
pub mod name;
pub mod nearest;
mod problem;
pub mod read;
pub mod reference;
mod scalar;
pub mod secrets;
pub mod tree;
pub mod yaml;

pub use document::{Resource, ResourceError, json_of, read_all, read_one, yaml_of};
pub use encode::to_json;
pub use kind::{Done, Kind, Verb};
pub use problem::{Problem, Warning};
pub use read::{Limits, ReadError};
pub use reference::{Reference, ReferenceError, References};
pub use tree::{Entry, Node, Position, Value};
