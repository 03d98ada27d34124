//! Certificates in the name of somebody who has the role, and roles that are taken for one's own certificate.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::TooMuch;
use super::report::{Class, Evidence, Path, Step};
use super::rules;
use super::world::{Standing, World};
use crate::impersonation::Impersonation;
use crate::issue::Subject;
use crate::role::{Role, Traits};

/// Most people who are named as those that one role lets others pose as on the way to one target.
const POSED_MAX: usize = 4;

/// Who may act in the name of an account: by the role that lets it, the standings.
type Posers<'w> = BTreeMap<&'w str, Vec<usize>>;

/// Everybody who may act in others' names or take roles, found out once for all targets.
pub struct Posing<'w, 'p> {
    world: &'w World<'p>,
    /// By the position of the account in whose name a certificate is given.
    posers: HashMap<usize, Posers<'w>>,
    /// Standings that may take roles.
    taking: Vec<(usize, Impersonation<'w>)>,
}

impl<'w, 'p> Posing<'w, 'p> {
    pub fn new(world: &'w World<'p>) -> Result<Self, TooMuch> {
        let mut found = Self {
            world,
            posers: HashMap::new(),
            taking: Vec::new(),
        };
        for (at, standing) in world.standings.iter().enumerate() {
            world.spend(1)?;
            if impersonating(standing).next().is_some() {
                found.pose(at, standing)?;
            }
            let takes = |role: &Role| {
                let conditions = &role.allow.impersonate;
                conditions.users.is_empty() && !conditions.roles.is_empty()
            };
            if standing.roles.iter().any(takes) {
                found.taking.push((at, rights(world, standing)));
            }
        }
        Ok(found)
    }

    /// Notes in whose name this standing may act.
    fn pose(&mut self, at: usize, caller: &'w Standing) -> Result<(), TooMuch> {
        let rights = rights(self.world, caller);
        for standing in &self.world.standings {
            self.world.spend(standing.accounts.len())?;
            for account in &standing.accounts {
                let target = Subject {
                    user: &self.world.account(*account).name,
                    subject: "",
                    roles: &standing.roles,
                    traits: &standing.traits,
                };
                if let Some(role) = rights.in_the_name_of(&target) {
                    let posers = self.posers.entry(*account).or_default();
                    posers.entry(&role.name).or_default().push(at);
                }
            }
        }
        Ok(())
    }

    /// The ways to `target` under another's name.
    pub fn paths(&self, target: &str) -> Result<Vec<Path>, TooMuch> {
        let world = self.world;
        let wanted = world.role(target).map(std::slice::from_ref).unwrap_or_default();
        let mut found = Vec::new();
        for (at, rights) in &self.taking {
            world.spend(1)?;
            let standing = &world.standings[*at];
            if let (false, Some(role)) = (standing.holds(target), rights.takes(wanted)) {
                found.push(taking(world, standing, role, target));
            }
        }
        let holders: BTreeSet<usize> = world
            .standings
            .iter()
            .filter(|standing| standing.holds(target))
            .flat_map(|standing| &standing.accounts)
            .copied()
            .collect();
        let tells = |name: &str| Telling {
            targets: vec![target.to_owned()],
            why: Some(Evidence::user(name, "spec.roles")),
            then: format!("`{name}` has `{target}`"),
            closing: format!("take `{name}`, or `{target}`, out of"),
        };
        found.extend(self.posed_as(&holders, tells)?);
        Ok(found)
    }

    /// Certificates in the name of somebody who may change the rules by what the account is, and not by one of `powerful`
    /// roles alone.
    pub fn to_power(
        &self,
        targets: &BTreeSet<String>,
        powerful: &BTreeSet<String>,
    ) -> Result<Vec<Path>, TooMuch> {
        let world = self.world;
        let in_power: BTreeSet<usize> = world
            .standings
            .iter()
            .filter(|standing| {
                let by_role = standing.roles.iter().any(|role| powerful.contains(&role.name));
                !by_role && rules::has_power(world, standing)
            })
            .flat_map(|standing| &standing.accounts)
            .copied()
            .collect();
        self.posed_as(&in_power, |name| Telling {
            targets: targets.iter().cloned().collect(),
            why: None,
            then: format!("`{name}` may change the rules"),
            closing: format!("take `{name}` out of"),
        })
    }

    /// The ways of everybody who may act in the name of one of `whom`.
    fn posed_as(
        &self,
        whom: &BTreeSet<usize>,
        tells: impl Fn(&str) -> Telling,
    ) -> Result<Vec<Path>, TooMuch> {
        let world = self.world;
        let mut found = Vec::new();
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        for account in whom {
            let name = &world.account(*account).name;
            for (by, standings) in self.posers.get(account).into_iter().flatten() {
                world.spend(standings.len())?;
                let callers = standings.iter().flat_map(|at| &world.standings[*at].accounts);
                let people: Vec<String> = callers
                    .filter(|caller| *caller != account)
                    .map(|caller| world.account(*caller).name.clone())
                    .collect();
                let told = told.entry(by).or_default();
                if people.is_empty() || *told == POSED_MAX {
                    continue;
                }
                *told += 1;
                let telling = tells(name);
                let by_role = Evidence::role(by, "spec.allow.impersonate");
                found.push(Path {
                    class: Class::Impersonation,
                    targets: telling.targets,
                    people: 1,
                    steps: vec![
                        Step {
                            people,
                            does: format!("gets a certificate in the name of `{name}`"),
                            evidence: std::iter::once(by_role).chain(telling.why).collect(),
                        },
                        Step {
                            people: Vec::new(),
                            does: telling.then,
                            evidence: vec![Evidence::user(name, "spec.roles")],
                        },
                    ],
                    fix: format!("{} what role `{by}` may impersonate", telling.closing),
                });
            }
        }
        Ok(found)
    }
}

/// What is said of a way under another's name.
struct Telling {
    targets: Vec<String>,
    why: Option<Evidence>,
    then: String,
    closing: String,
}

/// What this standing may take and whose name, asked as its first account: where the name matters, standings are one account.
fn rights<'w>(world: &'w World<'_>, standing: &'w Standing) -> Impersonation<'w> {
    Impersonation::of(Subject {
        user: standing
            .accounts
            .first()
            .map_or("", |at| world.account(*at).name.as_str()),
        subject: "",
        roles: &standing.roles,
        traits: &standing.traits,
    })
}

/// The roles of a standing that let others be impersonated.
pub fn impersonating(standing: &Standing) -> impl Iterator<Item = &Role> {
    standing.roles.iter().filter(|role| {
        let impersonate = &role.allow.impersonate;
        !impersonate.users.is_empty() && !impersonate.roles.is_empty()
    })
}

/// The role that lets somebody of this standing have a certificate in the name of a user with these roles and no traits.
pub fn gives<'w>(world: &'w World<'_>, caller: &'w Standing, user: &str, roles: &[Role]) -> Option<&'w Role> {
    let traits = Traits::new();
    let target = Subject {
        user,
        subject: "",
        roles,
        traits: &traits,
    };
    rights(world, caller).in_the_name_of(&target)
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
