//! Who may change roles, users and access lists: whoever may, writes the rule that then lets him in.

use std::collections::BTreeSet;

use super::TooMuch;
use super::posing;
use super::report::{Class, Evidence, Path, Step};
use super::world::{Standing, World};
use crate::pattern::Pattern;
use crate::predicate::{Predicate, RULE_NAMES, Scope, Value};
use crate::rbac::{self, Touched};
use crate::role::{Role, Rule};

/// Which roles' texts decide about which: each about itself, and about what it lets be asked for or reviewed.
pub struct Deciding<'p>(Vec<Names<'p>>);

/// What one role names.
struct Names<'p> {
    role: &'p Role,
    patterns: Vec<Pattern>,
    /// What a claim becomes is known only with somebody's traits; it could be any role.
    any: bool,
}

impl<'p> Deciding<'p> {
    /// Compiles what the roles name.
    pub fn of(world: &World<'p>) -> Self {
        let names = |role: &'p Role| {
            let (request, review) = (&role.allow.request, &role.allow.review_requests);
            let claims = request.claims_to_roles.iter().chain(&review.claims_to_roles);
            let of_claims = claims.flat_map(|mapping| &mapping.roles);
            let texts = || request.roles.iter().chain(&review.roles).chain(of_claims.clone());
            Names {
                role,
                any: texts().any(|text| text.contains('$') && !text.ends_with('$')),
                patterns: texts().filter_map(|text| Pattern::compile(text).ok()).collect(),
            }
        };
        Self(world.policy.roles.iter().map(names).collect())
    }

    /// The roles whose text decides about one of `targets`.
    pub fn about<'t>(&self, targets: impl IntoIterator<Item = &'t String> + Clone) -> BTreeSet<String> {
        let decides = |names: &&Names<'p>| {
            let named = |target: &String| {
                names.role.name == *target || names.patterns.iter().any(|pattern| pattern.matches(target))
            };
            names.any || targets.clone().into_iter().any(named)
        };
        self.0
            .iter()
            .filter(decides)
            .map(|names| names.role.name.clone())
            .collect()
    }
}

/// Roles that could let their holder change users, access lists, themselves, or a role that decides about `guarded` ones, whoever the holder
/// is.
pub fn powerful_roles(world: &World<'_>, guarded: &BTreeSet<String>) -> Result<BTreeSet<String>, TooMuch> {
    let deciding = Deciding::of(world).about(guarded);
    let mut found = BTreeSet::new();
    for role in world
        .policy
        .roles
        .iter()
        .filter(|role| !role.allow.rules.is_empty())
    {
        world.spend(deciding.len())?;
        let over_roles = || {
            let own = std::iter::once(role);
            own.chain(deciding.iter().filter_map(|name| world.role(name)))
                .any(|on| could(role, "role", Some(on)))
        };
        if could(role, "user", None) || could(role, "access_list", None) || over_roles() {
            found.insert(role.name.clone());
        }
    }
    Ok(found)
}

/// Whether a rule of this role could let somebody update a thing of that kind.
fn could(role: &Role, kind: &str, on: Option<&Role>) -> bool {
    let mut scope = Scope::new();
    if let Some(on) = on {
        let labels = on
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), vec![value.clone()]));
        scope.insert("resource.metadata.name", Value::Text(on.name.clone()));
        scope.insert("resource.metadata.labels", Value::Map(labels.collect()));
    }
    let could = |rule: &Rule| {
        fits(rule, kind, "update")
            && Predicate::parse(&rule.where_, RULE_NAMES).is_ok_and(|predicate| predicate.could(&scope).hold)
    };
    role.allow.rules.iter().any(could)
}

/// Whether a rule of this role lets some role be changed, if its condition holds.
fn speaks_of_changing_roles(role: &Role) -> bool {
    role.allow.rules.iter().any(|rule| fits(rule, "role", "update"))
}

/// Whether a rule speaks of this verb on this kind.
fn fits(rule: &Rule, kind: &str, verb: &str) -> bool {
    let names = |listed: &[String], wanted: &str| listed.iter().any(|text| text == wanted || text == "*");
    names(&rule.resources, kind) && names(&rule.verbs, verb)
}

/// Whether somebody of this standing may change users, access lists or a role of their own, and so every rule.
pub fn has_power(world: &World<'_>, standing: &Standing) -> bool {
    let user = standing
        .accounts
        .first()
        .map_or("", |at| world.account(*at).name.as_str());
    may(standing, user, "user", "update", None).is_some()
        || may(standing, user, "access_list", "update", None).is_some()
        || standing
            .roles
            .iter()
            .any(|role| may(standing, user, "role", "update", Some(role)).is_some())
}

