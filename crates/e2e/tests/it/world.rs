//! A cluster with the guide's roles and people, in a temporary folder.

use e2e::{Cluster, Person, Programs, guide};
use tempfile::TempDir;

/// A cluster with the guide's roles; people come when they are called.
pub struct World {
    pub cluster: Cluster,
    pub folder: TempDir,
}

impl World {
    /// An empty cluster.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = Programs::beside_this_one().expect("built programs");
        let cluster = Cluster::start(&programs, folder.path());
        Self { cluster, folder }
    }

    /// A cluster with all documents of the guide.
    pub fn new() -> Self {
        let world = Self::empty();
        for document in ["access-plugin.yaml", "dual-authorization-roles.yaml"] {
            let path = guide::document(document).display().to_string();
            let _ = world.cluster.tctl(&["create", "-f", &path]).succeeded();
        }
        world
    }

    /// Bob, Alice and Ivan, signed in.
    pub fn people(&self) -> [Person; 3] {
        guide::PEOPLE.map(|(name, role)| Person::signed_in(&self.cluster, name, role))
    }
}
