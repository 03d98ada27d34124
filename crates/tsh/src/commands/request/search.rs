//! `tsh request search`: what one may ask for, and how.
//!
//! The list is made with the roles that could be asked for; nothing is asked for yet.

use std::collections::BTreeMap;

use access::request::ResourceId;
use cli::{Failure, Table, text};
use wire::pb::proto::paginated_resource::Resource as Listed;
use wire::pb::proto::{ListResourcesRequest, PaginatedResource};
use wire::pb::types::Metadata;

use crate::args::{Search, SearchKind};
use crate::out;
use crate::refusal;
use crate::session::Session;
use crate::world::World;

/// Labels are cut after so many characters.
const LABELS_MAX: usize = 40;

/// A resource that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: String,
    hostname: String,
    labels: String,
    id: String,
}

/// Runs the command.
pub async fn run(world: &World, asked: &Search) -> Result<(), Failure> {
    let session = Session::require(world)?;
    let cluster = session.connect(world).await?;
    let words = asked.search.iter().map(|word| word.trim().to_owned());
    let mut request = ListResourcesRequest {
        resource_type: listed_as(asked.kind).to_owned(),
        labels: labels(&asked.labels)?,
        search_keywords: words.filter(|word| !word.is_empty()).collect(),
        predicate_expression: asked.query.clone(),
        use_search_as_roles: true,
        ..ListResourcesRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = cluster
            .auth()
            .list_resources(request.clone())
            .await
            .map_err(|status| refusal::of_call(&cluster, &status))?
            .into_inner();
        found.extend(
            page.resources
                .iter()
                .filter_map(|listed| of(listed, &session.profile.cluster, asked.kind)),
        );
        if page.next_key.is_empty() {
            break;
        }
        request.start_key = page.next_key;
    }
    out::data(&print(&found, asked.verbose))
}

/// Under which name a kind is listed: what is not a server by the servers that offer it.
fn listed_as(kind: SearchKind) -> &'static str {
    match kind {
        SearchKind::Node => "node",
        SearchKind::App => "app_server",
        SearchKind::Db => "db_server",
        SearchKind::KubeCluster => "kube_cluster",
    }
}

/// How identifiers name a kind.
fn named(kind: SearchKind) -> &'static str {
    match kind {
        SearchKind::Node => "node",
        SearchKind::App => "app",
        SearchKind::Db => "db",
        SearchKind::KubeCluster => "kube_cluster",
    }
}

fn labels(pairs: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    pairs
        .iter()
        .map(|pair| pair.trim())
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok((key.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err(Failure::new(format!("{} is not a label", text::quoted(pair)))
                .hint("write it like `env=prod`")),
        })
        .collect()
}

fn of(listed: &PaginatedResource, cluster: &str, kind: SearchKind) -> Option<Found> {
    let none = BTreeMap::new();
    let (metadata, hostname, found_out) = match listed.resource.as_ref()? {
        Listed::Node(node) => {
            let spec = node.spec.as_ref();
            (
                node.metadata.as_ref(),
                spec.map_or("", |spec| spec.hostname.as_str()),
                spec.map_or(&none, |spec| &spec.cmd_labels),
            )
        }
        Listed::AppServer(server) => {
            let app = server.spec.as_ref()?.app.as_ref()?;
            let dynamic = app.spec.as_ref().map_or(&none, |spec| &spec.dynamic_labels);
            (app.metadata.as_ref(), "", dynamic)
        }
        Listed::DatabaseServer(server) => {
            let database = server.spec.as_ref()?.database.as_ref()?;
            let dynamic = database.spec.as_ref().map_or(&none, |spec| &spec.dynamic_labels);
            (database.metadata.as_ref(), "", dynamic)
        }
        Listed::KubeCluster(kubernetes) => {
            let dynamic = kubernetes
                .spec
                .as_ref()
                .map_or(&none, |spec| &spec.dynamic_labels);
            (kubernetes.metadata.as_ref(), "", dynamic)
        }
        _ => return None,
    };
    let Metadata { name, labels, .. } = metadata?;
    let results = found_out.iter().map(|(key, label)| (key, &label.result));
    let labels: Vec<String> = labels
        .iter()
        .chain(results)
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let id = ResourceId {
        cluster: cluster.to_owned(),
        kind: named(kind).to_owned(),
        name: name.clone(),
        sub_resource: String::new(),
    };
    Some(Found {
        name: name.clone(),
        hostname: hostname.to_owned(),
        labels: labels.join(","),
        id: id.text(),
    })
}

/// The table, and the command that asks for all of it.
fn print(found: &[Found], verbose: bool) -> String {
    let mut table = Table::new(["Name", "Hostname", "Labels", "Resource ID"]);
    for resource in found {
        let labels = if verbose {
            resource.labels.clone()
        } else {
            text::shortened(&resource.labels, LABELS_MAX)
        };
        table.row([&resource.name, &resource.hostname, &labels, &resource.id]);
    }
    let mut printed = table.print(usize::MAX);
    if !found.is_empty() {
        let ids: Vec<String> = found
            .iter()
            .map(|resource| format!("--resource {}", shell_word(&resource.id)))
            .collect();
        printed.push_str(&format!(
            "\nTo request access to these resources, run\n> tsh request create {} \\\n    --reason <request reason>\n\n",
            ids.join(" ")
        ));
    }
    printed
}

/// A word as a shell reads it back.
fn shell_word(text: &str) -> String {
    let plain = text
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "/._-@:+=~%".contains(letter));
    if plain {
        text.to_owned()
    } else {
        format!("'{}'", text::visible(text).replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, labels: &str) -> Found {
        Found {
            name: name.to_owned(),
            hostname: "demo".to_owned(),
            labels: labels.to_owned(),
            id: format!("/c/node/{name}"),
        }
    }

    #[test]
    fn what_was_found_can_be_asked_for_by_copying_a_line() {
        expect_test::expect![[r"
            Name Hostname Labels   Resource ID 
            ---- -------- -------- ----------- 
            n1   demo     env=prod /c/node/n1  
            n 2  demo              /c/node/n 2 

            To request access to these resources, run
            > tsh request create --resource /c/node/n1 --resource '/c/node/n 2' \
                --reason <request reason>

        "]]
        .assert_eq(&print(&[found("n1", "env=prod"), found("n 2", "")], false));
    }

    #[test]
    fn where_nothing_was_found_there_is_nothing_to_ask_for() {
        assert_eq!(print(&[], false).lines().count(), 2);
    }

    #[test]
    fn labels_are_pairs() {
        let read = labels(&["env=prod".to_owned(), " ".to_owned()]).expect("labels");
        assert_eq!(read["env"], "prod");
        assert!(labels(&["env".to_owned()]).is_err());
    }
}
