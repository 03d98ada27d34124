//! X.509: names with several values, and certificates put together field by field.
//!
//! Usual builders keep one value for each attribute and choose their own order. The original's readers
//! and writers do neither, so names and bodies are composed here.

pub(crate) mod body;
pub(crate) mod name;
pub(crate) mod oid;
pub(crate) mod time;

pub(crate) use body::{Body, BodyError, Issuer};
