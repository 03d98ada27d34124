//! What somebody may do, as far as it decides what a page offers.
//!
//! It is read from the person's own roles, and only ever hides what would be refused: every deed is decided by the Auth
//! Service.

use access::rbac::{self, Asker, Touched};
use access::{Role, Traits};
use client::Cluster;
use wire::convert;
use wire::status::Failure;

use crate::upstream::of_person;
use crate::words::t;

/// Pages of the administration: the kind and verb that they need, where they are, what they are called.
const RUNNING: &[(&str, &str, &str, &str)] = &[
    ("user", "list", "/web/users", t("People")),
    ("role", "list", "/web/roles", t("Roles")),
    ("lock", "list", "/web/locks", t("Locks")),
    ("bot", "list", "/web/bots", t("Bots")),
    ("token", "list", "/web/tokens", t("Join tokens")),
    (
        "access_monitoring_rule",
        "list",
        "/web/accessmonitoring",
        t("Monitoring rules"),
    ),
    (
        "cluster_networking_config",
        "read",
        "/web/settings",
        t("Settings"),
    ),
];

/// The roles somebody holds now.
#[derive(Debug)]
pub struct Rights {
    user: String,
    roles: Vec<Role>,
}

impl Rights {
    /// Asks the cluster for the person's roles. One that cannot be read here offers nothing.
    pub async fn read(cluster: &Cluster, user: &str) -> Result<Self, Failure> {
        let mut stream = cluster
            .auth()
            .get_current_user_roles(of_person(()))
            .await?
            .into_inner();
        let mut roles = Vec::new();
        while let Some(role) = stream.message().await? {
            match convert::role(&role) {
                Ok(role) => roles.push(role),
                Err(error) => tracing::warn!(%error, "a role cannot be read here; pages offer nothing of it"),
            }
        }
        Ok(Self {
            user: user.to_owned(),
            roles,
        })
    }

    /// Whether the person may `verb` on `kind`.
    pub fn may(&self, kind: &str, verb: &str) -> bool {
        let asker = Asker {
            user: &self.user,
            roles: &self.roles,
            traits: &Traits::new(),
        };
        rbac::check(&asker, kind, verb, Touched::default()).allows()
    }

    /// The pages of the administration that are of use to this person.
    pub fn running(&self) -> Vec<(&'static str, &'static str)> {
        RUNNING
            .iter()
            .filter(|(kind, verb, _, _)| self.may(kind, verb))
            .map(|(_, _, address, name)| (*address, *name))
            .collect()
    }
}
