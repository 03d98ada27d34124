//! The decision core against worked examples, recorded decisions of another server, and a slow twin.

#![allow(clippy::unwrap_used)]

mod alone;
mod attacks;
mod certificates;
mod matrix;
mod model;
mod people;
mod pins;
mod policies;
mod replay;
mod resources;
mod scenario;
mod traces;
mod ttl;
mod twin;
