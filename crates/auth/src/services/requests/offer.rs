//! What there is to ask for, read before `access` decides about it: the roles and resources that a request may be about.

use std::collections::{BTreeMap, BTreeSet};

use access::Role;
use access::request::{Proposal, ResourceId};
use access::resource::{Catalogue, Resource};
use jiff::Timestamp;
use wire::pb::types;

use crate::auth::Auth;
use crate::failure::Answer;
use crate::services::resources;
use crate::state::resource::Resource as _;

/// Roles and resources that are there.
#[derive(Debug, Default)]
pub struct Offer {
    roles: BTreeMap<String, Role>,
    resources: BTreeMap<ResourceId, Resource>,
}

impl Offer {
    /// What `proposal` by somebody with the roles `held` may be about.
    pub async fn for_proposal(
        auth: &Auth,
        now: Timestamp,
        proposal: &Proposal,
        held: &[Role],
    ) -> Answer<Self> {
        if proposal.is_wildcard() {
            return Self::of_everything(auth, now, &proposal.resource_ids).await;
        }
        let mut offer = Self::default();
        let mut names: BTreeSet<&String> = proposal.roles.iter().collect();
        if !proposal.resource_ids.is_empty() {
            names.extend(held.iter().flat_map(|role| &role.allow.request.search_as_roles));
        }
        for name in names {
            if let Some(role) = auth.state.role(name, now).await? {
                offer.roles.insert(name.clone(), Role::clone(&role));
            }
        }
        offer.read_resources(auth, now, &proposal.resource_ids).await?;
        Ok(offer)
    }

    /// Every role there is, and the resources of `ids`.
    pub async fn of_everything(auth: &Auth, now: Timestamp, ids: &[ResourceId]) -> Answer<Self> {
        let mut offer = Self::default();
        for found in auth.state.find_all::<types::RoleV6>(now).await? {
            let role = crate::policy::role(&found.resource)?;
            offer.roles.insert(found.resource.name().to_owned(), role);
        }
        offer.read_resources(auth, now, ids).await?;
        Ok(offer)
    }

    /// As many as a request may name are read; more of them are refused without being looked at.
    async fn read_resources(&mut self, auth: &Auth, now: Timestamp, ids: &[ResourceId]) -> Answer<()> {
        for id in ids.iter().take(access::request::RESOURCES_MAX) {
            if self.resources.contains_key(id) || id.check().is_err() {
                continue;
            }
            if let Some(resource) = resources::find(auth, id, now).await? {
                self.resources.insert(id.clone(), resource);
            }
        }
        Ok(())
    }

    /// Lets `decide` look at it.
    pub fn with<T>(&self, cluster: &str, decide: impl FnOnce(&Catalogue<'_>) -> T) -> T {
        decide(&Catalogue {
            cluster,
            role: &|name| self.roles.get(name).cloned(),
            every_role: &|| self.roles.keys().cloned().collect(),
            resource: &|id| self.resources.get(id).cloned(),
        })
    }
}
