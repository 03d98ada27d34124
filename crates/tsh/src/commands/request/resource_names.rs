//! What people call the resources of a request, as far as the reader may see them.
//!
//! A reviewer looks with the roles lent for that, a requester with those that could be asked for. Servers are the
//! only resources that people call otherwise than their identifiers do.

use cli::text;
use client::Cluster;
use wire::pb::proto::ListResourcesRequest;
use wire::pb::proto::paginated_resource::Resource as Listed;
use wire::pb::types::ResourceId;

use super::block::resource;

/// A line for each server of `ids` that has a name of its own; nothing where none may be seen.
pub async fn lines(cluster: &Cluster, ids: &[ResourceId]) -> String {
    let Some(request) = asked(ids, cluster.identity().current().cluster()) else {
        return String::new();
    };
    // Names are a help; a request can be read without them.
    let Ok(page) = cluster.auth().list_resources(request).await else {
        return String::new();
    };
    let mut lines = String::new();
    for listed in page.into_inner().resources {
        let Some(Listed::Node(node)) = listed.resource else {
            continue;
        };
        let name = node
            .metadata
            .as_ref()
            .map_or("", |metadata| metadata.name.as_str());
        let hostname = node.spec.as_ref().map_or("", |spec| spec.hostname.as_str());
        let named = ids.iter().find(|id| id.kind == "node" && id.name == name);
        if let (Some(id), false) = (named, hostname.is_empty()) {
            lines.push_str(&format!(
                "{} is {}\n",
                text::visible(&resource(id)),
                text::quoted(hostname)
            ));
        }
    }
    lines
}

/// The listing that finds the servers among `ids`.
fn asked(ids: &[ResourceId], cluster: &str) -> Option<ListResourcesRequest> {
    let conditions: Vec<String> = ids
        .iter()
        .filter(|id| id.kind == "node" && id.cluster_name == cluster)
        .map(|id| format!("resource.metadata.name == {}", quoted(&id.name)))
        .collect();
    (!conditions.is_empty()).then(|| ListResourcesRequest {
        resource_type: "node".to_owned(),
        predicate_expression: conditions.join(" || "),
        use_search_as_roles: true,
        use_preview_as_roles: true,
        ..ListResourcesRequest::default()
    })
}

/// A text inside a predicate.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: &str, name: &str) -> ResourceId {
        ResourceId {
            cluster_name: "c".to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            sub_resource_name: String::new(),
        }
    }

    #[test]
    fn only_servers_of_this_cluster_are_asked_for() {
        let ids = [id("node", "a"), id("app", "b"), id("node", "c\"d")];
        assert_eq!(
            asked(&ids, "c")
                .map(|asked| asked.predicate_expression)
                .as_deref(),
            Some(r#"resource.metadata.name == "a" || resource.metadata.name == "c\"d""#)
        );
        assert_eq!(asked(&ids, "elsewhere"), None);
        assert_eq!(asked(&[id("app", "b")], "c"), None);
    }
}
