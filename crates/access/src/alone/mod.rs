//! Who could, alone: every way by which fewer people than promised come to a role, or change what its rule says.
//!
//! A static search over what is stored now: roles, accounts with their roles and traits, access lists, automatic approvals and
//! settings. It asks the very functions that decide in earnest ([`Requestable`](crate::request::Requestable) and
//! [`compile_thresholds`](crate::request::compile_thresholds) what a request would need, [`request::resolve`](crate::request::resolve) when that is enough,
//! [`rbac::check`](crate::rbac::check), and what [`issue::impersonate`](crate::issue::impersonate) and
//! [`machine::may_take`](crate::machine::may_take) ask), so it cannot be of another opinion than they are. What is not known before somebody asks, the text of a reason and a request's annotations,
//! counts as being what suits.
//!
//! It never reads a store, never changes anything, and never says that a policy is safe: whoever runs the Auth Service's host
//! can do everything, which a report says once, as an assumption.
//!
//! | file | looks for |
//! | --- | --- |
//! | `world` | people behind accounts, and accounts that are alike |
//! | `holding` | who has the role without asking: in person, through a list, as a machine |
//! | `joining` | who could become a machine by a join token |
//! | `asking` | requests that too few people could carry through, and requests that nobody could |
//! | `posing` | certificates in the name of somebody who has the role |
//! | `rules` | who may change roles and users, and so every rule |
//! | `elsewhere` | what would be enough in the original and is not here |
//!
//! # Bounds
//!
//! Accounts with the same roles and the same traits that any predicate, claim or template names are examined once. The work is
//! at most (such groups × roles that can be asked for) + (different requests × groups), each unit one decision about one person;
//! it is counted, and what needs more than [`Question::steps_max`] is refused with [`TooMuch`] instead of being answered in
//! part. Requests for two roles together are tried where a predicate looks at `request.roles`, requests for three or more
//! are not.

mod asking;
mod elsewhere;
mod holding;
mod joining;
mod posing;
mod report;
mod rules;
mod world;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::list::{Book, Part, Person};
use crate::role::{Role, Traits};

pub use report::{Class, Evidence, Note, Path, Report, Step, Stuck};
use world::World;

/// Most accounts that are examined.
pub const ACCOUNTS_MAX: usize = 20_000;
/// Most roles that are examined.
pub const ROLES_MAX: usize = 2_000;
/// Decisions that an ordinary question may take.
pub const STEPS_MAX: u64 = 40_000_000;
/// The most people that a question may be about.
pub const PEOPLE_MAX: usize = 5;

/// What is stored, as far as it can give somebody a role.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Roles.
    pub roles: Vec<Role>,
    /// Users, bots among them.
    pub accounts: Vec<Account>,
    /// Access lists.
    pub lists: Vec<List>,
    /// Rules that approve by themselves.
    pub automatic: Vec<String>,
    /// Names of bots for which there is a join token.
    pub tokens: Vec<String>,
    /// What identity providers are trusted to say.
    pub connectors: Vec<Connector>,
    /// Changes of the rules take two people.
    pub two_persons_for_rule_changes: bool,
}

/// A user as stored.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Name.
    pub name: String,
    /// Names of roles; those that do not exist give nothing.
    pub roles: Vec<String>,
    /// Traits.
    pub traits: Traits,
    /// It belongs to a program.
    pub machine: bool,
    /// A lock keeps it out.
    pub locked: bool,
    /// The person it is linked to: accounts with the same one have one vote together.
    pub person: Option<String>,
    /// Who it is at identity providers, as `CONNECTOR/NAME`.
    pub identities: Vec<String>,
}

/// An access list, as far as it comes to accounts.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Title, or name.
    pub name: String,
    /// Users who may add members.
    pub owners: Vec<String>,
    /// Users who are in it.
    pub members: Vec<String>,
    /// Roles of its members.
    pub grants: Vec<String>,
    /// Roles of its owners.
    pub owner_grants: Vec<String>,
}

