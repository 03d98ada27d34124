//! The transport from outside: real sockets on loopback, real handshakes, certificates made by hand.

#[allow(dead_code, reason = "shared with the tests of other crates")]
mod authority;
mod dialling;
mod http_port;
mod mutual_tls;
mod one_port;
mod own_certificates;
mod world;
