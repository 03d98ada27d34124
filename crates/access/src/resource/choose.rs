//! Which roles somebody must ask for to reach some resources.

use std::collections::BTreeSet;

use crate::class::Class;
use crate::pattern::PatternError;
use crate::request::{Requestable, Requester, ResourceId};
use crate::role::{Role, Traits};
use crate::template;

use super::kubernetes::{self, Refused};
use super::{Reach, Resource};

/// What there is in a cluster: its roles and its resources.
#[derive(Clone, Copy)]
pub struct Catalogue<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The role of a name.
    pub role: &'a dyn Fn(&str) -> Option<Role>,
    /// All names of roles, for a wildcard.
    pub every_role: &'a dyn Fn() -> Vec<String>,
    /// The resource that has to be reached for an identifier.
    pub resource: &'a dyn Fn(&ResourceId) -> Option<Resource>,
}

/// Why no roles can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ChoiceError {
    #[error("Resource Access Requests require usable \"search_as_roles\", none found for user {0:?}")]
    NoSearchRoles(String),
    #[error(transparent)]
    Kubernetes(#[from] Refused),
    #[error(
        "no roles configured in the \"search_as_roles\" for this user allow access to at least one requested resources. \
         The resource {0} is not opened by any of them, or does not exist."
    )]
    Part(String),
    #[error(
        "no roles configured in the \"search_as_roles\" for this user allow access to any requested resources. \
         The user may already have access to all requested resources with their existing roles, or the resources do \
         not exist."
    )]
    Nothing,
    #[error("the roles of the user cannot be used: {0}")]
    Pattern(#[from] PatternError),
}

impl ChoiceError {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Self::NoSearchRoles(_) => Class::PermissionDenied,
            _ => Class::InvalidArgument,
        }
    }
}

/// The roles with which somebody may look for what to ask for, sorted.
pub fn search_roles(roles: &[Role], traits: &Traits) -> Result<Vec<String>, PatternError> {
    let requestable = Requestable::of(roles, traits)?;
    let named: BTreeSet<&String> = roles
        .iter()
        .flat_map(|role| &role.allow.request.search_as_roles)
        .collect();
    Ok(named
        .into_iter()
        .filter(|name| requestable.allows_search(name))
        .cloned()
        .collect())
}

/// The roles whose view of resources a reviewer borrows, sorted.
pub fn preview_roles(roles: &[Role]) -> Vec<String> {
    let denied: BTreeSet<&String> = roles
        .iter()
        .flat_map(|role| &role.deny.review_requests.preview_as_roles)
        .collect();
    let named: BTreeSet<&String> = roles
        .iter()
        .flat_map(|role| &role.allow.review_requests.preview_as_roles)
        .collect();
    named
        .into_iter()
        .filter(|name| !denied.contains(name))
        .cloned()
        .collect()
}

/// The roles that `requester` must ask for to reach `ids`: every search role that opens at least one of them. Whether a
/// resource of another cluster is opened is not known here, so that all of them are asked for then.
pub fn choose(
    requester: &Requester<'_>,
    ids: &[ResourceId],
    login: &str,
    catalogue: &Catalogue<'_>,
) -> Result<Vec<String>, ChoiceError> {
    let candidates = search_roles(requester.roles, requester.traits)?;
    if candidates.is_empty() {
        return Err(ChoiceError::NoSearchRoles(requester.user.to_owned()));
    }
    let candidates = kubernetes::check_roles(requester.roles, candidates, ids, false)?;
    if ids.iter().any(|id| id.cluster != catalogue.cluster) {
        return Ok(candidates);
    }
    let candidates: Vec<Candidate> = candidates
        .iter()
        .filter_map(|name| (catalogue.role)(name))
        .map(|role| Candidate::of(role, requester.traits))
        .collect();
    let mut chosen = BTreeSet::new();
    for id in ids {
        let resource = (catalogue.resource)(id);
        let mut opening: Vec<&Candidate> = candidates
            .iter()
            .filter(|candidate| {
                resource
                    .as_ref()
                    .is_some_and(|resource| candidate.opens(resource, id, requester.traits))
            })
            .filter(|candidate| login.is_empty() || candidate.logins.contains(login))
            .collect();
        if opening.is_empty() && id.is_kubernetes_object() {
            return Err(ChoiceError::Part(id.text()));
        }
        if !login.is_empty() {
            // The one that opens the least else.
            opening.sort_by_key(|candidate| (candidate.logins.len(), candidate.role.name.clone()));
            opening.truncate(1);
        }
        chosen.extend(opening.into_iter().map(|candidate| candidate.role.name.clone()));
    }
    if chosen.is_empty() {
        return Err(ChoiceError::Nothing);
    }
    Ok(chosen.into_iter().collect())
}

/// A search role, alone.
struct Candidate {
    reach: Reach,
    logins: BTreeSet<String>,
    role: Role,
}

impl Candidate {
    fn of(role: Role, traits: &Traits) -> Self {
        let denied = template::expand_all(&role.deny.logins, traits);
        let logins = template::expand_all(&role.allow.logins, traits)
            .into_iter()
            .filter(|login| !denied.contains(login) && !denied.iter().any(|denied| denied == "*"))
            .collect();
        Self {
            reach: Reach::of(std::slice::from_ref(&role), traits),
            logins,
            role,
        }
    }

    fn opens(&self, resource: &Resource, id: &ResourceId, traits: &Traits) -> bool {
        self.reach.verdict(resource).allows()
            && (!id.is_kubernetes_object() || kubernetes::opens(&self.role, traits, id))
    }
}
