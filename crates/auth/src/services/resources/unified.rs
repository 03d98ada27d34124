//! `AuthService.ListUnifiedResources`: resources of several kinds, page by page.

use access::resource::{Kind, Resource};
use wire::pb::proto::{ListUnifiedResourcesRequest, ListUnifiedResourcesResponse};

use super::list::{filter, kept, limit, record};
use super::listing::{self, Page, Sorted};
use super::verbs;
use super::view::{Borrowed, View};
use crate::audit::registered::Search;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// Kinds that are listed together.
const UNIFIED: &[&str] = &[
    "node",
    "app",
    "db",
    "kube_cluster",
    "windows_desktop",
    "saml_idp_service_provider",
    "git_server",
];

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: ListUnifiedResourcesRequest,
) -> Answer<ListUnifiedResourcesResponse> {
    call.caller.require_certificate()?;
    let allowed = allowed_kinds(call, &asked.kinds)?;
    let limit = limit(asked.limit)?;
    let sort = asked.sort_by.clone().unwrap_or_default();
    let by: Option<fn(&Resource) -> &str> = match sort.field.as_str() {
        "" => None,
        "name" => Some(|resource| resource.shown()),
        "kind" => Some(|resource| resource.kind.name()),
        other => {
            return Err(Failure::not_implemented(format!(
                "sorting by {other:?} is not supported; sort by \"name\" or \"kind\""
            )));
        }
    };
    if asked.pinned_only {
        // Nobody can pin anything here, so nothing is pinned.
        return Ok(ListUnifiedResourcesResponse::default());
    }
    let filter = filter(
        asked.labels.clone(),
        &asked.search_keywords,
        &asked.predicate_expression,
    )?;
    let borrowed = Borrowed {
        search: asked.use_search_as_roles || asked.include_requestable,
        preview: asked.use_preview_as_roles,
    };
    let view = View::of(auth, call, borrowed).await?;
    if borrowed.search || borrowed.preview {
        record(
            auth,
            call,
            Search {
                kind: asked.kinds.join(","),
                labels: asked.labels.clone(),
                query: asked.predicate_expression.clone(),
                words: asked.search_keywords.clone(),
                roles: view.borrowed.clone(),
            },
        )
        .await?;
    }
    let keep = |resource: &Resource| Ok(view.shows(resource) && kept(&filter, resource)?);
    let from = (asked.start_key.as_str(), limit);
    let Page { listed, next, .. } = match by {
        Some(by) => {
            let sorted = Sorted {
                by,
                descending: sort.is_desc,
            };
            listing::sorted_page(auth, call.now, &allowed, &keep, sorted, from).await?
        }
        None => listing::page(auth, call.now, &allowed, &keep, from).await?,
    };
    Ok(ListUnifiedResourcesResponse {
        resources: listed
            .into_iter()
            .map(|listed| {
                let logins = if asked.include_logins {
                    view.logins(&listed.resource)
                } else {
                    Vec::new()
                };
                let requires_request = asked.include_requestable && !view.reaches(&listed.resource);
                listing::wrapped(listed.entry.announced(auth), logins, requires_request)
            })
            .collect(),
        next_key: next,
    })
}

/// The kinds out of `asked`, or out of all, that the caller may list; an error if there are none.
fn allowed_kinds(call: &Call, asked: &[String]) -> Answer<Vec<Kind>> {
    let kinds: Vec<&str> = if asked.is_empty() {
        UNIFIED.to_vec()
    } else {
        asked.iter().map(String::as_str).collect()
    };
    let mut refusal = None;
    let mut allowed = Vec::new();
    let mut any = false;
    for kind in kinds {
        let verdict = if UNIFIED.contains(&kind) {
            call.allow(kind, verbs(kind))
        } else {
            Err(Failure::access_denied(format!("unknown kind {kind:?}")))
        };
        match verdict {
            Ok(()) => {
                any = true;
                allowed.extend(Kind::of_name(kind));
            }
            Err(failure) => refusal = Some(failure),
        }
    }
    match (any, refusal) {
        (false, Some(refusal)) => Err(refusal),
        _ => {
            allowed.sort();
            allowed.dedup();
            Ok(allowed)
        }
    }
}
