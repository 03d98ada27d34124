//! Servers, applications, databases and Kubernetes clusters: reading, making, changing and removing them.

use cli::Failure;
use wire::keep::Kept;
use wire::pb::proto::ListResourcesRequest;
use wire::pb::proto::paginated_resource::Resource as Listed;
use wire::pb::types::{
    AppV3, DatabaseV3, KubernetesClusterV3, ResourceInNamespaceRequest, ResourceRequest, ServerV2,
};
use wire::resource::{Done, Kind, Resource, defaults};

use super::write::{Over, already_there, taken};
use super::{message, resource};
use crate::session::Session;

fn named(name: &str) -> ResourceRequest {
    ResourceRequest {
        name: name.to_owned(),
    }
}

fn in_namespace(name: &str) -> ResourceInNamespaceRequest {
    ResourceInNamespaceRequest {
        name: name.to_owned(),
        namespace: "default".to_owned(),
    }
}

/// All of a kind, or the one of a name. A server may be called by its host name too.
pub async fn read(session: &Session, kind: Kind, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let mut auth = session.cluster().auth();
    Ok(match (kind, name) {
        (Kind::App, Some(name)) => vec![resource(kind, &session.call(auth.get_app(named(name))).await?)?],
        (Kind::App, None) => all(kind, &session.call(auth.get_apps(())).await?.apps)?,
        (Kind::Db, Some(name)) => vec![resource(
            kind,
            &session.call(auth.get_database(named(name))).await?,
        )?],
        (Kind::Db, None) => all(kind, &session.call(auth.get_databases(())).await?.databases)?,
        (Kind::KubeCluster, Some(name)) => vec![resource(
            kind,
            &session.call(auth.get_kubernetes_cluster(named(name))).await?,
        )?],
        (Kind::KubeCluster, None) => {
            let found = session.call(auth.get_kubernetes_clusters(())).await?;
            all(kind, &found.kubernetes_clusters)?
        }
        (_, None) => all(kind, &nodes(session, ListResourcesRequest::default()).await?)?,
        (_, Some(name)) => {
            if let Some(node) = session.find(auth.get_node(in_namespace(name))).await? {
                return Ok(vec![resource(kind, &node)?]);
            }
            let every = nodes(session, ListResourcesRequest::default()).await?;
            let called = every
                .iter()
                .filter(|node| node.spec.as_ref().is_some_and(|spec| spec.hostname == name));
            let found: Vec<Resource> = called
                .map(|node| resource(kind, node))
                .collect::<Result<_, _>>()?;
            if found.is_empty() {
                return Err(Failure::new(format!("node {name:?} is not found"))
                    .hint("`tctl nodes ls` lists those that you may reach"));
            }
            found
        }
    })
}

fn all<M: prost::Message>(kind: Kind, found: &[M]) -> Result<Vec<Resource>, Failure> {
    found.iter().map(|message| resource(kind, message)).collect()
}

/// The servers that fit `asked`, from all pages.
pub async fn nodes(session: &Session, asked: ListResourcesRequest) -> Result<Vec<Kept<ServerV2>>, Failure> {
    let mut auth = session.cluster().auth();
    let mut found = Vec::new();
    let mut start_key = String::new();
    loop {
        let request = ListResourcesRequest {
            resource_type: "node".to_owned(),
            start_key,
            ..asked.clone()
        };
        let page = session.call(auth.list_resources(request)).await?;
        found.extend(
            page.resources
                .into_iter()
                .filter_map(|listed| match listed.resource {
                    Some(Listed::Node(node)) => Some(node),
                    _ => None,
                }),
        );
        start_key = page.next_key;
        if start_key.is_empty() {
            return Ok(found);
        }
    }
}

/// Makes it, or writes over what is there if that may be.
pub async fn create(session: &Session, document: &Resource, over: Over) -> Result<Done, Failure> {
    let mut auth = session.cluster().auth();
    let name = document.name();
    let force = over != Over::Nothing;
    match document.kind() {
        Kind::App => {
            let app = app(document)?;
            if force && session.find(auth.get_app(named(&name))).await?.is_some() {
                session.call(auth.update_app(app)).await?;
                return Ok(Done::Updated);
            }
            session.call(auth.create_app(app)).await.map_err(taken)?;
        }
        Kind::Db => {
            let database = database(document)?;
            if force && session.find(auth.get_database(named(&name))).await?.is_some() {
                session.call(auth.update_database(database)).await?;
                return Ok(Done::Updated);
            }
            session
                .call(auth.create_database(database))
                .await
                .map_err(taken)?;
        }
        Kind::KubeCluster => {
            let cluster = kubernetes_cluster(document)?;
            let there = session.find(auth.get_kubernetes_cluster(named(&name))).await?;
            if force && there.is_some() {
                session.call(auth.update_kubernetes_cluster(cluster)).await?;
                return Ok(Done::Updated);
            }
            session
                .call(auth.create_kubernetes_cluster(cluster))
                .await
                .map_err(taken)?;
        }
        _ => {
            let node = node(document)?;
            let there = session.find(auth.get_node(in_namespace(&name))).await?.is_some();
            if there && !force {
                let spec = node.spec.clone().unwrap_or_default();
                return Err(already_there(&format!(
                    "node {:?} with hostname {:?} and addr {:?} already exists",
                    name, spec.hostname, spec.addr
                )));
            }
            session.call(auth.upsert_node(node)).await?;
            if there {
                return Ok(Done::Updated);
            }
        }
    }
    Ok(Done::Created)
}

/// Changes what is there as it was when it was read.
pub async fn update(session: &Session, document: &Resource) -> Result<(), Failure> {
    let mut auth = session.cluster().auth();
    match document.kind() {
        Kind::App => session.call(auth.update_app(app(document)?)).await?,
        Kind::Db => session.call(auth.update_database(database(document)?)).await?,
        _ => {
            let cluster = kubernetes_cluster(document)?;
            session.call(auth.update_kubernetes_cluster(cluster)).await?;
        }
    }
    Ok(())
}

/// Removes the one of a name.
pub async fn remove(session: &Session, kind: Kind, name: &str) -> Result<(), Failure> {
    let mut auth = session.cluster().auth();
    match kind {
        Kind::App => session.call(auth.delete_app(named(name))).await?,
        Kind::Db => session.call(auth.delete_database(named(name))).await?,
        Kind::KubeCluster => session.call(auth.delete_kubernetes_cluster(named(name))).await?,
        _ => session.call(auth.delete_node(in_namespace(name))).await?,
    }
    Ok(())
}

fn node(document: &Resource) -> Result<Kept<ServerV2>, Failure> {
    let mut node: Kept<ServerV2> = message(document)?;
    defaults::node(&mut node);
    Ok(node)
}

fn app(document: &Resource) -> Result<Kept<AppV3>, Failure> {
    let mut app: Kept<AppV3> = message(document)?;
    defaults::app(&mut app);
    Ok(app)
}

fn database(document: &Resource) -> Result<Kept<DatabaseV3>, Failure> {
    let mut database: Kept<DatabaseV3> = message(document)?;
    defaults::database(&mut database);
    Ok(database)
}

fn kubernetes_cluster(document: &Resource) -> Result<Kept<KubernetesClusterV3>, Failure> {
    let mut cluster: Kept<KubernetesClusterV3> = message(document)?;
    defaults::kube_cluster(&mut cluster);
    Ok(cluster)
}
