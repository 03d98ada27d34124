//! The Auth Service from outside: real certificates over real TLS, on both stores.

mod authenticator;
mod calls;
mod flaws;
mod invariants;
mod journal;
mod people;
mod world;

mod alerts;
mod attacks;
mod authenticators;
mod bots;
mod clients;
mod explained;
mod faults;
mod garbage;
mod guide;
mod hosts;
mod lists;
mod locks;
mod matrix;
mod meanwhile;
mod notifications;
mod old_calls;
mod peer;
mod recorded;
mod refusals;
mod resources;
mod rotation;
mod rules;
mod sweeping;
mod watching;
