//! Who could vote on a request, and how: asked once for each question that differs, not once for each request.
//!
//! Whether somebody may review depends on the roles that are asked for, and on nothing else of the request that is known: that
//! is found out once for each choice of roles.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::shape::{Ballot, Helpers, Shape, filters, passing};
use crate::alone::TooMuch;
use crate::alone::report::Evidence;
use crate::alone::rules::may;
use crate::alone::world::{Crowd, Standing, World};
use crate::predicate::{Predicate, Scope, Value};
use crate::request::{Request, ReviewRights, matchers};

/// The rights to vote of everybody.
pub struct Votes<'w, 'p> {
    world: &'w World<'p>,
    rights: Vec<Option<ReviewRights>>,
    overriding: BTreeMap<usize, Evidence>,
    /// The crowds of each standing.
    crowds: Vec<Vec<usize>>,
    reviewing: RefCell<HashMap<Vec<String>, Rc<Vec<usize>>>>,
}

impl<'w, 'p> Votes<'w, 'p> {
    pub fn new(world: &'w World<'p>) -> Self {
        let rights = |standing: &Standing| {
            ReviewRights::of(&standing.roles, &standing.traits)
                .ok()
                .filter(ReviewRights::any)
        };
        let overriding = |standing: &Standing| {
            let name = standing
                .accounts
                .first()
                .map(|at| world.account(*at).name.as_str());
            ["update", "create"]
                .iter()
                .find_map(|verb| may(standing, name.unwrap_or_default(), "access_request", verb, None))
        };
        let mut crowds = vec![Vec::new(); world.standings.len()];
        for (at, crowd) in world.crowds.iter().enumerate() {
            for seat in &crowd.seats {
                crowds[seat.standing].push(at);
            }
        }
        Self {
            world,
            rights: world.standings.iter().map(rights).collect(),
            overriding: (0..)
                .zip(&world.standings)
                .filter_map(|(at, standing)| Some((at, overriding(standing)?)))
                .collect(),
            crowds,
            reviewing: RefCell::default(),
        }
    }

    /// The request with everybody's vote on it.
    pub fn on(&self, request: Request) -> Result<Shape, TooMuch> {
        let filters = filters(&request);
        let reviewing = self.reviewing(&request)?;
        let mut shape = Shape::of(request);
        for at in reviewing.iter().chain(self.overriding.keys()) {
            if shape.of_standing.contains_key(at) {
                continue;
            }
            self.world.spend(1 + filters.len())?;
            let ballot = self.ballot(*at, reviewing.binary_search(at).is_ok(), &shape.request, &filters);
            if let Some(ballot) = ballot {
                let place = shape.place(ballot);
                shape.of_standing.insert(*at, place);
            }
        }
        if !self.world.policy.automatic.is_empty() {
            let thresholds = passing(&filters, &Scope::new()).unwrap_or_default();
            let ballot = Ballot {
                thresholds,
                machine: true,
                overriding: false,
            };
            shape.automatic = Some(shape.place(ballot));
        }
        let able: BTreeSet<usize> = shape
            .of_standing
            .keys()
            .flat_map(|standing| &self.crowds[*standing])
            .copied()
            .filter(|crowd| !self.world.crowds[*crowd].machine)
            .collect();
        let mut helpers: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for at in able {
            let crowd = &self.world.crowds[at];
            let votes: Vec<usize> = self
                .distinct_seats(crowd, None)
                .filter_map(|seat| shape.of_standing.get(&crowd.seats[seat].standing).copied())
                .collect();
            if !votes.is_empty() {
                helpers.entry(votes).or_default().push(at);
            }
        }
        let size = |crowd: &usize| self.world.crowds[*crowd].size;
        let mut helpers: Vec<Helpers> = helpers
            .into_iter()
            .map(|(votes, crowds)| Helpers {
                people: crowds.iter().map(size).sum(),
                votes,
                crowds,
            })
            .collect();
        let in_words = |helpers: &Helpers| -> Vec<Ballot> {
            let ballots = helpers.votes.iter().map(|at| shape.ballots[*at].clone());
            ballots.collect()
        };
        helpers.sort_by_cached_key(in_words);
        shape.helpers = helpers;
        Ok(shape)
    }

