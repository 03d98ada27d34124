//! Who has the role without asking anybody.

use super::List;
use super::report::{Class, Evidence, Path, Step};
use super::world::World;

/// The ways to `target` that nobody has to ask for.
pub fn paths(world: &World<'_>, target: &str) -> Vec<Path> {
    let mut found = Vec::new();
    for standing in world.standings.iter().filter(|standing| standing.holds(target)) {
        for account in &standing.accounts {
            found.push(held(world, *account, target));
        }
    }
    for list in &world.policy.lists {
        if list.grants.iter().any(|role| role == target) {
            found.extend(through_owners(world, list, target));
        }
    }
    found
}

/// The ways to `target` that owners of a list open. None of them can add himself; he can add somebody else, and somebody else
/// may be himself with another account.
fn through_owners(world: &World<'_>, list: &List, target: &str) -> Vec<Path> {
    let outside = |name: &String| !list.members.contains(name);
    let path = |people, steps: Vec<Step>| Path {
        class: Class::Lists,
        targets: vec![target.to_owned()],
        people,
        steps,
        fix: format!(
            "let the list `{}` grant a role that may ask for `{target}`",
            list.name
        ),
    };
    let evidence = |field: &str| {
        vec![Evidence {
            document: format!("access_list {}", list.name),
            field: field.to_owned(),
        }]
    };
    let member = || Step {
        people: Vec::new(),
        does: format!("members have `{target}`"),
        evidence: evidence("spec.grants.roles"),
    };
    let mut found = Vec::new();
    for crowd in &world.crowds {
        let names: Vec<String> = crowd
            .seats
            .iter()
            .map(|seat| world.account(seat.account).name.clone())
            .collect();
        let Some(owner) = names.iter().find(|name| list.owners.contains(name)) else {
            continue;
        };
        let Some(other) = names.iter().find(|name| *name != owner && outside(name)) else {
            continue;
        };
        let adds = Step {
            people: vec![owner.clone()],
            does: format!(
                "adds the own account `{other}` to the access list `{}`, being its owner",
                list.name
            ),
            evidence: evidence("spec.owners"),
        };
        found.push(path(1, vec![adds, member()]));
    }
    if !list.owners.is_empty() {
        let adds = Step {
            people: list.owners.clone(),
            does: format!(
                "adds somebody to the access list `{}`, being its owner",
                list.name
            ),
            evidence: evidence("spec.owners"),
        };
        found.push(path(2, vec![adds, member()]));
    }
    found
}

fn held(world: &World<'_>, account: usize, target: &str) -> Path {
    let account = world.account(account);
    let in_person = account.roles.iter().any(|role| role == target);
    let list = world.policy.lists.iter().find(|list| {
        let granted = |grants: &[String], people: &[String]| {
            grants.iter().any(|role| role == target) && people.contains(&account.name)
        };
        granted(&list.grants, &list.members) || granted(&list.owner_grants, &list.owners)
    });
    let (class, does, evidence, fix) = match (list, in_person) {
        (Some(list), false) => (
            Class::Lists,
            format!("has `{target}` through the access list `{}`", list.name),
            Evidence {
                document: format!("access_list {}", list.name),
                field: "spec.grants.roles".to_owned(),
            },
            format!(
                "let the list `{}` grant a role that may ask for `{target}`",
                list.name
            ),
        ),
        _ if account.machine => (
            Class::Machines,
            format!("has `{target}`, and so has whoever runs this machine"),
            Evidence::user(&account.name, "spec.roles"),
            format!("take `{target}` from the machine"),
        ),
        _ => (
            Class::Holding,
            format!("has `{target}` without asking"),
            Evidence::user(&account.name, "spec.roles"),
            format!("take `{target}` out of `spec.roles` of the user, and let it be asked for"),
        ),
    };
    // Many people who hold a role are one finding; each user's document says the same.
    let evidence = Evidence {
        document: evidence
            .document
            .replacen(&format!("user {}", account.name), "user", 1),
        ..evidence
    };
    Path {
        class,
        targets: vec![target.to_owned()],
        people: 1,
        steps: vec![Step {
            people: vec![account.name.clone()],
            does,
            evidence: vec![evidence],
        }],
        fix,
    }
}
