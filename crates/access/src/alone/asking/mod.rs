//! Requests that too few people could carry through, and requests that nobody could.
//!
//! | file | what |
//! | --- | --- |
//! | `guarded` | which roles somewhere take two approvals |
//! | `shape` | one request, and when the votes on it are enough |
//! | `votes` | who could vote on it, and how |
//! | `telling` | a way in words |
//! | `stuck` | requests that nobody could approve today |

mod guarded;
mod shape;
mod stuck;
mod telling;
mod votes;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::TooMuch;
use super::report::{Evidence, Path};
use super::world::{Crowd, World};
use crate::predicate::{FILTER_NAMES, Predicate, Value, WHERE_NAMES};
use crate::request::{Requestable, compile_thresholds};
use crate::role::Role;

pub use guarded::guarded_roles;
use shape::{BallotAt, Shape};
use votes::Votes;

/// What is asked: each role, and the roles that let it be asked for. Who asks the same needs the same approvals.
type Asked<'w> = Vec<(String, Vec<&'w str>)>;

/// A vote in a way that is being tried.
struct Vote {
    ballot: BallotAt,
    by: By,
}

/// Whose vote it is.
#[derive(Clone, Copy)]
enum By {
    /// A rule that approves by itself.
    Rule,
    /// Another account of whoever asks.
    Account { account: usize, standing: usize },
    /// A machine, whose runner may be the one who asks.
    Machine { account: usize, standing: usize },
}

/// The search, with what it need not find out twice.
pub struct Asking<'w, 'p> {
    world: &'w World<'p>,
    requestable: Vec<Option<Requestable<'w>>>,
    votes: Votes<'w, 'p>,
    /// Crowds that are a machine.
    machines: Vec<usize>,
    /// Conditions in which the roles of a request are named.
    about_roles: Vec<Predicate>,
    shapes: RefCell<HashMap<Asked<'w>, Option<Rc<Shape>>>>,
}

impl<'w, 'p> Asking<'w, 'p> {
    pub fn new(world: &'w World<'p>) -> Self {
        let machine = |at: &usize| world.crowds[*at].machine;
        Self {
            world,
            requestable: world
                .standings
                .iter()
                .map(|standing| Requestable::of(&standing.roles, &standing.traits).ok())
                .collect(),
            votes: Votes::new(world),
            machines: (0..world.crowds.len()).filter(machine).collect(),
            about_roles: about_roles(&world.policy.roles),
            shapes: RefCell::default(),
        }
    }

