//! Where a request stands and why: the same facts for the terminal, the pages, the record and the chat.

use std::collections::BTreeSet;

use super::calculus::{counts, is_by_the_requester, is_first_of_its_person};
use super::{Request, State, Voter};

/// One threshold of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdEvidence {
    /// Its name, or nothing.
    pub name: String,
    /// Who must they be: the filter, or nothing.
    pub filter: String,
    /// Approvals needed; 0 never approves.
    pub approve: u32,
    /// Denials needed; 0 never denies.
    pub deny: u32,
    /// Whose approvals count.
    pub approvals: Vec<String>,
    /// Whose denials count.
    pub denials: Vec<String>,
}

impl ThresholdEvidence {
    /// Approvals still missing; `None` if it can never approve.
    pub fn missing(&self) -> Option<u32> {
        let given = u32::try_from(self.approvals.len()).unwrap_or(u32::MAX);
        (self.approve > 0).then(|| self.approve.saturating_sub(given))
    }
}

/// One requested role: every set must be satisfied, by any one of its thresholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleEvidence {
    /// The role.
    pub role: String,
    /// Its sets.
    pub sets: Vec<Vec<ThresholdEvidence>>,
}

/// A review that does not count as its author meant it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Who reviewed.
    pub author: String,
    /// Why it does not count.
    pub why: &'static str,
}

/// Where a request stands and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its state.
    pub state: State,
    /// Role by role.
    pub roles: Vec<RoleEvidence>,
    /// Reviews that do not count.
    pub skipped: Vec<Skipped>,
}

impl Evidence {
    /// Fewest further approvals that could approve it, if one set is completed after the other by different people;
    /// `None` if no set of people ever could.
    pub fn missing(&self) -> Option<u32> {
        self.roles
            .iter()
            .flat_map(|role| &role.sets)
            .map(|set| set.iter().filter_map(ThresholdEvidence::missing).min())
            .try_fold(0, |most, missing| Some(u32::max(most, missing?)))
    }

    /// `1 of 2 approvals`: the set that is furthest from done.
    pub fn summary(&self) -> String {
        let furthest = self
            .roles
            .iter()
            .flat_map(|role| &role.sets)
            .filter_map(|set| {
                set.iter()
                    .filter(|threshold| threshold.approve > 0)
                    .min_by_key(|threshold| threshold.missing())
            })
            .max_by_key(|threshold| threshold.missing());
        match furthest {
            None => "no number of approvals is enough".to_owned(),
            Some(threshold) => {
                let plural = if threshold.approve == 1 { "" } else { "s" };
                format!(
                    "{} of {} approval{plural}",
                    threshold.approvals.len(),
                    threshold.approve
                )
            }
        }
    }
}

/// The evidence for `request`; `stand` says for each review whether its author may still review.
pub fn evidence(request: &Request, stand: impl Fn(usize) -> bool) -> Evidence {
    let mut skipped = Vec::new();
    let mut counted = BTreeSet::new();
    for (at, review) in request.reviews.iter().enumerate() {
        let why = if is_by_the_requester(request, review) {
            Some("the requester cannot review")
        } else if !is_first_of_its_person(&request.reviews, at) {
            Some("a person counts once")
        } else if !stand(at) {
            Some("its author may no longer review this request")
        } else if review.thresholds.is_empty() {
            Some("it passes no threshold's filter")
        } else {
            counted.insert(at);
            let machine_at_two = review.voter != Voter::Person
                && review.state != State::Denied
                && review.thresholds.iter().all(|index| {
                    request
                        .thresholds
                        .get(*index as usize)
                        .is_none_or(|threshold| threshold.approve >= 2)
                });
            machine_at_two.then_some("a machine does not count where two people are asked for")
        };
        if let Some(why) = why {
            skipped.push(Skipped {
                author: review.author.clone(),
                why,
            });
        }
    }
    let threshold = |index: u32| {
        let threshold = request.thresholds.get(index as usize)?;
        let authors = |state: State| {
            counted
                .iter()
                .map(|at| &request.reviews[*at])
                .filter(|review| {
                    (review.state == state || state == State::Approved && review.state == State::Promoted)
                        && review.thresholds.contains(&index)
                        && (state == State::Denied || counts(review.voter, threshold.approve))
                })
                .map(|review| review.author.clone())
                .collect()
        };
        Some(ThresholdEvidence {
            name: threshold.name.clone(),
            filter: threshold.filter.clone(),
            approve: threshold.approve,
            deny: threshold.deny,
            approvals: authors(State::Approved),
            denials: authors(State::Denied),
        })
    };
    let roles = request
        .role_thresholds
        .iter()
        .map(|(role, sets)| RoleEvidence {
            role: role.clone(),
            sets: sets
                .iter()
                .map(|set| set.iter().filter_map(|index| threshold(*index)).collect())
                .collect(),
        })
        .collect();
    Evidence {
        state: request.state,
        roles,
        skipped,
    }
}
