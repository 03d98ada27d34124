//! `ProxyPresenceService`: proxies say that they are there. Each speaks for itself alone.

use serde_json::json;
use transport::Address;
use wire::pb::countersign::v1 as ours;

use crate::auth::Auth;
use crate::call::Call;
use crate::caller::Who;
use crate::failure::{Answer, Failure};

/// The most public addresses one proxy may have.
const ADDRESSES_MAX: usize = 16;
/// The longest text a proxy may say about itself.
const TEXT_BYTES_MAX: usize = 255;

/// Handles `AnnounceProxy`.
pub async fn announce(
    auth: &Auth,
    call: &Call,
    said: ours::AnnounceProxyRequest,
) -> Answer<ours::AnnounceProxyResponse> {
    let name = host_id(call)?;
    let texts = [&said.address, &said.host_name, &said.version];
    if texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) || said.public_addresses.len() > ADDRESSES_MAX {
        return Err(Failure::bad_parameter("a proxy says too much about itself"));
    }
    for address in &said.public_addresses {
        // Links in messages and invitations begin with it.
        Address::parse(address, 443).map_err(|error| Failure::bad_parameter(error.to_string()))?;
    }
    let server = json!({
        "kind": "proxy",
        "version": "v2",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "addr": said.address,
            "hostname": said.host_name,
            "public_addrs": said.public_addresses,
            "version": said.version,
        },
    });
    auth.presence.announce(name, server, call.now);
    Ok(ours::AnnounceProxyResponse {})
}

/// Handles `WithdrawProxy`.
pub async fn withdraw(
    auth: &Auth,
    call: &Call,
    _: ours::WithdrawProxyRequest,
) -> Answer<ours::WithdrawProxyResponse> {
    auth.presence.withdraw(host_id(call)?);
    Ok(ours::WithdrawProxyResponse {})
}

/// The proxy's own host, from its certificate.
fn host_id(call: &Call) -> Answer<&str> {
    call.caller.require_proxy()?;
    match call.caller.who() {
        Who::BuiltIn(part) => Ok(&part.host_id),
        Who::Nobody | Who::User(_) => Err(crate::failure::denied()),
    }
}
