//! Pages of resources: in the order of the store, read only as far as the page goes; or sorted, all of them read first.
//!
//! A page ends after so many entries, or before it would be larger than clients take: nobody has to ask again with a
//! smaller page.

use std::cmp::Ordering;

use access::resource::{Kind, Resource};
use jiff::Timestamp;
use prost::Message as _;
use wire::keep::Kept;
use wire::pb::proto::PaginatedResource;
use wire::pb::proto::paginated_resource::Resource as Wrapped;
use wire::pb::types;

use super::Registered;
use crate::auth::Auth;
use crate::failure::{Answer, Failure};
use crate::server::dispatch::SERVER_VERSION;

/// Most bytes of a page; clients refuse messages of more than 4 MiB.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Most entries of a page.
pub const PAGE_MAX: usize = 16_000;
/// Entries of a page where the client does not say.
pub const PAGE_DEFAULT: usize = 1000;
/// How many are read from the store at once.
const READ_AT_ONCE: usize = 500;

/// A resource as it is kept.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A server.
    Node(Kept<types::ServerV2>),
    /// An application.
    App(Kept<types::AppV3>),
    /// A database.
    Db(Kept<types::DatabaseV3>),
    /// A Kubernetes cluster.
    KubeCluster(Kept<types::KubernetesClusterV3>),
}

/// A resource of a page.
#[derive(Debug, Clone)]
pub struct Listed {
    /// As decisions see it.
    pub resource: Resource,
    /// As it is kept.
    pub entry: Entry,
}

/// How a list is sorted.
#[derive(Debug, Clone, Copy)]
pub struct Sorted {
    /// What by.
    pub by: fn(&Resource) -> &str,
    /// Backwards.
    pub descending: bool,
}

/// A page.
#[derive(Debug, Default)]
pub struct Page {
    /// What is on it.
    pub listed: Vec<Listed>,
    /// Where the next one begins; empty if there is none.
    pub next: String,
    /// How many there are on all pages, where all were read.
    pub total: usize,
}

/// Where a page begins: the sorted text (empty in the order of the store), kind and name of its first entry.
type Place = (String, String, String);

fn place(text: &str) -> Answer<Option<Place>> {
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text)
        .map(Some)
        .map_err(|_| Failure::bad_parameter("the start key is not one that an earlier page ended with"))
}

fn place_text(sorted: &str, resource: &Resource) -> String {
    serde_json::json!([sorted, resource.kind.name(), resource.name]).to_string()
}

/// A page being filled.
struct Filling {
    page: Page,
    limit: usize,
    bytes: usize,
}

impl Filling {
    fn new(limit: usize) -> Self {
        Self {
            page: Page::default(),
            limit,
            bytes: 0,
        }
    }

    /// Takes an entry, or gives it back if the page is full.
    fn take(&mut self, listed: Listed) -> Result<(), Listed> {
        let bytes = listed.entry.bytes();
        let full = self.page.listed.len() >= self.limit
            || (!self.page.listed.is_empty() && self.bytes + bytes > PAGE_BYTES_MAX);
        if full {
            return Err(listed);
        }
        self.bytes += bytes;
        self.page.listed.push(listed);
        Ok(())
    }
}

