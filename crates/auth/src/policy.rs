//! Roles as decisions read them, and what is checked before one is stored.

use access::Role;
use jiff::Timestamp;
use wire::convert;
use wire::pb::types;

use crate::auth::Auth;
use crate::failure::{Answer, Failure};
use crate::state::resource::Resource as _;

/// A stored role as decisions read it.
pub fn role(message: &types::RoleV6) -> Answer<Role> {
    convert::role(message)
        .map_err(|error| Failure::bad_parameter(format!("role {:?} cannot be used: {error}", message.name())))
}

/// Checks a role that is about to be stored; gives what its author should be told.
pub async fn check_role_write(auth: &Auth, now: Timestamp, message: &types::RoleV6) -> Answer<Vec<String>> {
    let decided = convert::role(message).map_err(|error| Failure::bad_parameter(error.to_string()))?;
    let mut warnings =
        access::role_check::check(&decided).map_err(|error| Failure::bad_parameter(error.to_string()))?;
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
