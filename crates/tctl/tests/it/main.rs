//! The real binary against an Auth Service over real TCP and mutual TLS: every command, and every mistake, with its exit
//! code and everything it prints.

mod access_check;
mod alerts;
mod bots;
mod certificates;
mod cluster;
mod credentials;
mod guide;
mod lists;
mod locks;
mod registered;
mod requests;
mod resources;
mod rules;
mod users;
mod world;
