//! **Serves**: the Auth Service, the only writer of state.
//!
//! A call comes in over mutual TLS ([`call`]), its caller is known from the certificate alone ([`caller`]), a handler in
//! [`services`] reads what the decision needs, `access` decides, and [`state`] commits what was decided together with its
//! audit record. Nothing here trusts a name in a message.

pub mod audit;
pub mod auth;
pub mod authorize;
pub mod call;
pub mod caller;
pub mod credentials;
pub mod failure;
pub mod guard;
pub mod ids;
pub mod locks;
pub mod moment;
pub mod names;
pub mod policy;
pub mod presence;
pub mod presets;
pub mod server;
pub mod services;
pub mod settings;
pub mod signed;
pub mod state;
pub mod version;

pub use auth::{Auth, HostIdentity, OpenError, Opening, SealSource};
pub use settings::Settings;