impl List {
    /// The lists of a book with the accounts that have a place in them at `now`, by the function that decides in earnest. A
    /// list of which a role is not among `roles` gives nothing.
    pub fn of(book: &Book, accounts: &[Account], roles: &[Role], now: Timestamp) -> Vec<Self> {
        let exists = |name: &String| roles.iter().any(|role| role.name == *name);
        let whole = |given: &[String]| {
            if given.iter().all(exists) {
                given.to_vec()
            } else {
                Vec::new()
            }
        };
        let mut lists: BTreeMap<&str, Self> = book
            .lists
            .values()
            .map(|list| {
                let made = Self {
                    name: list.title.clone(),
                    grants: whole(&list.grants.roles),
                    owner_grants: whole(&list.owner_grants.roles),
                    ..Self::default()
                };
                (list.name.as_str(), made)
            })
            .collect();
        for account in accounts.iter().filter(|account| !account.machine) {
            let person = Person {
                name: &account.name,
                roles: &account.roles,
                traits: &account.traits,
            };
            for place in book.places(&person, now) {
                if let Some(list) = lists.get_mut(place.list.as_str()) {
                    match place.part {
                        Part::Member => list.members.push(account.name.clone()),
                        Part::Owner => list.owners.push(account.name.clone()),
                    }
                }
            }
        }
        lists.into_values().collect()
    }
}

/// A connector to an identity provider.
#[derive(Debug, Clone, Default)]
pub struct Connector {
    /// `github`, `oidc` or `saml`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Group or claim, and a role it becomes.
    pub mappings: Vec<(String, String)>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Ways that take fewer people than this are reported; 2 to [`PEOPLE_MAX`].
    pub people: usize,
    /// The roles to look at; empty means those that somewhere take two approvals or more, and those with power over the rules.
    pub roles: Vec<String>,
    /// Decisions it may take.
    pub steps_max: u64,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            people: 2,
            roles: Vec::new(),
            steps_max: STEPS_MAX,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum TooMuch {
    #[error("there are {0} accounts; at most {ACCOUNTS_MAX} are examined at once")]
    Accounts(usize),
    #[error("there are {0} roles; at most {ROLES_MAX} are examined at once")]
    Roles(usize),
    #[error("the question takes more than {0} decisions; ask about fewer roles")]
    Steps(u64),
    #[error("the number of people must be between 2 and {PEOPLE_MAX}, not {0}")]
    People(usize),
    #[error("role {0:?} does not exist")]
    UnknownRole(String),
}

/// Searches for the ways, shortest first.
pub fn check(policy: &Policy, question: &Question) -> Result<Report, TooMuch> {
    if policy.accounts.len() > ACCOUNTS_MAX {
        return Err(TooMuch::Accounts(policy.accounts.len()));
    }
    if policy.roles.len() > ROLES_MAX {
        return Err(TooMuch::Roles(policy.roles.len()));
    }
    if !(2..=PEOPLE_MAX).contains(&question.people) {
        return Err(TooMuch::People(question.people));
    }
    let world = World::of(policy, question.steps_max)?;
    if let Some(unknown) = question.roles.iter().find(|name| !world.has_role(name)) {
        return Err(TooMuch::UnknownRole(unknown.clone()));
    }
    let mut targets = if question.roles.is_empty() {
        asking::guarded_roles(&world)?
    } else {
        question.roles.iter().cloned().collect()
    };
    // Whoever comes to such a role comes to all others; where changes take two, having it is not enough.
    let powerful = if policy.two_persons_for_rule_changes {
        std::collections::BTreeSet::new()
    } else {
        rules::powerful_roles(&world, &targets)?
    };
    targets.extend(powerful.iter().cloned());
    let mut found = rules::paths(&world, &targets, question.people)?;
    let posing = posing::Posing::new(&world)?;
    if !policy.two_persons_for_rule_changes {
        found.extend(posing.to_power(&targets, &powerful)?);
    }
    found.extend(joining::paths(
        &world,
        targets.iter().filter(|target| !powerful.contains(*target)),
    )?);
    let asks = asking::Asking::new(&world);
    for target in &targets {
        if !powerful.contains(target) {
            found.extend(holding::paths(&world, target));
        }
        found.extend(posing.paths(target)?);
        found.extend(asks.paths(target, question.people)?);
    }
    let mut report = Report {
        people: question.people,
        targets: targets.iter().cloned().collect(),
        accounts: policy.accounts.len(),
        roles: policy.roles.len(),
        paths: report::in_order(found),
        stuck: asks.stuck()?,
        notes: elsewhere::notes(&world, &targets),
    };
    report
        .paths
        .retain(|path| !path.targets.is_empty() && path.people < question.people);
    Ok(report)
}
