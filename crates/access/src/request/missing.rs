//! How few further approvals could be enough, given who is there to give them.

use std::collections::{BTreeMap, BTreeSet};

use super::calculus::{counts, counts_at_all};
use super::matchers;
use super::{Request, Reviewer, State, Voter};
use crate::predicate::{FILTER_NAMES, Predicate};

/// So many combinations of people are tried; what is known by then is the answer.
const TRIES_MAX: u32 = 20_000;

/// The thresholds of `request` that an approval of this person could count for, whatever they write as a reason.
pub fn could_count_for(request: &Request, reviewer: &Reviewer<'_>) -> BTreeSet<u32> {
    // Without the reason and the annotations of a review: these are not written yet.
    let scope = matchers::scope(request, reviewer.roles, reviewer.traits);
    (0..)
        .zip(&request.thresholds)
        .filter(|(_, threshold)| {
            counts(reviewer.voter, threshold.approve)
                && Predicate::parse(&threshold.filter, FILTER_NAMES)
                    .is_ok_and(|predicate| predicate.could(&scope).hold)
        })
        .map(|(index, _)| index)
        .collect()
}

/// The fewest of these people whose approvals, added to those that `stand`, approve the request; `None` if all of them
/// together could not. Each person is given by the thresholds their approval could count for.
pub fn fewest_approvals(
    request: &Request,
    stand: impl Fn(usize) -> bool,
    people: &[BTreeSet<u32>],
) -> Option<u32> {
    let mut given = vec![0u32; request.thresholds.len()];
    for (at, review) in request.reviews.iter().enumerate() {
        if review.state == State::Approved && counts_at_all(request, at, &stand) {
            add(&mut given, request, review.thresholds.iter(), review.voter, 1);
        }
    }
    // People who count for the same are as good as each other.
    let mut classes: BTreeMap<&BTreeSet<u32>, u32> = BTreeMap::new();
    for person in people.iter().filter(|person| !person.is_empty()) {
        *classes.entry(person).or_default() += 1;
    }
    let mut all = given.clone();
    for (class, many) in &classes {
        add(&mut all, request, class.iter(), Voter::Person, *many);
    }
    if !is_enough(request, &all) {
        return None;
    }
    let mut search = Search {
        request,
        classes: classes.into_iter().collect(),
        tries: 0,
    };
    let most = u32::try_from(people.len()).unwrap_or(u32::MAX);
    (0..=most).find(|depth| search.finds(&mut given, 0, 0, *depth))
}

struct Search<'a> {
    request: &'a Request,
    classes: Vec<(&'a BTreeSet<u32>, u32)>,
    tries: u32,
}

impl Search<'_> {
    /// Whether `left` more people are enough, taken from the class `from` on, of which `taken` are used up.
    fn finds(&mut self, given: &mut Vec<u32>, from: usize, taken: u32, left: u32) -> bool {
        self.tries += 1;
        // Gives up in favour of the smaller number: "at least".
        if self.tries > TRIES_MAX || is_enough(self.request, given) {
            return true;
        }
        if left == 0 {
            return false;
        }
        for at in from..self.classes.len() {
            let (class, many) = self.classes[at];
            let used = if at == from { taken } else { 0 };
            if used >= many {
                continue;
            }
            let before = given.clone();
            add(given, self.request, class.iter(), Voter::Person, 1);
            let found = self.finds(given, at, used + 1, left - 1);
            *given = before;
            if found {
                return true;
            }
        }
        false
    }
}

fn add<'a>(
    given: &mut [u32],
    request: &Request,
    indexes: impl Iterator<Item = &'a u32>,
    voter: Voter,
    many: u32,
) {
    for index in indexes {
        let index = *index as usize;
        if let Some(threshold) = request.thresholds.get(index)
            && counts(voter, threshold.approve)
        {
            given[index] = given[index].saturating_add(many);
        }
    }
}

fn is_enough(request: &Request, given: &[u32]) -> bool {
    let reached = |index: &u32| {
        let index = *index as usize;
        request
            .thresholds
            .get(index)
            .zip(given.get(index))
            .is_some_and(|(threshold, given)| threshold.approve > 0 && *given >= threshold.approve)
    };
    !request.role_thresholds.is_empty()
        && request
            .role_thresholds
            .values()
            .all(|sets| !sets.is_empty() && sets.iter().all(|set| set.iter().any(reached)))
}
