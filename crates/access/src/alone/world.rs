//! The people behind the accounts, and accounts that are alike for every rule.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Account, Policy, TooMuch};
use crate::rbac::Asker;
use crate::role::{Role, Traits};

/// Traits that say which person an account belongs to.
const TELLING_TRAITS: [&str; 2] = ["email", "person"];

/// Accounts that every rule treats alike.
#[derive(Debug)]
pub struct Standing {
    /// Positions in the policy.
    pub accounts: Vec<usize>,
    /// Roles that exist.
    pub roles: Vec<Role>,
    /// Traits, those of the first account where nothing looks at the difference.
    pub traits: Traits,
    /// They belong to programs.
    pub machine: bool,
}

impl Standing {
    pub fn holds(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held.name == role)
    }

    pub fn asker<'a>(&'a self, user: &'a str) -> Asker<'a> {
        Asker {
            user,
            roles: &self.roles,
            traits: &self.traits,
        }
    }
}

/// One account of a person.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// Its position in the policy.
    pub account: usize,
    /// Its standing.
    pub standing: usize,
}

/// People who have the same accounts for every rule: those with several accounts stand alone.
#[derive(Debug)]
pub struct Crowd {
    /// The accounts of the first of them.
    pub seats: Vec<Seat>,
    /// User names of all of them, for each of the seats.
    pub names: Vec<Vec<String>>,
    /// How many people these are.
    pub size: usize,
    /// A program, which whoever runs it speaks through.
    pub machine: bool,
}

/// A policy made ready for searching.
pub struct World<'p> {
    pub policy: &'p Policy,
    pub standings: Vec<Standing>,
    pub crowds: Vec<Crowd>,
    roles: BTreeMap<&'p str, &'p Role>,
    texts: BTreeSet<&'p str>,
    steps_left: Cell<u64>,
    steps_max: u64,
}

impl<'p> World<'p> {
    pub fn of(policy: &'p Policy, steps_max: u64) -> Result<Self, TooMuch> {
        let mut world = Self {
            policy,
            standings: Vec::new(),
            crowds: Vec::new(),
            roles: policy
                .roles
                .iter()
                .map(|role| (role.name.as_str(), role))
                .collect(),
            texts: policy.roles.iter().flat_map(telling_texts).collect(),
            steps_left: Cell::new(steps_max),
            steps_max,
        };
        let standing_of = world.sort_into_standings()?;
        world.sort_into_crowds(&standing_of);
        Ok(world)
    }

