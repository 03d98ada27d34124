//! The Auth port: gRPC and the old JSON calls behind one service, whatever transport brings.

pub mod dispatch;
pub mod health;
mod json;
pub mod metrics;
mod rpc;

use std::collections::HashSet;
use std::sync::Arc;

pub use dispatch::Dispatch;

use crate::auth::Auth;

/// The service behind the Auth port.
pub fn service(auth: &Arc<Auth>) -> Dispatch {
    let methods: HashSet<String> = wire::descriptors()
        .services()
        .flat_map(|service| {
            let name = service.full_name().to_owned();
            service
                .methods()
                .map(|method| format!("/{name}/{}", method.name()))
                .collect::<Vec<_>>()
        })
        .collect();
    Dispatch::new(
        rpc::routes(auth),
        json::handler(auth),
        auth.metrics.clone(),
        Arc::new(methods),
    )
}
