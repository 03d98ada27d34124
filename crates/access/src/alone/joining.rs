//! Who could become a machine: whoever makes, or reads, a token with which its bot joins.

use super::TooMuch;
use super::report::{Class, Evidence, Path, Step};
use super::rules::may;
use super::world::{Standing, World};

/// What somebody may do with join tokens.
struct Keeper {
    people: Vec<String>,
    /// Makes one.
    makes: Option<Evidence>,
    /// Reads those there are.
    reads: Option<Evidence>,
}

/// The ways to each of `targets` by joining as a machine that has it or gives it out.
pub fn paths<'t>(
    world: &World<'_>,
    targets: impl IntoIterator<Item = &'t String> + Clone,
) -> Result<Vec<Path>, TooMuch> {
    let keepers = keepers(world)?;
    let mut found = Vec::new();
    if keepers.is_empty() {
        return Ok(found);
    }
    for standing in world.standings.iter().filter(|standing| standing.machine) {
        world.spend(standing.accounts.len() * keepers.len())?;
        for target in targets
            .clone()
            .into_iter()
            .filter(|target| standing.holds(target))
        {
            for account in &standing.accounts {
                let machine = world.account(*account).name.as_str();
                found.extend(
                    keepers
                        .iter()
                        .filter_map(|keeper| joins(world, keeper, machine, target)),
                );
            }
        }
    }
    Ok(found)
}

fn keepers(world: &World<'_>) -> Result<Vec<Keeper>, TooMuch> {
    let keeper = |standing: &Standing| {
        let user = standing
            .accounts
            .first()
            .map(|at| world.account(*at).name.as_str());
        let may = |verb| may(standing, user.unwrap_or_default(), "token", verb, None);
        let keeper = Keeper {
            people: world.names(&standing.accounts),
            makes: may("create"),
            reads: may("list").and_then(|_| may("read")),
        };
        (keeper.makes.is_some() || keeper.reads.is_some()).then_some(keeper)
    };
    world.spend(world.standings.len())?;
    Ok(world.standings.iter().filter_map(keeper).collect())
}

/// The way of this keeper of tokens to what the machine has; none if there is no token to read and none may be made.
fn joins(world: &World<'_>, keeper: &Keeper, machine: &str, target: &str) -> Option<Path> {
    let bot = machine.strip_prefix("bot-").unwrap_or(machine);
    let there = world.policy.tokens.iter().any(|token| token == bot);
    let reads = || keeper.reads.clone().filter(|_| there);
    let (does, evidence) = match (keeper.makes.clone(), reads()) {
        (Some(evidence), _) => (
            format!("makes a join token for the bot `{bot}` and joins as it"),
            evidence,
        ),
        (None, Some(evidence)) => (
            format!("reads the join token that there is for the bot `{bot}` and joins as it"),
            evidence,
        ),
        (None, None) => return None,
    };
    Some(Path {
        class: Class::Machines,
        targets: vec![target.to_owned()],
        people: 1,
        steps: vec![
            Step {
                people: keeper.people.clone(),
                does,
                evidence: vec![evidence],
            },
            Step {
                people: Vec::new(),
                does: format!("`{machine}` has `{target}`, or gives it out"),
                evidence: vec![Evidence::user(machine, "spec.roles")],
            },
        ],
        fix: format!("take `{target}` from the machine"),
    })
}
