//! The public interface of `wire`.

mod resource_reading;
