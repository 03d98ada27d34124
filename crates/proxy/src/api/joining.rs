//! Joining through the proxy: a machine that has no certificate yet shows its token, which is passed on to the Auth
//! Service. The proxy neither judges it nor keeps anything of it.

use std::sync::Arc;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::pb::types::RegisterUsingTokenRequest;
use wire::status::Failure;

use super::{Answer, count_stranger, value};
use crate::body::Json;
use crate::proxy::Proxy;
use crate::upstream::for_visitor;
use crate::visitor::Visitor;

/// What a machine says. Clients write `null` for lists they leave empty; keys are base64 of their text.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Register {
    #[serde(rename = "hostID")]
    host_id: String,
    node_name: String,
    role: String,
    token: String,
    additional_principals: Option<Vec<String>>,
    dns_names: Option<Vec<String>>,
    public_tls_key: Option<String>,
    public_ssh_key: Option<String>,
    expires: Option<Timestamp>,
}

/// What it gets, all of it base64 of its text.
#[derive(Serialize)]
struct Registered {
    ssh: String,
    tls: String,
    tls_ca_certs: Vec<String>,
    ssh_ca_certs: Vec<String>,
}

/// `POST /webapi/host/credentials`.
pub async fn register(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    Json(asked): Json<Register>,
) -> Answer {
    count_stranger(&proxy, &visitor)?;
    let message = RegisterUsingTokenRequest {
        host_id: asked.host_id,
        node_name: asked.node_name,
        role: asked.role,
        token: asked.token,
        additional_principals: asked.additional_principals.unwrap_or_default(),
        dns_names: asked.dns_names.unwrap_or_default(),
        public_tls_key: key("public_tls_key", asked.public_tls_key)?.into(),
        public_ssh_key: key("public_ssh_key", asked.public_ssh_key)?.into(),
        // Go writes the year 1 for "none".
        expires: asked
            .expires
            .filter(|at| at.as_second() > 0)
            .map(wire::convert::timestamp),
        ..RegisterUsingTokenRequest::default()
    };
    let mut join = proxy.upstream.cluster().join();
    let answer = join
        .register_using_token(for_visitor(&visitor, message))
        .await
        .map_err(Failure::from)?;
    let certificates = answer.into_inner();
    let all = |list: &[bytes::Bytes]| list.iter().map(|text| BASE64.encode(text)).collect();
    value(&Registered {
        ssh: BASE64.encode(&certificates.ssh),
        tls: BASE64.encode(&certificates.tls),
        tls_ca_certs: all(&certificates.tlsca_certs),
        ssh_ca_certs: all(&certificates.sshca_certs),
    })
}

fn key(name: &str, said: Option<String>) -> Result<Vec<u8>, Failure> {
    BASE64
        .decode(said.unwrap_or_default())
        .map_err(|_| Failure::bad_parameter(format!("`{name}` is not base64")))
}
