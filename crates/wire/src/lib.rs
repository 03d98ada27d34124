//! What travels between our programs and everybody else's: the messages and services of the
//! wire contract, the YAML and JSON of resource files, and the status codes of errors.
//!
//! - [`pb`]: the messages and the service stubs, generated from `/proto`.
//! - [`descriptors`]: the same, described at run time.
//! - [`convert`]: messages to and from the values that decisions are made with.
//! - [`identity_file`]: key and certificates in one file.
//! - [`authority_export`]: authorities in the forms that other programs trust.
//! - [`keep`]: fields that this program does not know survive it.
//! - [`metadata`]: headers and warnings beside the messages.
//! - [`mfa`]: second factors in headers and in the JSON of browsers.
//! - [`resource`]: resource files, read with line and column and written as people know them.
//! - [`status`]: every error as a gRPC status, and back.

pub mod authority_export;
pub mod convert;
pub mod identity_file;
pub mod keep;
pub mod metadata;
pub mod mfa;
pub mod pb;
pub mod resource;
pub mod status;

pub use pb::{descriptor_set, descriptors};
