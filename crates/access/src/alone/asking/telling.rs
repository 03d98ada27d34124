//! A way by a request, in words.

use super::shape::{Helpers, Shape};
use super::{Asking, By, Vote, asking_at};
use crate::alone::report::{Class, Evidence, Path, Step};
use crate::role::Role;

impl Asking<'_, '_> {
    /// The way in words, without votes that it does not need.
    pub(super) fn path(
        &self,
        shape: &Shape,
        mut free: Vec<Vote>,
        at: usize,
        seat_at: usize,
        chosen: &[usize],
        target: &str,
    ) -> Path {
        let helping = || {
            chosen
                .iter()
                .flat_map(|group| &shape.helpers[*group].votes)
                .copied()
        };
        for index in (0..free.len()).rev() {
            let others = (0..free.len()).filter(|other| *other != index);
            if shape.enough(others.map(|other| free[other].ballot).chain(helping())) {
                free.remove(index);
            }
        }
        let crowd = &self.world.crowds[at];
        let standing = &self.world.standings[crowd.seats[seat_at].standing];
        let granting: Vec<&Role> = self.requestable[crowd.seats[seat_at].standing]
            .iter()
            .flat_map(|requestable| requestable.granting(target))
            .collect();
        let asked = match &shape.request.roles[..] {
            [_] => format!("asks for `{target}`"),
            several => format!("asks for `{}` together", several.join("` and `")),
        };
        let mut steps = vec![Step {
            people: crowd.names[seat_at].clone(),
            does: asked,
            evidence: granting.iter().map(|role| asking_at(role)).collect(),
        }];
        let fix = match (free.first(), chosen.is_empty()) {
            (Some(vote), true) if matches!(vote.by, By::Account { .. }) => {
                "link the accounts to one person, or take the right to review from one of them".to_owned()
            }
            _ => format!(
                "let `spec.allow.request.thresholds` of {} ask for more approvals, each of them",
                granting
                    .iter()
                    .map(|role| format!("role `{}`", role.name))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        steps.extend(free.iter().map(|vote| self.voting(shape, vote)));
        for group in chosen {
            let Helpers { votes, crowds, .. } = &shape.helpers[*group];
            let mut names: Vec<String> = crowds
                .iter()
                .flat_map(|crowd| self.world.crowds[*crowd].names.iter().flatten().cloned())
                .filter(|name| crowd.size > 1 || !crowd.names.iter().flatten().any(|own| own == name))
                .collect();
            names.sort();
            let voting = crowds.first().and_then(|crowd| {
                let seats = &self.world.crowds[*crowd].seats;
                seats
                    .iter()
                    .find(|seat| shape.of_standing.contains_key(&seat.standing))
            });
            let first = &shape.ballots[votes[0]];
            let does = match votes.len() {
                1 if first.overriding => "sets it to approved".to_owned(),
                1 => "approves it".to_owned(),
                accounts => format!("approves it with {accounts} accounts"),
            };
            steps.push(Step {
                people: names,
                does,
                evidence: voting
                    .map(|seat| self.votes.why(seat.standing, shape, first))
                    .unwrap_or_default(),
            });
        }
        let rule = |role: &&Role| match cheapest_threshold(role) {
            None => Evidence::role(&role.name, "spec.allow.request (no thresholds: one approval)"),
            Some((index, approve)) => Evidence::role(
                &role.name,
                format!("spec.allow.request.thresholds[{index}].approve: {approve}"),
            ),
        };
        steps.push(Step {
            people: Vec::new(),
            does: format!("that is enough for `{target}`"),
            evidence: granting.iter().map(rule).collect(),
        });
        let own = usize::from(!standing.machine);
        Path {
            class: Class::Requests,
            targets: vec![target.to_owned()],
            people: (own + chosen.len()).max(1),
            steps,
            fix,
        }
    }

    /// A vote that takes nobody else, as a step.
    fn voting(&self, shape: &Shape, vote: &Vote) -> Step {
        let ballot = &shape.ballots[vote.ballot];
        let name = |account: usize| &self.world.account(account).name;
        let (does, evidence) = match vote.by {
            By::Rule => {
                let rule = self.world.policy.automatic.first().map_or("", String::as_str);
                let evidence = Evidence {
                    document: format!("access_monitoring_rule {rule}"),
                    field: "spec.automatic_review".to_owned(),
                };
                (format!("the rule `{rule}` approves it by itself"), vec![evidence])
            }
            By::Account { account, standing } => (
                format!(
                    "approves it as `{}`, an account of the same person",
                    name(account)
                ),
                self.votes.why(standing, shape, ballot),
            ),
            By::Machine { account, standing } => (
                format!(
                    "the machine `{}` approves it, and whoever runs it may be the one who asks",
                    name(account)
                ),
                self.votes.why(standing, shape, ballot),
            ),
        };
        Step {
            people: Vec::new(),
            does,
            evidence,
        }
    }
}

/// The threshold of a role that the fewest approvals reach; `None` for a role without.
fn cheapest_threshold(role: &Role) -> Option<(usize, u32)> {
    role.allow
        .request
        .thresholds
        .iter()
        .enumerate()
        .filter(|(_, threshold)| threshold.approve > 0)
        .map(|(index, threshold)| (index, threshold.approve))
        .min_by_key(|(_, approve)| *approve)
}
