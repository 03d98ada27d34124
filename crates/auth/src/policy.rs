//! Roles as decisions read them, and what is checked before one is stored.

use access::Role;
use access::pin::Pin;
use jiff::Timestamp;
use wire::convert;
use wire::keep::Kept;
use wire::pb::types;

use crate::auth::Auth;
use crate::failure::{Answer, Failure};
use crate::state::resource::Resource as _;

/// A stored role as decisions read it.
pub fn role(message: &types::RoleV6) -> Answer<Role> {
    convert::role(message)
        .map_err(|error| Failure::bad_parameter(format!("role {:?} cannot be used: {error}", message.name())))
}

/// A stored role, to be compared with what it was or becomes.
pub fn pin(message: &Kept<types::RoleV6>) -> Answer<Pin> {
    convert::pin(message)
        .map_err(|error| Failure::bad_parameter(format!("role {:?} cannot be used: {error}", message.name())))
}

/// Checks a role that is about to be stored; gives what its author should be told.
pub async fn check_role_write(auth: &Auth, now: Timestamp, message: &types::RoleV6) -> Answer<Vec<String>> {
    let decided = convert::role(message).map_err(|error| Failure::bad_parameter(error.to_string()))?;
    let mut warnings =
        access::role_check::check(&decided).map_err(|error| Failure::bad_parameter(error.to_string()))?;
    if message.expires().is_some()
        && let Some(what) = ends_badly(message)
    {
        return Err(Failure::bad_parameter(format!(
            "role {:?} has an end (metadata.expires) and says something in {what}: when it goes, what it forbids or demands \
             would go too, for everybody who holds it; leave the end out, or put {what} into a role without one",
            decided.name
        )));
    }
    for name in literal_roles(&decided) {
        if name != decided.name && auth.state.find::<types::RoleV6>(&name, now).await?.is_none() {
            warnings.push(format!(
                "role {:?} names role {name:?}, which does not exist yet",
                decided.name
            ));
        }
    }
    Ok(warnings)
}

/// What a role says that must not vanish by itself: what it forbids, and how what it lets people ask for is approved.
fn ends_badly(role: &types::RoleV6) -> Option<&'static str> {
    let spec = role.spec.as_ref()?;
    let deny = spec.deny.as_ref().map(|deny| types::RoleConditions {
        // Always there, and means nothing.
        namespaces: Vec::new(),
        ..deny.clone()
    });
    let nothing = types::RoleConditions::default();
    if deny.is_some_and(|deny| deny != nothing) {
        return Some("spec.deny");
    }
    let request = spec.allow.as_ref().and_then(|allow| allow.request.as_ref());
    let asks = request.is_some_and(|request| *request != types::AccessRequestConditions::default());
    asks.then_some("spec.allow.request")
}

/// Roles that a role names without a pattern.
fn literal_roles(role: &Role) -> Vec<String> {
    let mut names: Vec<String> = role
        .allow
        .request
        .roles
        .iter()
        .chain(&role.allow.review_requests.roles)
        .filter(|name| !name.contains(['*', '^', '{']))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}
