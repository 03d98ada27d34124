//! Where a request stands and why: the same facts for the terminal, the pages, the record and the chat.

use std::collections::{BTreeMap, BTreeSet};

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

/// Whether a stored review stands at a later moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Stands,
    /// Its author has lost the right to review.
    LostRight,
    /// A requested role grants more than its author said yes to.
    Outgrown,
}

impl Standing {
    /// Whether it stands.
    pub fn stands(self) -> bool {
        self == Self::Stands
    }
}

impl From<bool> for Standing {
    fn from(stands: bool) -> Self {
        if stands { Self::Stands } else { Self::LostRight }
    }
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
    /// Further approvals that are enough if people of each filter give them; `None` if no set of people ever could. One
    /// person may pass several filters: who knows the people asks [`fewest_approvals`](super::fewest_approvals).
    pub fn missing(&self) -> Option<u32> {
        let mut by_filter: BTreeMap<&str, u32> = BTreeMap::new();
        for set in self.roles.iter().flat_map(|role| &role.sets) {
            let cheapest = |threshold: &&ThresholdEvidence| threshold.missing();
            let able = set.iter().filter(|threshold| threshold.approve > 0);
            let threshold = able.min_by_key(cheapest)?;
            let most = by_filter.entry(threshold.filter.trim()).or_default();
            *most = (*most).max(threshold.missing()?);
        }
        // Whoever passes a filter counts where anybody does.
        let anybody = by_filter.remove("").unwrap_or_default();
        Some(
            by_filter
                .values()
                .fold(0, |sum: u32, each| sum.saturating_add(*each))
                .max(anybody),
        )
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

/// The evidence for `request`; `stand` says for each review whether it still stands.
pub fn evidence<S: Into<Standing>>(request: &Request, stand: impl Fn(usize) -> S) -> Evidence {
    let mut skipped = Vec::new();
    let mut counted = BTreeSet::new();
    for (at, review) in request.reviews.iter().enumerate() {
        let standing: Standing = stand(at).into();
        let why = if is_by_the_requester(request, review) {
            Some("the requester cannot review")
        } else if !is_first_of_its_person(&request.reviews, at) {
            Some("a person counts once")
        } else if standing == Standing::LostRight {
            Some("its author may no longer review this request")
        } else if standing == Standing::Outgrown {
            Some("a requested role grants more now than its author said yes to")
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