    /// Takes `steps` from what the question may cost.
    pub fn spend(&self, steps: usize) -> Result<(), TooMuch> {
        let left = u64::try_from(steps)
            .ok()
            .and_then(|steps| self.steps_left.get().checked_sub(steps));
        self.steps_left.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err(TooMuch::Steps(self.steps_max)),
        }
    }

    pub fn has_role(&self, name: &str) -> bool {
        self.roles.contains_key(name)
    }

    pub fn role(&self, name: &str) -> Option<&'p Role> {
        self.roles.get(name).copied()
    }

    pub fn account(&self, at: usize) -> &'p Account {
        &self.policy.accounts[at]
    }

    /// Whether any predicate, claim or template mentions this text.
    pub fn mentions(&self, text: &str) -> bool {
        self.texts.iter().any(|written| written.contains(text))
    }

    /// Names of accounts.
    pub fn names(&self, accounts: &[usize]) -> Vec<String> {
        accounts.iter().map(|at| self.account(*at).name.clone()).collect()
    }

    /// Roles of an account with what access lists add, and for a machine those that it gives out.
    fn roles_of(&self, account: &Account) -> Vec<&'p str> {
        let mut names: Vec<&str> = Vec::new();
        let own = account.roles.iter();
        let granted = self.policy.lists.iter().flat_map(|list| {
            let member = list.members.contains(&account.name).then_some(&list.grants);
            let owner = list.owners.contains(&account.name).then_some(&list.owner_grants);
            member.into_iter().chain(owner).flatten()
        });
        for name in own.chain(granted) {
            if let Some((name, _)) = self.roles.get_key_value(name.as_str())
                && !names.contains(name)
            {
                names.push(name);
            }
        }
        if account.machine {
            // What a bot gives out carries the roles that its own roles name; a pattern names none.
            let own = names.clone();
            let taken = own
                .iter()
                .filter_map(|name| self.role(name))
                .flat_map(|role| &role.allow.impersonate.roles);
            for name in taken {
                if let Some((name, _)) = self.roles.get_key_value(name.as_str())
                    && !names.contains(name)
                {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Groups the accounts; gives for each account its standing, `None` for one that is locked.
    fn sort_into_standings(&mut self) -> Result<Vec<Option<usize>>, TooMuch> {
        let by_name = self.mentions("user.metadata.name");
        let mut relevant: HashMap<&str, bool> = HashMap::new();
        let mut known = HashMap::new();
        let mut standing_of = Vec::with_capacity(self.policy.accounts.len());
        for (at, account) in self.policy.accounts.iter().enumerate() {
            if account.locked {
                standing_of.push(None);
                continue;
            }
            self.spend(1 + account.traits.len())?;
            let roles = self.roles_of(account);
            let mut traits = Vec::new();
            for (name, values) in &account.traits {
                let looked_at = match relevant.get(name.as_str()) {
                    Some(known) => *known,
                    None => {
                        let looked_at = self.mentions(name);
                        relevant.insert(name, looked_at);
                        looked_at
                    }
                };
                if looked_at {
                    traits.push((name, values));
                }
            }
            let name = by_name.then_some(&account.name);
            let key = (roles.clone(), traits, account.machine, name);
            let standing = *known.entry(key).or_insert_with(|| {
                self.standings.push(Standing {
                    accounts: Vec::new(),
                    roles: roles
                        .iter()
                        .filter_map(|name| self.roles.get(name))
                        .map(|role| Role::clone(role))
                        .collect(),
                    traits: account.traits.clone(),
                    machine: account.machine,
                });
                self.standings.len() - 1
            });
            self.standings[standing].accounts.push(at);
            standing_of.push(Some(standing));
        }
        Ok(standing_of)
    }

    fn sort_into_crowds(&mut self, standing_of: &[Option<usize>]) {
        let mut alike: HashMap<usize, usize> = HashMap::new();
        for accounts in people(&self.policy.accounts) {
            let seats: Vec<Seat> = accounts
                .into_iter()
                .filter_map(|account| standing_of[account].map(|standing| Seat { account, standing }))
                .collect();
            let (Some(first), machine) = (
                seats.first(),
                seats.iter().all(|seat| self.account(seat.account).machine),
            ) else {
                continue;
            };
            let name = self.account(first.account).name.clone();
            let linked = self.account(first.account).person.is_some();
            if let [seat] = seats[..]
                && !linked
                && let Some(crowd) = alike.get(&seat.standing)
            {
                let crowd = &mut self.crowds[*crowd];
                crowd.names[0].push(name);
                crowd.size += 1;
                continue;
            }
            if let ([seat], false) = (&seats[..], linked) {
                alike.insert(seat.standing, self.crowds.len());
            }
            self.crowds.push(Crowd {
                names: seats
                    .iter()
                    .map(|seat| vec![self.account(seat.account).name.clone()])
                    .collect(),
                seats,
                size: 1,
                machine,
            });
        }
    }
}

/// The accounts of each person: linked ones, those that a trait tells to be one person's, and those that are one account at
/// an identity provider. A machine is its own.
fn people(accounts: &[Account]) -> Vec<Vec<usize>> {
    let mut person_of: Vec<usize> = (0..accounts.len()).collect();
    let mut first: HashMap<(&str, String), usize> = HashMap::new();
    for (at, account) in accounts
        .iter()
        .enumerate()
        .filter(|(_, account)| !account.machine)
    {
        let linked = account.person.iter().map(|person| ("person", person.as_str()));
        let told = TELLING_TRAITS.into_iter().flat_map(|name| {
            let values = account.traits.get(name).into_iter().flatten();
            values.map(move |value| (name, value.as_str()))
        });
        // An address that is somebody's user name is that somebody's, too.
        let named = account
            .name
            .contains('@')
            .then_some(("email", account.name.as_str()));
        let elsewhere = account
            .identities
            .iter()
            .map(|identity| ("identity", identity.as_str()));
        for (kind, value) in linked.chain(told).chain(named).chain(elsewhere) {
            if value.trim().is_empty() {
                continue;
            }
            match first.entry((kind, value.trim().to_lowercase())) {
                std::collections::hash_map::Entry::Occupied(other) => {
                    let (one, other) = (root(&mut person_of, at), root(&mut person_of, *other.get()));
                    person_of[one.max(other)] = one.min(other);
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(at);
                }
            }
        }
    }
    let mut grouped: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..accounts.len() {
        grouped.entry(root(&mut person_of, at)).or_default().push(at);
    }
    grouped.into_values().collect()
}

/// The account that stands for all that are known to be one person's.
fn root(person_of: &mut [usize], mut at: usize) -> usize {
    while person_of[at] != at {
        person_of[at] = person_of[person_of[at]];
        at = person_of[at];
    }
    at
}

/// Every text of a role in which a trait or a user may be named.
fn telling_texts(role: &Role) -> impl Iterator<Item = &str> {
    [&role.allow, &role.deny].into_iter().flat_map(|conditions| {
        let request = &conditions.request;
        let review = &conditions.review_requests;
        let impersonate = &conditions.impersonate;
        let claims = request.claims_to_roles.iter().chain(&review.claims_to_roles);
        let rules = conditions.rules.iter().map(|rule| &rule.where_);
        request
            .thresholds
            .iter()
            .map(|threshold| &threshold.filter)
            .chain(claims.map(|mapping| &mapping.claim))
            .chain(rules)
            .chain([&review.where_, &impersonate.where_])
            .chain(&impersonate.users)
            .chain(&impersonate.roles)
            .chain(request.annotations.values().flatten())
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    })
}
