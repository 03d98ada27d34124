//! Resources in Teleport's form: one item each, named, kept with the fields we do not know.
//!
//! The stamp that clients call `revision` is the store's own, so it is never written into the bytes.

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use store::{Item, Key, Page, Prefix, Range, Revision};
use wire::keep::Kept;
use wire::pb::types;

use super::{Change, State};
use crate::failure::{Answer, Failure};

/// A kind of resource, such as roles.
pub trait Resource: Message + prost::Name + Default + Clone + 'static {
    /// The kind as clients and rules call it.
    const KIND: &'static str;
    /// Where its items live.
    const COLLECTION: &'static str;

    /// Name, labels, end and stamp.
    fn metadata(&self) -> Option<&types::Metadata>;
    /// The same, made if it is missing.
    fn metadata_mut(&mut self) -> &mut types::Metadata;

    /// The name, empty if there is none.
    fn name(&self) -> &str {
        self.metadata().map_or("", |metadata| metadata.name.as_str())
    }

    /// The stamp that the client read.
    fn stamp(&self) -> &str {
        self.metadata().map_or("", |metadata| metadata.revision.as_str())
    }

    /// When it ends.
    fn expires(&self) -> Option<Timestamp> {
        self.metadata()
            .and_then(|metadata| metadata.expires.as_ref())
            .and_then(crate::moment::read)
    }

    /// Where the resource called `name` lives.
    fn key(name: &str) -> Key {
        Key::of([Self::COLLECTION, name])
    }

    /// Where all of them live.
    fn prefix() -> Prefix {
        Prefix::of([Self::COLLECTION])
    }
}

macro_rules! resources {
    ($($message:ident, $kind:literal, $collection:literal;)*) => {$(
        impl Resource for types::$message {
            const KIND: &'static str = $kind;
            const COLLECTION: &'static str = $collection;

            fn metadata(&self) -> Option<&types::Metadata> {
                self.metadata.as_ref()
            }

            fn metadata_mut(&mut self) -> &mut types::Metadata {
                self.metadata.get_or_insert_default()
            }
        }
    )*};
}

resources! {
    RoleV6, "role", "roles";
    UserV2, "user", "users";
    LockV2, "lock", "locks";
    AccessRequestV3, "access_request", "access_requests";
    // Its items are sealed, under a digest: only `super::tokens` reads and writes them.
    ProvisionTokenV2, "token", "tokens";
    AuthPreferenceV2, "cluster_auth_preference", "cluster_auth_preference";
    ClusterNetworkingConfigV2, "cluster_networking_config", "cluster_networking_config";
    SessionRecordingConfigV2, "session_recording_config", "session_recording_config";
    ServerV2, "node", "nodes";
    AppV3, "app", "apps";
    DatabaseV3, "db", "databases";
    KubernetesClusterV3, "kube_cluster", "kubernetes_clusters";
}

/// A resource as it is stored, with its stamp filled in.
#[derive(Debug, Clone)]
pub struct Found<M: Resource> {
    /// The resource.
    pub resource: Kept<M>,
    /// The commit that wrote it.
    pub revision: Revision,
}

impl<M: Resource> Found<M> {
    /// Reads one from what the store keeps.
    pub fn read(item: &Item) -> Answer<Self> {
        let mut resource = Kept::<M>::decode(item.value.clone())
            .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
        resource.metadata_mut().revision = stamp(item.revision);
        Ok(Self {
            resource,
            revision: item.revision,
        })
    }
}

/// A page of resources.
#[derive(Debug)]
pub struct FoundPage<M: Resource> {
    /// In the order of their names.
    pub found: Vec<Found<M>>,
    /// The name that begins the next page.
    pub next: Option<String>,
    /// The last commit it contains.
    pub revision: Revision,
}

/// The stamp that clients see for a commit.
pub fn stamp(revision: Revision) -> String {
    revision.to_string()
}

/// Whether the stamp that a client sends back is that of `revision`.
pub fn same_stamp(sent: &str, revision: Revision) -> bool {
    sent == stamp(revision)
}

impl State {
    /// The resource called `name`.
    pub async fn find<M: Resource>(&self, name: &str, now: Timestamp) -> Answer<Option<Found<M>>> {
        self.item(&M::key(name), now)
            .await?
            .as_ref()
            .map(Found::read)
            .transpose()
    }

    /// All resources of a kind.
    pub async fn find_all<M: Resource>(&self, now: Timestamp) -> Answer<Vec<Found<M>>> {
        let (items, _) = self.all(M::prefix(), now).await?;
        items.iter().map(Found::read).collect()
    }

    /// At most `limit` resources, from the one called `from` on.
    pub async fn find_page<M: Resource>(
        &self,
        from: &str,
        limit: usize,
        now: Timestamp,
    ) -> Answer<FoundPage<M>> {
        let from = (!from.is_empty()).then(|| M::key(from));
        let range = Range::under(M::prefix()).from(from).limit(limit);
        let Page {
            items,
            next,
            revision,
        } = self.page(range, now).await?;
        Ok(FoundPage {
            found: items.iter().map(Found::read).collect::<Answer<_>>()?,
            next: next.map(|key| key.name().into_owned()),
            revision,
        })
    }
}

/// The bytes to store.
pub fn bytes_of<M: Resource>(resource: &Kept<M>) -> Bytes {
    let mut plain = resource.clone();
    plain.metadata_mut().revision.clear();
    plain.encode_to_vec().into()
}

impl Change {
    /// Creates or writes over a resource, under its own name and until its own end.
    #[must_use]
    pub fn put_resource<M: Resource>(self, resource: &Kept<M>) -> Self {
        self.put_until(M::key(resource.name()), bytes_of(resource), resource.expires())
    }
}
