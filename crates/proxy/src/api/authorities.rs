//! The cluster's authorities in the forms that SSH servers and clients trust. Public, and told to anybody.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Uri, header};
use serde::Deserialize;
use wire::authority_export::{ExportKind, Half, export};
use wire::pb::teleport::trust::v1::GetCertAuthoritiesRequest;
use wire::status::Failure;

use super::{ApiError, count_stranger};
use crate::proxy::Proxy;
use crate::upstream::of_person;
use crate::visitor::Visitor;

/// What the address asks for.
#[derive(Deserialize, Default)]
struct Query {
    #[serde(rename = "type", default)]
    kind: String,
}

/// `GET /webapi/auth/export`: without a type, what clients trust and then what servers trust.
pub async fn show(State(proxy): State<Arc<Proxy>>, visitor: Visitor, uri: Uri) -> Result<Response, ApiError> {
    count_stranger(&proxy, &visitor)?;
    let Query { kind } = axum::extract::Query::try_from_uri(&uri)
        .map(|axum::extract::Query(query)| query)
        .unwrap_or_default();
    let kinds = match kind.as_str() {
        "" => vec![ExportKind::Host, ExportKind::User],
        named => match named.parse::<ExportKind>() {
            Ok(kind) => vec![kind],
            Err(_) => return Ok(unknown(named)),
        },
    };
    let form = if kinds.iter().any(|kind| kind.is_binary()) {
        "application/octet-stream"
    } else {
        "text/plain"
    };
    let mut text = Vec::new();
    for kind in kinds {
        text.extend(read(&proxy, kind).await?);
        if !kind.is_binary() {
            text.push(b'\n');
        }
    }
    Ok(([(header::CONTENT_TYPE, form)], text).into_response())
}

/// One kind of authority, by the proxy's own right to read its public half.
async fn read(proxy: &Proxy, kind: ExportKind) -> Result<Vec<u8>, Failure> {
    let asked = GetCertAuthoritiesRequest {
        r#type: kind.authority().to_owned(),
        include_key: false,
    };
    let mut trust = proxy.upstream.cluster().trust();
    let found = trust.get_cert_authorities(of_person(asked)).await?;
    let authorities = found.into_inner().cert_authorities_v2;
    export(kind, &authorities, Half::Public, None).map_err(|error| Failure::bad_parameter(error.to_string()))
}

fn unknown(kind: &str) -> Response {
    let shown: String = kind.escape_debug().take(64).collect();
    let text = format!("\"{shown}\" authority type is not supported");
    (
        StatusCode::BAD_REQUEST,
        [(header::CONTENT_TYPE, "text/plain")],
        text,
    )
        .into_response()
}
