//! Resources: servers, applications, databases and Kubernetes clusters, and who may reach which.
//!
//! | question | who says |
//! | --- | --- |
//! | is this an identifier at all? | [`ResourceId::parse`](crate::request::ResourceId::parse), [`ResourceId::check`](crate::request::ResourceId::check) |
//! | may somebody with these roles reach it? | [`Reach::verdict`] |
//! | which roles must be asked for to reach it? | [`choose()`] |
//! | which further roles may somebody look with? | [`search_roles`], [`preview_roles`] |
//! | does a listing's filter keep it? | [`Filter::keeps`] |
//!
//! Nothing here knows what resources there are: they are arguments.

mod choose;
mod filter;
mod id;
mod kubernetes;
mod reach;

use std::collections::BTreeMap;

pub use choose::{Catalogue, ChoiceError, choose, preview_roles, search_roles};
pub use filter::{Filter, FilterError};
pub use id::IdError;
pub use kubernetes::{Refused as KubernetesRefused, check_roles as check_kubernetes_kinds};
pub use reach::{Limit, Reach};

/// A kind of resource that a cluster keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An application.
    App,
    /// A database.
    Db,
    /// A Kubernetes cluster.
    KubeCluster,
    /// A server.
    Node,
}

impl Kind {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 4] = [Self::App, Self::Db, Self::KubeCluster, Self::Node];

    /// The word in `kind:` and in identifiers.
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Db => "db",
            Self::KubeCluster => "kube_cluster",
            Self::Node => "node",
        }
    }

    /// The kind of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A resource, as far as decisions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its kind.
    pub kind: Kind,
    /// Its name, unique in its kind.
    pub name: String,
    /// What people call it, where that is not the name.
    pub friendly: String,
    /// Its labels, those that commands found out included.
    pub labels: BTreeMap<String, String>,
    /// What else a query may ask for, by the names of [`RESOURCE_NAMES`](crate::predicate::RESOURCE_NAMES).
    pub details: BTreeMap<&'static str, String>,
}

impl Resource {
    /// A resource of which only kind and name are known.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            friendly: String::new(),
            labels: BTreeMap::new(),
            details: BTreeMap::new(),
        }
    }

    /// The name that people know it by.
    pub fn shown(&self) -> &str {
        if self.friendly.is_empty() {
            &self.name
        } else {
            &self.friendly
        }
    }
}
