//! The public interface of `wire`.

mod access_check;
mod convert;
mod resource_forms;
mod resource_mistakes;
mod resource_reading;
