//! `AuthService.GetAccessCapabilities`: what somebody could ask for.

use access::request::{Intent, RESOURCES_MAX, ResourceId, capabilities};
use access::resource::{Reach, search_roles};
use wire::convert;
use wire::pb::types;

use super::offer::Offer;
use super::{Person, person, refused};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::resources;
use crate::services::users::no_such_user;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: types::AccessCapabilitiesRequest,
) -> Answer<types::AccessCapabilities> {
    let own = call.caller.user_name();
    let user = if asked.user.is_empty() {
        own.unwrap_or_default().to_owned()
    } else {
        asked.user
    };
    if own != Some(user.as_str()) {
        call.allow("user", &["read"])?;
        call.allow("role", &["list", "read"])?;
    }
    let person = person(auth, &user, call.now)
        .await?
        .ok_or_else(|| no_such_user(&user))?;
    if asked.resource_i_ds.len() > RESOURCES_MAX {
        return Err(Failure::bad_parameter(format!(
            "too many resources ({}), max {RESOURCES_MAX}",
            asked.resource_i_ds.len()
        )));
    }
    let resource_ids: Vec<ResourceId> = asked.resource_i_ds.iter().map(convert::resource_id).collect();
    let offer = Offer::of_everything(auth, call.now, &resource_ids).await?;
    let caller = call.caller.user().filter(|caller| caller.name() == person.name);
    let limit = caller.and_then(|caller| resources::limit(auth, caller));
    let sight = sight(&offer, auth.cluster(), &person)?.within(limit);
    let intent = Intent {
        resource_ids: &resource_ids,
        login: &asked.login,
        only_opening: asked.filter_requestable_roles_by_resource,
    };
    let found = offer
        .with(auth.cluster(), |catalogue| {
            capabilities(&person.requester(), &intent, catalogue, &|resource| {
                sight.verdict(resource).allows()
            })
        })
        .map_err(|error| refused(error.class(), &error))?;
    Ok(types::AccessCapabilities {
        requestable_roles: if asked.requestable_roles {
            found.requestable_roles
        } else {
            Vec::new()
        },
        suggested_reviewers: if asked.suggested_reviewers {
            found.suggested_reviewers
        } else {
            Vec::new()
        },
        applicable_roles_for_resources: found.applicable_roles,
        request_prompt: found.request_prompt,
        require_reason: found.require_reason,
        auto_request: found.auto_request,
    })
}

/// What the person can see when looking for what to ask for.
fn sight(offer: &Offer, cluster: &str, person: &Person) -> Answer<Reach> {
    let further = search_roles(&person.roles, &person.traits)
        .map_err(|error| Failure::bad_parameter(error.to_string()))?;
    let mut roles = person.roles.clone();
    offer.with(cluster, |catalogue| {
        roles.extend(further.iter().filter_map(|name| (catalogue.role)(name)));
    });
    Ok(Reach::of(&roles, &person.traits))
}
