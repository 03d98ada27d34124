//! **Receives**: the Proxy Service, the one public port of a cluster.
//!
//! A connection comes in and is routed by its TLS greeting ([`Proxy::port`]): to the Auth Service untouched, to the pages
//! and the web API ([`Proxy::web`]), or nowhere. Signing in goes through the proxy's own certificate; everything a signed-in
//! person sees is read with that person's certificate. The proxy decides nothing and remembers nothing: it cannot name
//! `store`, and a restarted proxy has forgotten nobody.

mod proxy;
mod settings;

pub use proxy::{Opening, Proxy, web_protocols};
pub use settings::Settings;