/// The evidence that a standing may do something, if it may.
pub fn may(standing: &Standing, user: &str, kind: &str, verb: &str, on: Option<&Role>) -> Option<Evidence> {
    // Most people have no rules, and the question is asked of everybody.
    if standing.roles.iter().all(|role| role.allow.rules.is_empty()) {
        return None;
    }
    let touched = Touched {
        name: on.map(|role| role.name.as_str()),
        labels: on.map(|role| &role.labels),
    };
    let rbac::Verdict::Allow { role } = rbac::check(&standing.asker(user), kind, verb, touched) else {
        return None;
    };
    let granting = standing.roles.iter().find(|held| held.name == role)?;
    let rules = &granting.allow.rules;
    let at = rules
        .iter()
        .position(|rule| fits(rule, kind, verb) && rule.where_.is_empty())
        .or_else(|| rules.iter().position(|rule| fits(rule, kind, verb)))?;
    Some(Evidence::role(&role, format!("spec.allow.rules[{at}]")))
}

/// The first of `names` that a standing may update, with the evidence.
fn may_any<'a>(
    standing: &Standing,
    user: &str,
    names: impl IntoIterator<Item = &'a String>,
    world: &World<'_>,
) -> Option<(String, Evidence)> {
    names.into_iter().find_map(|name| {
        let role = world.role(name)?;
        may(standing, user, "role", "update", Some(role)).map(|evidence| (name.clone(), evidence))
    })
}

/// One way in which somebody may change the rules.
struct Power {
    targets: Vec<String>,
    steps: Vec<(String, Vec<Evidence>)>,
    fix: String,
}

/// The ways to `targets` by changing what the rules say.
pub fn paths(world: &World<'_>, targets: &BTreeSet<String>, people: usize) -> Result<Vec<Path>, TooMuch> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let mut held: Vec<(Vec<usize>, Power)> = Vec::new();
    let deciding = Deciding::of(world);
    let deciding = targets.iter().map(|target| (target, deciding.about([target])));
    let deciding: Vec<(&String, BTreeSet<String>)> = deciding.collect();
    for standing in &world.standings {
        for power in powers(world, &deciding, standing, targets)? {
            held.push((standing.accounts.clone(), power));
        }
        held.extend(missing_roles(world, standing, targets));
    }
    let everybody: BTreeSet<usize> = held.iter().flat_map(|(accounts, _)| accounts).copied().collect();
    let mut found = Vec::new();
    for (accounts, power) in held {
        let agreeing: Vec<usize> = everybody
            .iter()
            .filter(|other| accounts.len() > 1 || !accounts.contains(other))
            .copied()
            .collect();
        let takes_two = world.policy.two_persons_for_rule_changes;
        if takes_two && (people < 3 || agreeing.is_empty()) {
            continue;
        }
        let mut steps: Vec<Step> = power
            .steps
            .into_iter()
            .map(|(does, evidence)| Step {
                people: Vec::new(),
                does,
                evidence,
            })
            .collect();
        if let Some(first) = steps.first_mut() {
            first.people = world.names(&accounts);
        }
        if takes_two {
            let agrees = Step {
                people: world.names(&agreeing),
                does: "agrees to the change".to_owned(),
                evidence: Vec::new(),
            };
            steps.insert(1.min(steps.len()), agrees);
        }
        found.push(Path {
            class: Class::RuleChanges,
            targets: power.targets,
            people: if takes_two { 2 } else { 1 },
            steps,
            fix: power.fix,
        });
    }
    Ok(found)
}

const TWO_PERSONS: &str = "let changes of the rules take two persons, or take the rule away";

