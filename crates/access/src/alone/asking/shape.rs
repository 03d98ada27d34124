//! One request as everybody who may ask it would ask it, and the best vote that each account could give on it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::predicate::{FILTER_NAMES, Predicate, Scope};
use crate::request::{CompiledThresholds, Request, Review, State, Voter, resolve};

/// The best vote that somebody could give on one request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ballot {
    /// The thresholds it could count for.
    pub thresholds: Vec<u32>,
    /// It comes from a program.
    pub machine: bool,
    /// It is given by setting the state, not by a review.
    pub overriding: bool,
}

/// A ballot of a shape, by its position there: most people give one of a few.
pub type BallotAt = usize;

/// People who could vote alike.
#[derive(Debug)]
pub struct Helpers {
    /// Their ballots, several for somebody with several accounts.
    pub votes: Vec<BallotAt>,
    /// Their crowds, in order.
    pub crowds: Vec<usize>,
    /// How many people these are.
    pub people: usize,
}

/// A request without its author, and everybody's vote on it.
#[derive(Debug)]
pub struct Shape {
    pub request: Request,
    /// Ballots that differ.
    pub ballots: Vec<Ballot>,
    /// The ballots of the standings that have one.
    pub of_standing: BTreeMap<usize, BallotAt>,
    /// The ballot of a rule that approves by itself.
    pub automatic: Option<BallotAt>,
    /// People by what they could vote.
    pub helpers: Vec<Helpers>,
    decided: RefCell<HashMap<Vec<BallotAt>, bool>>,
}

impl Shape {
    /// A shape without votes.
    pub fn of(request: Request) -> Self {
        Self {
            request,
            ballots: Vec::new(),
            of_standing: BTreeMap::new(),
            automatic: None,
            helpers: Vec::new(),
            decided: RefCell::default(),
        }
    }

    /// The position of a ballot, which is new or known.
    pub fn place(&mut self, ballot: Ballot) -> BallotAt {
        match self.ballots.iter().position(|known| *known == ballot) {
            Some(at) => at,
            None => {
                self.ballots.push(ballot);
                self.ballots.len() - 1
            }
        }
    }

    /// Whether these votes, each of somebody else, approve the request: the function that counts in earnest says so.
    pub fn enough(&self, votes: impl Iterator<Item = BallotAt>) -> bool {
        let mut votes: Vec<BallotAt> = votes.collect();
        votes.sort_unstable();
        if let Some(known) = self.decided.borrow().get(&votes) {
            return *known;
        }
        let ballots = votes.iter().map(|at| &self.ballots[*at]);
        let reviews = ballots.enumerate().map(|(at, ballot)| Review {
            author: format!("voter {at}"),
            subject: String::new(),
            voter: if ballot.machine {
                Voter::Machine
            } else {
                Voter::Person
            },
            state: State::Approved,
            reason: String::new(),
            created: Timestamp::UNIX_EPOCH,
            thresholds: ballot.thresholds.clone(),
            assume_start: None,
            roles: Vec::new(),
            target: None,
            saw: crate::pin::Pins::default(),
        });
        let voted = Request {
            reviews: reviews.collect(),
            ..self.request.clone()
        };
        let enough = resolve(&voted, |_| true).state == Some(State::Approved);
        self.decided.borrow_mut().insert(votes, enough);
        enough
    }
}

/// What would be stored for a request that needs these thresholds.
pub fn request(roles: Vec<String>, compiled: CompiledThresholds) -> Request {
    let now = Timestamp::UNIX_EPOCH;
    Request {
        id: String::new(),
        user: String::new(),
        subject: String::new(),
        state: State::Pending,
        created: now,
        expires: now,
        expiry: now,
        session_ttl: now,
        max_duration: now,
        reason: String::new(),
        resolve_reason: String::new(),
        resolve_annotations: BTreeMap::new(),
        system_annotations: BTreeMap::new(),
        roles,
        thresholds: compiled.thresholds,
        role_thresholds: compiled.role_thresholds,
        reviews: Vec::new(),
        suggested_reviewers: Vec::new(),
        resource_ids: Vec::new(),
        login_hint: String::new(),
        assume_start: None,
        dry_run: false,
        labels: BTreeMap::new(),
    }
}

/// The filters of a request's thresholds; none if one of them cannot be read, and then nothing counts.
pub fn filters(request: &Request) -> Vec<Predicate> {
    request
        .thresholds
        .iter()
        .map(|threshold| Predicate::parse(&threshold.filter, FILTER_NAMES).ok())
        .collect::<Option<_>>()
        .unwrap_or_default()
}

/// The filters that could let a review pass; `None` if one goes wrong whatever is written.
pub fn passing(filters: &[Predicate], scope: &Scope) -> Option<Vec<u32>> {
    let mut thresholds = Vec::new();
    for (index, filter) in (0..).zip(filters) {
        let could = filter.could(scope);
        if !could.hold && !could.fail {
            return None;
        }
        if could.hold {
            thresholds.push(index);
        }
    }
    Some(thresholds)
}
