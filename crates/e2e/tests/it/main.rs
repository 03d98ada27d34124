//! The real programs on one machine, as people meet them.

mod balancer;
mod certificates;
mod demo;
mod documents;
mod guide;
mod machine_id;
mod openssh;
mod original;
mod refusals;
mod restarts;
mod world;
