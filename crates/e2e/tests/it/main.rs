//! The real programs on one machine, as people meet them.

mod certificates;
mod demo;
mod documents;
mod guide;
mod openssh;
mod refusals;
mod restarts;
mod world;