    /// The standings that could review a request for these roles, in order.
    fn reviewing(&self, request: &Request) -> Result<Rc<Vec<usize>>, TooMuch> {
        if let Some(known) = self.reviewing.borrow().get(&request.roles) {
            return Ok(Rc::clone(known));
        }
        self.world.spend(self.world.standings.len())?;
        let could = |at: &usize| {
            let standing = &self.world.standings[*at];
            self.rights[*at]
                .as_ref()
                .is_some_and(|rights| rights.could_cover(request, &standing.roles, &standing.traits))
        };
        let found = Rc::new((0..self.world.standings.len()).filter(could).collect::<Vec<_>>());
        self.reviewing
            .borrow_mut()
            .insert(request.roles.clone(), Rc::clone(&found));
        Ok(found)
    }

    /// The best vote of somebody of this standing; `None` if there is none.
    fn ballot(&self, at: usize, reviews: bool, request: &Request, filters: &[Predicate]) -> Option<Ballot> {
        let voter = &self.world.standings[at];
        let mut scope = matchers::scope(request, &voter.roles, &voter.traits);
        scope.remove("request.reason");
        scope.remove("request.system_annotations");
        scope.insert("review.annotations", Value::Map(BTreeMap::new()));
        let passed = passing(filters, &scope)?;
        let reviewed = Some(&passed).filter(|thresholds| reviews && !thresholds.is_empty());
        let ballot = |thresholds, overriding| Ballot {
            thresholds,
            machine: voter.machine,
            overriding,
        };
        if self.overriding.contains_key(&at) && !request.asks_for_two() {
            let by_one = |index: &u32| {
                let threshold = request.thresholds.get(*index as usize);
                threshold.is_some_and(|threshold| threshold.approve == 1)
            };
            let alone: Vec<u32> = passed.iter().copied().filter(by_one).collect();
            let mut sets = request.role_thresholds.values().flatten();
            // Whoever sets the state must decide it alone.
            if sets.all(|set| set.iter().any(|index| alone.contains(index))) {
                return Some(ballot(alone, reviewed.is_none()));
            }
        }
        reviewed.map(|thresholds| ballot(thresholds.clone(), false))
    }

    /// The seats that have a vote of their own beside `asking`: linked accounts have one together.
    pub fn distinct_seats<'c>(
        &'c self,
        crowd: &'c Crowd,
        asking: Option<usize>,
    ) -> impl Iterator<Item = usize> + 'c {
        let person = |seat: usize| self.world.account(crowd.seats[seat].account).person.as_ref();
        let own = asking.and_then(person);
        let mut seen: BTreeSet<&String> = own.into_iter().collect();
        (0..crowd.seats.len()).filter(move |seat| {
            Some(*seat) != asking && person(*seat).is_none_or(|person| seen.insert(person))
        })
    }

    /// What lets somebody of this standing give this vote.
    pub fn why(&self, standing: usize, shape: &Shape, ballot: &Ballot) -> Vec<Evidence> {
        if ballot.overriding {
            return self.overriding.get(&standing).cloned().into_iter().collect();
        }
        let voter = &self.world.standings[standing];
        let reviewing = voter.roles.iter().filter(|role| {
            ReviewRights::of(std::slice::from_ref(role), &voter.traits)
                .is_ok_and(|rights| rights.could_cover(&shape.request, &voter.roles, &voter.traits))
        });
        reviewing
            .take(1)
            .map(|role| {
                let field = if role.allow.review_requests.roles.is_empty() {
                    "spec.allow.review_requests.claims_to_roles"
                } else {
                    "spec.allow.review_requests.roles"
                };
                Evidence::role(&role.name, field)
            })
            .collect()
    }
}
