//! Which roles somewhere take two approvals or more: those are looked at when no roles are named.

use std::collections::BTreeSet;

use crate::alone::TooMuch;
use crate::alone::world::World;
use crate::request::Requestable;
use crate::role::{Role, Traits};

/// Roles that somewhere take two approvals or more.
pub fn guarded_roles(world: &World<'_>) -> Result<BTreeSet<String>, TooMuch> {
    let mut found = BTreeSet::new();
    let strict = |role: &&Role| {
        role.allow
            .request
            .thresholds
            .iter()
            .any(|threshold| threshold.approve >= 2)
    };
    let mut add = |asking: &Role, traits: &Traits| -> Result<(), TooMuch> {
        let Ok(requestable) = Requestable::of(std::slice::from_ref(asking), traits) else {
            return Ok(());
        };
        world.spend(world.policy.roles.len())?;
        let names = world.policy.roles.iter().map(|role| &role.name);
        found.extend(
            names
                .filter(|name| {
                    **name != asking.name && (requestable.allows(name) || requestable.allows_search(name))
                })
                .cloned(),
        );
        Ok(())
    };
    for role in world.policy.roles.iter().filter(strict) {
        add(role, &Traits::new())?;
    }
    for standing in &world.standings {
        let by_claims = |role: &&Role| !role.allow.request.claims_to_roles.is_empty();
        for role in standing.roles.iter().filter(strict).filter(by_claims) {
            add(role, &standing.traits)?;
        }
    }
    Ok(found)
}
