//! Certificates in the name of somebody who has the role.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::TooMuch;
use super::report::{Class, Evidence, Path, Step};
use super::rules;
use super::world::{Standing, World};
use crate::issue::{self, Holder, Subject, Wish};
use crate::pattern::Pattern;
use crate::role::{Impersonate, Role, Traits};
use crate::template;

/// Whether `caller` is given a certificate in the name of a user with these roles. The function that decides it says so.
pub fn is_given(caller: &Standing, caller_name: &str, user: &str, roles: &[Role], traits: &Traits) -> bool {
    let now = Timestamp::UNIX_EPOCH;
    let holder = Holder {
        user: caller_name.to_owned(),
        ..Holder::default()
    };
    let caller = Subject {
        user: caller_name,
        subject: "",
        roles: &caller.roles,
        traits: &caller.traits,
    };
    let target = Subject {
        user,
        subject: "",
        roles,
        traits,
    };
    let soon = now.saturating_add(SignedDuration::from_mins(2)).unwrap_or(now);
    issue::impersonate(&holder, &caller, &target, Wish::AtMost(soon), now).is_ok()
}

/// The roles of a standing that let others be impersonated.
pub fn impersonating(standing: &Standing) -> impl Iterator<Item = &Role> {
    standing.roles.iter().filter(|role| {
        let impersonate = &role.allow.impersonate;
        !impersonate.users.is_empty() && !impersonate.roles.is_empty()
    })
}

/// The ways to `target` under another's name.
pub fn paths(world: &World<'_>, target: &str) -> Result<Vec<Path>, TooMuch> {
    let mut found = Vec::new();
    let wanted = world.role(target).map(std::slice::from_ref).unwrap_or_default();
    for standing in world.standings.iter().filter(|standing| !standing.holds(target)) {
        world.spend(1)?;
        let Some(role) = standing
            .roles
            .iter()
            .find(|role| takes(standing, std::slice::from_ref(role), wanted))
        else {
            continue;
        };
        if takes(standing, &standing.roles, wanted) {
            found.push(taking(world, standing, role, target));
        }
    }
    let holders: Vec<&Standing> = world
        .standings
        .iter()
        .filter(|standing| standing.holds(target))
        .collect();
    for caller in &world.standings {
        let Some(role) = impersonating(caller).next() else {
            continue;
        };
        for caller_name in world.names(&caller.accounts) {
            for holder in &holders {
                world.spend(holder.accounts.len())?;
                for account in &holder.accounts {
                    let name = &world.account(*account).name;
                    if *name != caller_name
                        && is_given(caller, &caller_name, name, &holder.roles, &holder.traits)
                    {
                        found.push(posing(caller, role, &caller_name, name, target));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// Whether these roles let their holder take all of `wanted`: conditions without users speak of that, one has to allow and
/// none may forbid it. A condition on a role (`where`) counts as one that could hold.
fn takes(standing: &Standing, roles: &[Role], wanted: &[Role]) -> bool {
    let matched = |conditions: &Impersonate| {
        let patterns: Vec<Pattern> = template::expand_all(&conditions.roles, &standing.traits)
            .iter()
            .filter_map(|text| Pattern::compile(text).ok())
            .collect();
        conditions.users.is_empty()
            && wanted
                .iter()
                .all(|role| patterns.iter().any(|pattern| pattern.matches(&role.name)))
    };
    !wanted.is_empty()
        && roles.iter().any(|role| matched(&role.allow.impersonate))
        && !roles.iter().any(|role| matched(&role.deny.impersonate))
}

fn taking(world: &World<'_>, standing: &Standing, role: &Role, target: &str) -> Path {
    let (class, does) = if standing.machine {
        (
            Class::Machines,
            format!("gives out certificates with `{target}`, to whoever runs this machine"),
        )
    } else {
        (
            Class::Impersonation,
            format!("takes `{target}` for a certificate"),
        )
    };
    Path {
        class,
        targets: vec![target.to_owned()],
        people: 1,
        steps: vec![Step {
            people: world.names(&standing.accounts),
            does,
            evidence: vec![Evidence::role(&role.name, "spec.allow.impersonate.roles")],
        }],
        fix: format!("take `{target}` out of what role `{}` lets be taken", role.name),
    }
}

/// Certificates in the name of somebody who may change the rules by what the account is, and not by one of `powerful` roles
/// alone.
pub fn to_power(
    world: &World<'_>,
    targets: &BTreeSet<String>,
    powerful: &BTreeSet<String>,
) -> Result<Vec<Path>, TooMuch> {
    let mut found = Vec::new();
    let in_power: Vec<&Standing> = world
        .standings
        .iter()
        .filter(|standing| {
            let by_role = standing.roles.iter().any(|role| powerful.contains(&role.name));
            !by_role && rules::has_power(world, standing)
        })
        .collect();
    for caller in &world.standings {
        let Some(role) = impersonating(caller).next() else {
            continue;
        };
        for caller_name in world.names(&caller.accounts) {
            for standing in &in_power {
                world.spend(standing.accounts.len())?;
                for name in world.names(&standing.accounts) {
                    if name == caller_name
                        || !is_given(caller, &caller_name, &name, &standing.roles, &standing.traits)
                    {
                        continue;
                    }
                    found.push(Path {
                        class: Class::Impersonation,
                        targets: targets.iter().cloned().collect(),
                        people: 1,
                        steps: vec![
                            Step {
                                people: vec![caller_name.clone()],
                                does: format!("gets a certificate in the name of `{name}`"),
                                evidence: vec![Evidence::role(&role.name, "spec.allow.impersonate")],
                            },
                            Step {
                                people: Vec::new(),
                                does: format!("`{name}` may change the rules"),
                                evidence: vec![Evidence::user(&name, "spec.roles")],
                            },
                        ],
                        fix: format!("take `{name}` out of what role `{}` may impersonate", role.name),
                    });
                }
            }
        }
    }
    Ok(found)
}

fn posing(caller: &Standing, role: &Role, caller_name: &str, name: &str, target: &str) -> Path {
    let mut evidence: Vec<Evidence> = Vec::new();
    let alone = |role: &Role| Standing {
        accounts: Vec::new(),
        roles: vec![role.clone()],
        traits: caller.traits.clone(),
        machine: caller.machine,
    };
    let by = impersonating(caller)
        .find(|role| {
            is_given(
                &alone(role),
                caller_name,
                name,
                &[Role::empty(target)],
                &Traits::new(),
            )
        })
        .unwrap_or(role);
    evidence.push(Evidence::role(&by.name, "spec.allow.impersonate"));
    evidence.push(Evidence::user(name, "spec.roles"));
    Path {
        class: Class::Impersonation,
        targets: vec![target.to_owned()],
        people: 1,
        steps: vec![
            Step {
                people: vec![caller_name.to_owned()],
                does: format!("gets a certificate in the name of `{name}`"),
                evidence,
            },
            Step {
                people: Vec::new(),
                does: format!("`{name}` has `{target}`"),
                evidence: vec![Evidence::user(name, "spec.roles")],
            },
        ],
        fix: format!(
            "take `{name}`, or `{target}`, out of what role `{}` may impersonate",
            by.name
        ),
    }
}
