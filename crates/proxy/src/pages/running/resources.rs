//! Single resources: what somebody could ask for, found by words, chosen, and carried into the form that asks.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use wire::pb::proto::{
    ListUnifiedResourcesRequest, PaginatedResource, paginated_resource::Resource as Listed,
};
use wire::pb::types::Metadata;

use super::names;
use crate::body::Fields;
use crate::pages::{Browser, Frame, encoded};
use crate::proxy::Proxy;
use crate::text;
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::words::t;

/// Resources on one page.
const PAGE: i32 = 50;
/// So many labels of a resource are shown.
const LABELS_MAX: usize = 8;

/// A resource that was found.
struct Found {
    path: String,
    kind: &'static str,
    name: String,
    labels: Vec<String>,
    /// It is open only after a request.
    needs_request: bool,
}

#[derive(Template)]
#[template(path = "running/resources.html")]
struct Page {
    frame: Frame,
    found: Vec<Found>,
    search: String,
    next: String,
}

/// `GET /web/resources`, `GET /web/cluster/{cluster}/resources`.
pub async fn list(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let query = Fields::of_uri(&uri);
    let search = text::visible(&query.one("q"));
    let asked = ListUnifiedResourcesRequest {
        limit: PAGE,
        start_key: query.one("from"),
        search_keywords: names(&search),
        use_search_as_roles: true,
        include_requestable: true,
        ..ListUnifiedResourcesRequest::default()
    };
    let answer = match person
        .cluster
        .auth()
        .list_unified_resources(of_person(asked))
        .await
    {
        Ok(answer) => answer.into_inner(),
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let page = Page {
        frame: browser.frame_for(&person),
        found: answer
            .resources
            .iter()
            .filter_map(|listed| found(&proxy.settings.cluster, listed))
            .collect(),
        next: if answer.next_key.is_empty() {
            String::new()
        } else {
            format!(
                "/web/resources?q={}&from={}",
                encoded(&search),
                encoded(&answer.next_key)
            )
        },
        search,
    };
    browser.page(StatusCode::OK, &page)
}

fn found(cluster: &str, listed: &PaginatedResource) -> Option<Found> {
    let (kind, says, metadata, shown): (&str, &'static str, Option<&Metadata>, Option<&String>) =
        match listed.resource.as_ref()? {
            Listed::Node(node) => (
                "node",
                t("Server"),
                node.metadata.as_ref(),
                node.spec.as_ref().map(|spec| &spec.hostname),
            ),
            Listed::AppServer(server) => (
                "app",
                t("Application"),
                server.spec.as_ref()?.app.as_ref()?.metadata.as_ref(),
                None,
            ),
            Listed::DatabaseServer(server) => (
                "db",
                t("Database"),
                server.spec.as_ref()?.database.as_ref()?.metadata.as_ref(),
                None,
            ),
            Listed::KubeCluster(kubernetes) => (
                "kube_cluster",
                t("Kubernetes cluster"),
                kubernetes.metadata.as_ref(),
                None,
            ),
            Listed::KubernetesServer(server) => (
                "kube_cluster",
                t("Kubernetes cluster"),
                server.spec.as_ref()?.cluster.as_ref()?.metadata.as_ref(),
                None,
            ),
            _ => return None,
        };
    let metadata = metadata?;
    let name = shown.filter(|name| !name.is_empty()).unwrap_or(&metadata.name);
    Some(Found {
        path: format!("/{cluster}/{kind}/{}", metadata.name),
        kind: says,
        name: text::visible(name),
        labels: metadata
            .labels
            .iter()
            .filter(|(key, _)| !key.starts_with("teleport.internal/"))
            .take(LABELS_MAX)
            .map(|(key, value)| text::visible(&format!("{key}={value}")))
            .collect(),
        needs_request: listed.requires_request,
    })
}
