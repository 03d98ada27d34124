//! The Auth port: gRPC and the old JSON calls behind one service, whatever transport brings.

pub mod dispatch;
pub mod health;
mod json;
pub mod metrics;
pub mod recovery;
mod rpc;

use std::collections::HashSet;
use std::sync::Arc;

pub use dispatch::Dispatch;
pub use rpc::served;

use crate::auth::Auth;

/// The service behind the Auth port.
pub fn service(auth: &Arc<Auth>) -> Dispatch {
    let methods = served().map(str::to_owned).collect::<HashSet<String>>();
    Dispatch::new(
        Arc::downgrade(auth),
        rpc::routes(auth),
        json::handler(auth),
        auth.metrics.clone(),
        Arc::new(methods),
    )
}
