//! Attempts to get through, by the names they have in the threat model. Each is tried twice: on a sound cluster, where
//! it fails, and on one with a planted flaw, where the same story must notice that it does not.

mod administrators;
mod authenticators;
mod between;
mod credentials;
mod grown_roles;
mod lists;
mod lost_answers;
mod machines;
mod plugins;
mod two_persons;
