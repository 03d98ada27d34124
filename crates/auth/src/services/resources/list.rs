//! `AuthService.ListResources`: resources of one kind, page by page.

use access::resource::{Filter, Kind, Resource};
use wire::pb::proto::paginated_resource::Resource as Wrapped;
use wire::pb::proto::{ListResourcesRequest, ListResourcesResponse};

use super::listing::{self, Entry, PAGE_DEFAULT, PAGE_MAX, Page, Sorted};
use super::verbs;
use super::view::{Borrowed, View};
use crate::audit::registered::{Search, searched};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// Kinds that are listed, and what is listed under them. Of the others nothing can be registered.
const LISTED: &[(&str, Option<Kind>)] = &[
    ("node", Some(Kind::Node)),
    ("app_server", Some(Kind::App)),
    ("db_server", Some(Kind::Db)),
    ("db_service", None),
    ("kube_server", Some(Kind::KubeCluster)),
    ("kube_cluster", Some(Kind::KubeCluster)),
    ("user_group", None),
    ("windows_desktop", None),
    ("windows_desktop_service", None),
    ("saml_idp_service_provider", None),
    ("git_server", None),
    ("aws_ic_account", None),
    ("aws_ic_account_assignment", None),
];

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: ListResourcesRequest) -> Answer<ListResourcesResponse> {
    call.caller.require_certificate()?;
    let resource_type = asked.resource_type.as_str();
    let Some((_, kind)) = LISTED.iter().find(|(name, _)| *name == resource_type) else {
        return Err(Failure::not_implemented(format!(
            "resource type {resource_type:?} does not support pagination"
        )));
    };
    let limit = limit(asked.limit)?;
    call.allow(resource_type, verbs(resource_type))?;
    let filter = filter(
        asked.labels.clone(),
        &asked.search_keywords,
        &asked.predicate_expression,
    )?;
    let sort = asked.sort_by.clone().unwrap_or_default();
    let sorted = sorted(resource_type, &sort.field, sort.is_desc)?;
    let borrowed = Borrowed {
        search: asked.use_search_as_roles,
        preview: asked.use_preview_as_roles,
    };
    let view = View::of(auth, call, borrowed).await?;
    if borrowed.search || borrowed.preview {
        record(
            auth,
            call,
            Search {
                kind: asked.resource_type.clone(),
                labels: asked.labels.clone(),
                query: asked.predicate_expression.clone(),
                words: asked.search_keywords.clone(),
                roles: view.borrowed.clone(),
            },
        )
        .await?;
    }
    let Some(kind) = *kind else {
        return Ok(ListResourcesResponse::default());
    };
    call.allow(kind.name(), verbs(kind.name()))?;
    let keep = |resource: &Resource| Ok(view.shows(resource) && kept(&filter, resource)?);
    let from = (asked.start_key.as_str(), limit);
    let whole = sorted.or(asked.need_total_count.then_some(Sorted {
        by: |resource| &resource.name,
        descending: false,
    }));
    let Page { listed, next, total } = match whole {
        Some(sorted) => listing::sorted_page(auth, call.now, &[kind], &keep, sorted, from).await?,
        None => listing::page(auth, call.now, &[kind], &keep, from).await?,
    };
    Ok(ListResourcesResponse {
        resources: listed
            .into_iter()
            .map(|listed| {
                let logins = if asked.include_logins {
                    view.logins(&listed.resource)
                } else {
                    Vec::new()
                };
                let resource = match listed.entry {
                    Entry::KubeCluster(cluster) if resource_type == "kube_cluster" => {
                        Wrapped::KubeCluster(cluster)
                    }
                    other => other.announced(auth),
                };
                listing::wrapped(resource, logins, false)
            })
            .collect(),
        next_key: next,
        total_count: i32::try_from(total).unwrap_or(i32::MAX),
    })
}

/// How many entries a page may have.
pub(super) fn limit(asked: i32) -> Answer<usize> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE_DEFAULT),
        Ok(limit) => Ok(limit.min(PAGE_MAX)),
        Err(_) => Err(Failure::bad_parameter(format!("negative limit {asked}"))),
    }
}

/// The filter of a listing.
pub(super) fn filter(
    labels: std::collections::BTreeMap<String, String>,
    words: &[String],
    query: &str,
) -> Answer<Filter> {
    Filter::new(labels, words.to_vec(), query).map_err(|error| Failure::bad_parameter(error.to_string()))
}

/// Whether a filter keeps a resource.
pub(super) fn kept(filter: &Filter, resource: &Resource) -> Answer<bool> {
    filter
        .keeps(resource)
        .map_err(|error| Failure::bad_parameter(error.to_string()))
}

/// Records that somebody looked with more roles than their own.
pub(super) async fn record(auth: &Auth, call: &Call, search: Search) -> Answer<()> {
    let actor = call.actor();
    auth.state
        .tell(call.now, &actor.user, searched(actor, &search))
        .await
}

fn sorted(resource_type: &str, field: &str, descending: bool) -> Answer<Option<Sorted>> {
    fn detail<'a>(resource: &'a Resource, name: &str) -> &'a str {
        resource.details.get(name).map_or("", String::as_str)
    }
    let by: fn(&Resource) -> &str = match (field, resource_type) {
        ("", _) => return Ok(None),
        ("name", _) => |resource| &resource.name,
        ("hostname", "node") => |resource| &resource.friendly,
        ("addr", "node") => |resource| detail(resource, "resource.spec.addr"),
        ("public_addr", "app_server") => |resource| detail(resource, "resource.spec.public_addr"),
        ("type", "db_server") => |resource| detail(resource, "resource.spec.protocol"),
        ("description", "app_server" | "db_server") => {
            |resource| detail(resource, "resource.metadata.description")
        }
        _ => {
            return Err(Failure::not_implemented(format!(
                "sorting by field {field:?} for resource {resource_type:?} is not supported"
            )));
        }
    };
    Ok(Some(Sorted { by, descending }))
}
