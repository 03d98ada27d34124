//! The calculus written a second time, slowly and obviously; random cases must agree.

use std::collections::{BTreeMap, BTreeSet};

use access::ambient::SeededEntropy;
use access::request::{Request, Review, State, Voter, resolve};

use crate::people::{Dice, ask, asking, now, proposal, threshold};

/// The slow way: after each review ask, for every threshold, which different people approved and denied.
fn slowly(request: &Request) -> Option<State> {
    for end in 1..=request.reviews.len() {
        let mut seen = BTreeSet::new();
        let counted: Vec<&Review> = request.reviews[..end]
            .iter()
            .filter(|review| review.author != request.user && seen.insert(review.author.clone()))
            .collect();
        let voters = |index: u32, state: State| -> BTreeSet<&str> {
            let needed = request.thresholds[index as usize].approve;
            counted
                .iter()
                .filter(|review| review.state == state && review.thresholds.contains(&index))
                .filter(|review| state == State::Denied || needed < 2 || review.voter == Voter::Person)
                .map(|review| review.author.as_str())
                .collect()
        };
        let count = |index: u32, state| u32::try_from(voters(index, state).len()).unwrap();
        for (index, threshold) in (0..).zip(&request.thresholds) {
            if threshold.deny != 0 && count(index, State::Denied) >= threshold.deny {
                return Some(State::Denied);
            }
        }
        let satisfied = |set: &Vec<u32>| {
            set.iter().any(|index| {
                let needed = request.thresholds[*index as usize].approve;
                needed != 0 && count(*index, State::Approved) >= needed
            })
        };
        if request
            .role_thresholds
            .values()
            .all(|sets| sets.iter().all(satisfied))
        {
            return Some(State::Approved);
        }
    }
    None
}

fn random_request(dice: &Dice) -> Request {
    let mut request = ask(
        &proposal("bob", &["x"]),
        &[asking("r", &["x"], &[threshold(2, 1)])],
    )
    .unwrap();
    request.thresholds = (0..=dice.roll(4))
        .map(|_| threshold(dice.roll(4), dice.roll(4)))
        .collect();
    let many = u32::try_from(request.thresholds.len()).unwrap();
    request.role_thresholds = (0..=dice.roll(3))
        .map(|role| {
            let sets = (0..=dice.roll(3))
                .map(|_| (0..=dice.roll(3)).map(|_| dice.roll(many)).collect())
                .collect();
            (format!("role{role}"), sets)
        })
        .collect::<BTreeMap<_, Vec<Vec<u32>>>>();
    for _ in 0..dice.roll(10) {
        let author = ["alice", "ivan", "carol", "dave", "erin", "bob"][dice.roll(6) as usize];
        request.reviews.push(Review {
            author: author.to_owned(),
            subject: String::new(),
            target: None,
            voter: if dice.roll(5) == 0 {
                Voter::Machine
            } else {
                Voter::Person
            },
            state: if dice.roll(3) == 0 {
                State::Denied
            } else {
                State::Approved
            },
            reason: String::new(),
            created: now(),
            thresholds: (0..many).filter(|_| dice.roll(2) == 0).collect(),
            assume_start: None,
            roles: Vec::new(),
            saw: access::pin::Pins::default(),
        });
    }
    request
}

#[test]
fn ten_thousand_random_cases_agree_with_the_slow_twin() {
    let dice = Dice(SeededEntropy::named("twin"));
    let mut outcomes = BTreeMap::new();
    for case in 0..10_000 {
        let request = random_request(&dice);
        let found = resolve(&request, |_| true).state;
        assert_eq!(found, slowly(&request), "case {case}: {request:#?}");
        *outcomes.entry(found.map_or("pending", State::word)).or_insert(0) += 1;
    }
    assert!(
        outcomes.len() == 3 && outcomes.values().all(|count| *count > 500),
        "{outcomes:?}"
    );
}
