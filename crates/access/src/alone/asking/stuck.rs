//! Requests that somebody may ask and nobody could approve today, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::{Ballot, BallotAt, Shape};
use super::{Asking, asking_at};
use crate::alone::TooMuch;
use crate::alone::report::{Evidence, Stuck};
use crate::role::Role;

impl Asking<'_, '_> {
    /// Requests that somebody may ask and nobody could approve today.
    pub fn stuck(&self) -> Result<Vec<Stuck>, TooMuch> {
        let mut found: BTreeMap<(String, String, Evidence), BTreeSet<String>> = BTreeMap::new();
        for (at, standing) in self.world.standings.iter().enumerate() {
            let Some(requestable) = &self.requestable[at] else {
                continue;
            };
            if standing.machine || standing.roles.iter().all(|role| !asks(role)) {
                continue;
            }
            self.world.spend(self.world.policy.roles.len())?;
            for role in &self.world.policy.roles {
                if !self.may_ask(at, &role.name) || standing.holds(&role.name) {
                    continue;
                }
                let Some(shape) = self.shape(at, vec![role.name.clone()])? else {
                    continue;
                };
                let Some(granting) = requestable.granting(&role.name).next() else {
                    continue;
                };
                if let Some(why) = self.why_stuck(&shape, at) {
                    let evidence = asking_at(granting);
                    let people = found.entry((role.name.clone(), why, evidence)).or_default();
                    people.extend(self.world.names(&standing.accounts));
                }
            }
        }
        Ok(found
            .into_iter()
            .map(|((role, why, evidence), people)| Stuck {
                role,
                people: people.into_iter().collect(),
                why,
                evidence,
            })
            .collect())
    }

    /// Why nobody could approve this request of one of that standing; `None` if there are people who could.
    fn why_stuck(&self, shape: &Shape, asking: usize) -> Option<String> {
        let most = shape
            .request
            .thresholds
            .iter()
            .map(|threshold| threshold.approve)
            .max()?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut votes: Vec<BallotAt> = shape.automatic.into_iter().collect();
        let mut reviewers = Vec::new();
        for (at, ballot) in &shape.of_standing {
            let accounts = &self.world.standings[*at].accounts;
            let there = accounts.len() - usize::from(*at == asking);
            votes.extend(std::iter::repeat_n(*ballot, there.min(most)));
            if there > 0 {
                reviewers.extend(self.world.names(accounts));
            }
        }
        if shape.enough(votes.iter().copied()) {
            return None;
        }
        if votes.is_empty() {
            return Some("nobody else may review it".to_owned());
        }
        let counted = |index: u32, approve: u32| {
            let counts = |vote: &&Ballot| vote.thresholds.contains(&index) && !(vote.machine && approve >= 2);
            let ballots = votes.iter().map(|at| &shape.ballots[*at]);
            ballots.filter(counts).count()
        };
        let short = (0..)
            .zip(&shape.request.thresholds)
            .filter(|(_, threshold)| threshold.approve > 0)
            .map(|(index, threshold)| (threshold.approve, counted(index, threshold.approve)))
            .filter(|(needed, there)| usize::try_from(*needed).is_ok_and(|needed| needed > *there))
            .min_by_key(|(needed, there)| usize::try_from(*needed).unwrap_or(usize::MAX) - there);
        Some(match short {
            Some((needed, there)) => format!(
                "it takes {needed} approvals, and {there} {} give one that counts ({} may review it)",
                if there == 1 {
                    "other person could"
                } else {
                    "others could"
                },
                several(&reviewers)
            ),
            None => "no set of approvals satisfies all of its rules".to_owned(),
        })
    }
}

fn several(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

fn asks(role: &Role) -> bool {
    let request = &role.allow.request;
    !request.roles.is_empty() || !request.claims_to_roles.is_empty() || !request.search_as_roles.is_empty()
}