fn powers(
    world: &World<'_>,
    deciding: &[(&String, BTreeSet<String>)],
    standing: &Standing,
    targets: &BTreeSet<String>,
) -> Result<Vec<Power>, TooMuch> {
    let mut found = Vec::new();
    let Some(first) = standing.accounts.first() else {
        return Ok(found);
    };
    let user = world.account(*first).name.as_str();
    let all: Vec<String> = targets.iter().cloned().collect();
    world.spend(1)?;
    if standing.roles.iter().all(|role| role.allow.rules.is_empty()) {
        return Ok(found);
    }
    let over_users = may(standing, user, "user", "update", None);
    if let Some(evidence) = &over_users {
        found.push(Power {
            targets: all.clone(),
            steps: vec![(
                "changes a user, so that it has any role, or resets a reviewer's password".to_owned(),
                vec![evidence.clone()],
            )],
            fix: TWO_PERSONS.to_owned(),
        });
    }
    if over_users.is_none()
        && let Some(evidence) = may(standing, user, "access_list", "update", None)
    {
        found.push(Power {
            targets: all.clone(),
            steps: vec![(
                "changes an access list, so that it gives any role, and is a member of it".to_owned(),
                vec![evidence],
            )],
            fix: TWO_PERSONS.to_owned(),
        });
    }
    let own: Vec<String> = standing.roles.iter().map(|role| role.name.clone()).collect();
    if let Some((_, evidence)) = may_any(standing, user, &own, world) {
        found.push(Power {
            targets: all,
            steps: vec![(
                "changes a role that is held already, so that it allows everything".to_owned(),
                vec![evidence],
            )],
            fix: TWO_PERSONS.to_owned(),
        });
    } else if standing.roles.iter().any(speaks_of_changing_roles) {
        let all: BTreeSet<&String> = deciding.iter().flat_map(|(_, roles)| roles).collect();
        world.spend(all.len())?;
        let may_change = |name: &&String| {
            world
                .role(name)
                .is_some_and(|role| may(standing, user, "role", "update", Some(role)).is_some())
        };
        let changeable: BTreeSet<&String> = all.into_iter().filter(may_change).collect();
        for (target, roles) in deciding {
            let first = roles.iter().filter(|role| changeable.contains(role)).take(1);
            if let Some((role, evidence)) = may_any(standing, user, first, world) {
                found.push(Power {
                    targets: vec![(*target).clone()],
                    steps: vec![(
                        format!("changes role `{role}`, which decides about `{target}`"),
                        vec![evidence],
                    )],
                    fix: TWO_PERSONS.to_owned(),
                });
            }
        }
    }
    let over_bots = ["create", "update"]
        .iter()
        .find_map(|verb| may(standing, user, "bot", verb, None));
    if let (Some(bots), Some(tokens)) = (over_bots, may(standing, user, "token", "create", None)) {
        found.push(Power {
            targets: targets.iter().cloned().collect(),
            steps: vec![
                ("makes a bot that may take any role".to_owned(), vec![bots]),
                (
                    "joins as that bot with a token made for it".to_owned(),
                    vec![tokens],
                ),
            ],
            fix: "let different people make bots and tokens".to_owned(),
        });
    }
    if over_users.is_none()
        && let Some(evidence) = may(standing, user, "user", "create", None)
    {
        for target in targets {
            world.spend(1)?;
            found.extend(new_user(world, standing, target, &evidence));
        }
    }
    Ok(found)
}

/// Making a user who has the role, and getting a certificate in that name: nobody has to sign in as the new user.
fn new_user(world: &World<'_>, standing: &Standing, target: &str, may_create: &Evidence) -> Option<Power> {
    let role = world.role(target)?;
    let roles = [role.clone()];
    posing::impersonating(standing).find_map(|through| {
        through.allow.impersonate.users.iter().find_map(|text| {
            let name = text
                .trim_matches(['^', '$'])
                .replace(".*", "new")
                .replace('*', "new");
            let taken = world.policy.accounts.iter().any(|account| account.name == name);
            let given = !taken && posing::gives(world, standing, &name, &roles).is_some();
            given.then(|| Power {
                targets: vec![target.to_owned()],
                steps: vec![
                    (
                        format!("makes a user who has `{target}`"),
                        vec![may_create.clone()],
                    ),
                    (
                        "gets a certificate in the name of that user".to_owned(),
                        vec![Evidence::role(&through.name, "spec.allow.impersonate")],
                    ),
                ],
                fix: format!(
                    "name the users that role `{}` may impersonate, without patterns",
                    through.name
                ),
            })
        })
    })
}

/// A role that somebody's account names and that does not exist: whoever may make roles decides what it says.
fn missing_roles(
    world: &World<'_>,
    standing: &Standing,
    targets: &BTreeSet<String>,
) -> Vec<(Vec<usize>, Power)> {
    let mut found = Vec::new();
    for at in &standing.accounts {
        let account = world.account(*at);
        let Some(missing) = account.roles.iter().find(|name| !world.has_role(name)) else {
            continue;
        };
        if let Some(evidence) = may(standing, &account.name, "role", "create", None) {
            found.push((
                vec![*at],
                Power {
                    targets: targets.iter().cloned().collect(),
                    steps: vec![(
                        format!(
                            "makes role `{missing}`, which the account names already and nobody has made"
                        ),
                        vec![evidence, Evidence::user(&account.name, "spec.roles")],
                    )],
                    fix: format!("take `{missing}` out of `spec.roles` of the user"),
                },
            ));
        }
    }
    found
}