    /// The ways to `target` by a request that fewer than `people` carry through.
    pub fn paths(&self, target: &str, people: usize) -> Result<Vec<Path>, TooMuch> {
        let mut found = Vec::new();
        let beside = self.companions(target);
        for (at, crowd) in self.world.crowds.iter().enumerate() {
            for (seat_at, seat) in crowd.seats.iter().enumerate() {
                self.world.spend(1)?;
                if !self.may_ask(seat.standing, target) || self.world.standings[seat.standing].holds(target) {
                    continue;
                }
                if people == 2 && !self.has_free_votes(crowd) {
                    continue;
                }
                for roles in self.combinations(seat.standing, target, &beside) {
                    self.world.spend(1)?;
                    let Some(shape) = self.shape(seat.standing, roles)? else {
                        continue;
                    };
                    if let Some(path) = self.cheapest(&shape, at, seat_at, target, people)? {
                        found.push(path);
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether a role may be asked for, by itself or to reach a resource.
    fn may_ask(&self, standing: usize, role: &str) -> bool {
        self.requestable[standing]
            .as_ref()
            .is_some_and(|requestable| requestable.allows(role) || requestable.allows_search(role))
    }

    /// Whether anybody in this crowd could have more votes than none without another person.
    fn has_free_votes(&self, crowd: &Crowd) -> bool {
        crowd.seats.len() > 1
            || crowd.machine
            || !self.world.policy.automatic.is_empty()
            || !self.machines.is_empty()
    }

    /// Other roles that make a condition answer differently when they are asked for together with `target`. Any other role
    /// beside it only asks for more approvals of more people.
    fn companions(&self, target: &str) -> Vec<&'w str> {
        let alone = Value::List(vec![target.to_owned()]);
        let differs = |name: &str| {
            let mut both = vec![target.to_owned(), name.to_owned()];
            both.sort();
            let both = Value::List(both);
            let mut conditions = self.about_roles.iter();
            conditions.any(|condition| condition.tells_apart("request.roles", &alone, &both))
        };
        let others = self.world.policy.roles.iter().map(|role| role.name.as_str());
        others.filter(|name| *name != target && differs(name)).collect()
    }

    /// The target alone, and beside each companion that may be asked for.
    fn combinations<'a>(
        &'a self,
        standing: usize,
        target: &'a str,
        beside: &'a [&str],
    ) -> impl Iterator<Item = Vec<String>> + 'a {
        let may_ask = move |name: &&&str| {
            let requestable = self.requestable[standing].as_ref();
            requestable.is_some_and(|requestable| requestable.allows(name))
        };
        let together = beside.iter().filter(may_ask).map(move |name| {
            let mut roles = vec![target.to_owned(), (*name).to_owned()];
            roles.sort();
            roles
        });
        std::iter::once(vec![target.to_owned()]).chain(together)
    }

    /// The request for `roles`, which are sorted, by somebody of this standing; `None` if it would be refused.
    fn shape(&self, standing: usize, roles: Vec<String>) -> Result<Option<Rc<Shape>>, TooMuch> {
        let Some(requestable) = &self.requestable[standing] else {
            return Ok(None);
        };
        let granting = |role: &String| {
            requestable
                .granting(role)
                .map(|role| role.name.as_str())
                .collect()
        };
        let key: Asked<'w> = roles.iter().map(|role| (role.clone(), granting(role))).collect();
        if let Some(known) = self.shapes.borrow().get(&key) {
            return Ok(known.clone());
        }
        let compiled = compile_thresholds(requestable, &roles)
            .filter(|compiled| !compiled.role_thresholds.values().any(Vec::is_empty));
        let shape = match compiled {
            Some(compiled) => Some(Rc::new(self.votes.on(shape::request(roles, compiled))?)),
            None => None,
        };
        self.shapes.borrow_mut().insert(key, shape.clone());
        Ok(shape)
    }

    /// The way that takes the fewest people, if it takes fewer than `people`.
    fn cheapest(
        &self,
        shape: &Shape,
        at: usize,
        seat_at: usize,
        target: &str,
        people: usize,
    ) -> Result<Option<Path>, TooMuch> {
        let free = self.free_votes(shape, at, seat_at);
        let own = usize::from(!self.world.crowds[at].machine);
        for helpers in 0..people - own {
            let mut chosen = Vec::new();
            if self.with_helpers(shape, &free, at, helpers, 0, &mut chosen)? {
                let path = self.path(shape, free, at, seat_at, &chosen, target);
                return Ok(Some(path).filter(|path| path.people < people));
            }
        }
        Ok(None)
    }

    /// Votes that take nobody else: of other accounts of the same person, of machines, of rules.
    fn free_votes(&self, shape: &Shape, at: usize, seat_at: usize) -> Vec<Vote> {
        let crowd = &self.world.crowds[at];
        let mut votes = Vec::new();
        if let Some(ballot) = shape.automatic {
            votes.push(Vote { ballot, by: By::Rule });
        }
        if crowd.seats.len() > 1 {
            for seat in self.votes.distinct_seats(crowd, Some(seat_at)) {
                let (account, standing) = (crowd.seats[seat].account, crowd.seats[seat].standing);
                if let Some(ballot) = shape.of_standing.get(&standing).copied() {
                    let by = By::Account { account, standing };
                    votes.push(Vote { ballot, by });
                }
            }
        }
        for machine in &self.machines {
            let Some(seat) = self.world.crowds[*machine].seats.first() else {
                continue;
            };
            let (account, standing) = (seat.account, seat.standing);
            let same = crowd.seats[seat_at].account == account;
            if let (Some(ballot), false) = (shape.of_standing.get(&standing).copied(), same) {
                let by = By::Machine { account, standing };
                votes.push(Vote { ballot, by });
            }
        }
        votes
    }

    /// Whether some choice of `more` further people, from the group at `from` on, makes it enough.
    fn with_helpers(
        &self,
        shape: &Shape,
        free: &[Vote],
        at: usize,
        more: usize,
        from: usize,
        chosen: &mut Vec<usize>,
    ) -> Result<bool, TooMuch> {
        if more == 0 {
            self.world.spend(1)?;
            let helping = chosen.iter().flat_map(|group| &shape.helpers[*group].votes);
            return Ok(shape.enough(free.iter().map(|vote| vote.ballot).chain(helping.copied())));
        }
        for group in from..shape.helpers.len() {
            let helpers = &shape.helpers[group];
            let there = helpers.people - usize::from(helpers.crowds.binary_search(&at).is_ok());
            if chosen.iter().filter(|other| **other == group).count() < there {
                chosen.push(group);
                if self.with_helpers(shape, free, at, more - 1, group, chosen)? {
                    return Ok(true);
                }
                chosen.pop();
            }
        }
        Ok(false)
    }
}

/// The conditions in which the roles of a request are named, each once.
fn about_roles(roles: &[Role]) -> Vec<Predicate> {
    let mut texts: BTreeSet<(&str, bool)> = BTreeSet::new();
    for role in roles {
        let filters = role.allow.request.thresholds.iter();
        let filters = filters.map(|threshold| (threshold.filter.as_str(), true));
        let reviewing = [&role.allow, &role.deny].map(|side| (side.review_requests.where_.as_str(), false));
        let named = |(text, _): &(&str, bool)| text.contains("request.roles");
        texts.extend(filters.chain(reviewing).filter(named));
    }
    texts
        .into_iter()
        .filter_map(|(text, filter)| {
            let names = if filter { FILTER_NAMES } else { WHERE_NAMES };
            Predicate::parse(text, names).ok()
        })
        .collect()
}

/// The field that lets roles be asked for.
fn request_field(role: &Role) -> &'static str {
    let request = &role.allow.request;
    match (request.roles.is_empty(), request.claims_to_roles.is_empty()) {
        (false, _) => "spec.allow.request.roles",
        (true, false) => "spec.allow.request.claims_to_roles",
        (true, true) => "spec.allow.request.search_as_roles",
    }
}

/// The place that lets `role` be asked for.
fn asking_at(role: &Role) -> Evidence {
    Evidence::role(&role.name, request_field(role))
}
