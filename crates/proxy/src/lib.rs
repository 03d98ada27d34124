//! **Receives**: the Proxy Service, the one public port of a cluster.
//!
//! A connection comes in and is routed by its TLS greeting ([`Proxy::port`]): to the Auth Service untouched, to the pages
//! and the web API ([`Proxy::web`]), or nowhere. Signing in goes through the proxy's own certificate; everything a
//! signed-in person sees is read with that person's certificate. The proxy decides nothing and remembers nothing: it
//! cannot name `store`, and a restarted proxy has forgotten nobody.
//!
//! Start with `routes`: the table of everything that can be asked for. `api` answers programs, `pages` answers people,
//! `gate` is what every request passes first.

mod announce;
mod api;
mod body;
mod cookie;
mod forgery;
mod gate;
mod headers;
mod live;
mod look;
mod metrics;
mod pages;
mod passage;
mod proxy;
mod qr;
mod routes;
mod session;
mod settings;
mod text;
mod upgrade;
mod upstream;
mod visitor;
mod words;

pub use proxy::{Opening, Proxy, passage_protocols, web_protocols};
pub use routes::entry_points;
pub use settings::Settings;
