//! Who has the role without asking anybody.

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
    for list in world
        .policy
        .lists
        .iter()
        .filter(|list| list.grants.iter().any(|role| role == target))
    {
        let owners: Vec<String> = list
            .owners
            .iter()
            .filter(|owner| !list.members.contains(owner))
            .cloned()
            .collect();
        if !owners.is_empty() {
            found.push(Path {
                class: Class::Lists,
                targets: vec![target.to_owned()],
                people: 1,
                steps: vec![
                    Step {
                        people: owners,
                        does: format!(
                            "becomes a member of the access list `{}`, being its owner",
                            list.name
                        ),
                        evidence: vec![Evidence {
                            document: format!("access_list {}", list.name),
                            field: "spec.owners".to_owned(),
                        }],
                    },
                    Step {
                        people: Vec::new(),
                        does: format!("members have `{target}`"),
                        evidence: vec![Evidence {
                            document: format!("access_list {}", list.name),
                            field: "spec.grants.roles".to_owned(),
                        }],
                    },
                ],
                fix: format!(
                    "let the list `{}` grant a role that may ask for `{target}`",
                    list.name
                ),
            });
        }
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
