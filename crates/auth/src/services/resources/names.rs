//! What people call the resources of a request, for records and for warnings.

use access::request::ResourceId;
use jiff::Timestamp;

use super::kinds::find;
use crate::auth::Auth;
use crate::failure::Answer;

/// The resources of a request, looked up.
#[derive(Debug, Default)]
pub struct Named {
    /// `/kind/friendly-name` of those that are kept here, in the order of the request.
    pub names: Vec<String>,
    /// Those that are not here.
    pub unknown: Vec<String>,
}

/// Looks `ids` up.
pub async fn of(auth: &Auth, ids: &[ResourceId], now: Timestamp) -> Answer<Named> {
    let mut named = Named::default();
    for id in ids {
        match find(auth, id, now).await? {
            Some(resource) => {
                let sub = if id.sub_resource.is_empty() {
                    String::new()
                } else {
                    format!("/{}", id.sub_resource)
                };
                named
                    .names
                    .push(format!("/{}/{}{sub}", id.kind, resource.shown()));
            }
            None => named.unknown.push(id.text()),
        }
    }
    Ok(named)
}