/// The page that begins at `start`, of what is of `kinds` and `keep` keeps.
pub async fn page(
    auth: &Auth,
    now: Timestamp,
    kinds: &[Kind],
    keep: &(dyn Fn(&Resource) -> Answer<bool> + Sync),
    (start, limit): (&str, usize),
) -> Answer<Page> {
    let start = place(start)?;
    let mut filling = Filling::new(limit);
    let mut kinds = kinds.to_vec();
    kinds.sort();
    for kind in kinds {
        let mut from = match &start {
            Some((_, begun, _)) if kind.name() < begun.as_str() => continue,
            Some((_, begun, name)) if kind.name() == begun => name.clone(),
            _ => String::new(),
        };
        loop {
            let (read, next) = read(auth, kind, &from, now).await?;
            for listed in read {
                if !keep(&listed.resource)? {
                    continue;
                }
                if let Err(left) = filling.take(listed) {
                    filling.page.next = place_text("", &left.resource);
                    return Ok(filling.page);
                }
            }
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
    }
    Ok(filling.page)
}

/// The same out of the whole list, sorted.
pub async fn sorted_page(
    auth: &Auth,
    now: Timestamp,
    kinds: &[Kind],
    keep: &(dyn Fn(&Resource) -> Answer<bool> + Sync),
    sorted: Sorted,
    (start, limit): (&str, usize),
) -> Answer<Page> {
    let start = place(start)?;
    let mut all: Vec<Listed> = Vec::new();
    for kind in kinds {
        let mut from = String::new();
        loop {
            let (read, next) = read(auth, *kind, &from, now).await?;
            for listed in read {
                if keep(&listed.resource)? {
                    all.push(listed);
                }
            }
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
    }
    let order = |left: (&str, &str, &str), right: (&str, &str, &str)| -> Ordering {
        let order = left.cmp(&right);
        if sorted.descending { order.reverse() } else { order }
    };
    all.sort_by(|left, right| order(key(sorted.by, left), key(sorted.by, right)));
    let mut filling = Filling::new(limit);
    filling.page.total = all.len();
    for listed in all {
        if let Some((text, kind, name)) = &start
            && order(key(sorted.by, &listed), (text, kind, name)) == Ordering::Less
        {
            continue;
        }
        if let Err(left) = filling.take(listed) {
            filling.page.next = place_text((sorted.by)(&left.resource), &left.resource);
            break;
        }
    }
    Ok(filling.page)
}

/// Some of a kind, and where the next ones begin.
async fn read(auth: &Auth, kind: Kind, from: &str, now: Timestamp) -> Answer<(Vec<Listed>, Option<String>)> {
    match kind {
        Kind::Node => read_of(auth, from, now, Entry::Node).await,
        Kind::App => read_of(auth, from, now, Entry::App).await,
        Kind::Db => read_of(auth, from, now, Entry::Db).await,
        Kind::KubeCluster => read_of(auth, from, now, Entry::KubeCluster).await,
    }
}

async fn read_of<M: Registered>(
    auth: &Auth,
    from: &str,
    now: Timestamp,
    entry: fn(Kept<M>) -> Entry,
) -> Answer<(Vec<Listed>, Option<String>)> {
    let page = auth.state.find_page::<M>(from, READ_AT_ONCE, now).await?;
    let listed = page.found.into_iter().map(|found| Listed {
        resource: found.resource.described(),
        entry: entry(found.resource),
    });
    Ok((listed.collect(), page.next))
}

impl Entry {
    fn bytes(&self) -> usize {
        // What wraps it, and what is told beside it.
        const AROUND: usize = 512;
        AROUND
            + match self {
                Self::Node(node) => node.encoded_len(),
                // Its metadata stands in the announcement and in what is announced.
                Self::App(app) => 2 * app.encoded_len(),
                Self::Db(database) => 2 * database.encoded_len(),
                Self::KubeCluster(cluster) => 2 * cluster.encoded_len(),
            }
    }

    /// As clients expect it in a list: what is not a server stands in the announcement of the Auth host, which keeps it.
    pub fn announced(self, auth: &Auth) -> Wrapped {
        let host_id = auth.settings.host_id.clone();
        let hostname = auth.settings.node_name.clone();
        let version = SERVER_VERSION.to_owned();
        let (kind, form) = (|kind: &str| kind.to_owned(), "v3".to_owned());
        match self {
            Self::Node(node) => Wrapped::Node(node),
            Self::App(app) => Wrapped::AppServer(types::AppServerV3 {
                kind: kind("app_server"),
                version: form,
                metadata: app.metadata.clone(),
                spec: Some(types::AppServerSpecV3 {
                    version,
                    hostname,
                    host_id,
                    app: Some(app),
                    ..types::AppServerSpecV3::default()
                }),
                ..types::AppServerV3::default()
            }),
            Self::Db(database) => Wrapped::DatabaseServer(types::DatabaseServerV3 {
                kind: kind("db_server"),
                version: form,
                metadata: database.metadata.clone(),
                spec: Some(types::DatabaseServerSpecV3 {
                    version,
                    hostname,
                    host_id,
                    database: Some(database),
                    ..types::DatabaseServerSpecV3::default()
                }),
                ..types::DatabaseServerV3::default()
            }),
            Self::KubeCluster(cluster) => Wrapped::KubernetesServer(types::KubernetesServerV3 {
                kind: kind("kube_server"),
                version: form,
                metadata: cluster.metadata.clone(),
                spec: Some(types::KubernetesServerSpecV3 {
                    version,
                    hostname,
                    host_id,
                    cluster: Some(cluster),
                    ..types::KubernetesServerSpecV3::default()
                }),
                ..types::KubernetesServerV3::default()
            }),
        }
    }
}

/// An entry of an answer.
pub fn wrapped(resource: Wrapped, logins: Vec<String>, requires_request: bool) -> PaginatedResource {
    PaginatedResource {
        resource: Some(resource),
        logins,
        requires_request,
    }
}
/// By what listed resources are put in order.
fn key(by: fn(&Resource) -> &str, listed: &Listed) -> (&str, &str, &str) {
    let resource = &listed.resource;
    (by(resource), resource.kind.name(), &resource.name)
}
