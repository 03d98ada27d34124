//! Whole policies, decided a second time by somebody who has never seen the code: who may ask, which reviews are taken, when it
//! is enough. Random policies must agree with what [`propose`](access::request::propose) and [`review`](access::request::review) say.
//!
//! The twin knows no pattern, no predicate and no index: a policy is made of plain values first, and written down as roles for
//! the code under test only then.

use std::collections::{BTreeMap, BTreeSet};

use access::ambient::{Entropy, SeededEntropy};
use access::request::{Request, State};
use access::role::Threshold;
use access::{Role, Traits};

use crate::people::{Group, ask, proposal, strings, thorough};

const ROLES: [&str; 3] = ["db", "db-admin", "web"];
const BADGES: [&str; 3] = ["sec", "ops", "lead"];
const REASONS: [&str; 2] = ["", "INC-7"];
const REVIEWERS: [&str; 6] = ["alice", "ivan", "carol", "dave", "erin", "bob"];

struct Dice(SeededEntropy);

impl Dice {
    fn roll(&self, below: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        usize::try_from(u32::from_be_bytes(bytes)).unwrap() % below
    }

    fn one_in(&self, many: usize) -> bool {
        self.roll(many) == 0
    }
}

/// Which of [`ROLES`] a policy speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Only(usize),
    All,
    /// The first two, by what their names begin with.
    Databases,
}

impl Which {
    fn random(dice: &Dice) -> Self {
        match dice.roll(6) {
            0 => Self::All,
            1 => Self::Databases,
            _ => Self::Only(dice.roll(ROLES.len())),
        }
    }

    fn names(self, role: usize) -> bool {
        match self {
            Self::Only(one) => one == role,
            Self::All => true,
            Self::Databases => role < 2,
        }
    }

    fn text(self, dice: &Dice) -> String {
        match self {
            Self::Only(one) => ROLES[one].to_owned(),
            Self::All => "*".to_owned(),
            Self::Databases => ["db*", "^db.*$"][dice.roll(2)].to_owned(),
        }
    }
}

/// A condition on whoever reviews and on what they write.
#[derive(Debug, Clone, PartialEq, Eq)]
enum If {
    Always,
    Wears(usize),
    WearsNot(usize),
    Says(usize),
    Both(Box<If>, Box<If>),
    Either(Box<If>, Box<If>),
}

impl If {
    fn random(dice: &Dice, says: bool, depth: usize) -> Self {
        let inner = || Box::new(Self::random(dice, says, depth - 1));
        match dice.roll(if depth == 0 { 5 } else { 8 }) {
            0..=2 => Self::Wears(dice.roll(BADGES.len())),
            3 => Self::WearsNot(dice.roll(BADGES.len())),
            4 if says => Self::Says(dice.roll(REASONS.len())),
            4 => Self::Wears(0),
            5 => Self::Both(inner(), inner()),
            6 => Self::Either(inner(), inner()),
            _ => Self::Always,
        }
    }

    fn holds(&self, badges: &BTreeSet<usize>, reason: usize) -> bool {
        match self {
            Self::Always => true,
            Self::Wears(badge) => badges.contains(badge),
            Self::WearsNot(badge) => !badges.contains(badge),
            Self::Says(wanted) => *wanted == reason,
            Self::Both(one, other) => one.holds(badges, reason) && other.holds(badges, reason),
            Self::Either(one, other) => one.holds(badges, reason) || other.holds(badges, reason),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Always => "contains(reviewer.roles, \"badge-holder\")".to_owned(),
            Self::Wears(badge) => format!("contains(reviewer.roles, \"{}\")", BADGES[*badge]),
            Self::WearsNot(badge) => format!("!contains(reviewer.roles, \"{}\")", BADGES[*badge]),
            Self::Says(reason) => format!("review.reason == \"{}\"", REASONS[*reason]),
            Self::Both(one, other) => format!("({}) && ({})", one.text(), other.text()),
            Self::Either(one, other) => format!("({}) || ({})", one.text(), other.text()),
        }
    }
}

#[derive(Debug)]
struct Rule {
    filter: Option<If>,
    approve: usize,
    deny: usize,
}

#[derive(Debug)]
struct Asking {
    allow: Option<Which>,
    deny: Option<Which>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Reviewing {
    allow: Option<Which>,
    deny: Option<Which>,
    only_if: Option<If>,
}

#[derive(Debug)]
struct Policy {
    bob: Vec<Asking>,
    /// By reviewer.
    reviewing: Vec<Vec<Reviewing>>,
    badges: Vec<BTreeSet<usize>>,
    machines: BTreeSet<usize>,
    asked: BTreeSet<usize>,
}

fn random_policy(dice: &Dice) -> Policy {
    let rule = || Rule {
        filter: dice.one_in(2).then(|| If::random(dice, true, 2)),
        approve: dice.roll(4),
        deny: dice.roll(3),
    };
    let asking = |_| Asking {
        allow: (!dice.one_in(5)).then(|| Which::random(dice)),
        deny: dice.one_in(12).then(|| Which::random(dice)),
        rules: (0..dice.roll(3)).map(|_| rule()).collect(),
    };
    let reviewing = |_| Reviewing {
        allow: (!dice.one_in(6)).then(|| [Which::All, Which::random(dice)][dice.roll(2)]),
        deny: dice.one_in(10).then(|| Which::random(dice)),
        only_if: dice.one_in(3).then(|| If::random(dice, false, 1)),
    };
    let some = |from: usize, many: usize| (0..many).map(|_| dice.roll(from)).collect();
    Policy {
        bob: (0..=dice.roll(3)).map(asking).collect(),
        reviewing: REVIEWERS
            .iter()
            .map(|_| (0..=dice.roll(2)).map(reviewing).collect())
            .collect(),
        badges: REVIEWERS
            .iter()
            .map(|_| some(BADGES.len(), dice.roll(3)))
            .collect(),
        machines: some(REVIEWERS.len(), dice.roll(2)),
        asked: some(ROLES.len(), 1 + dice.roll(2)),
    }
}

impl Policy {
    fn bobs_roles(&self, dice: &Dice) -> Vec<Role> {
        let written = |(at, asking): (usize, &Asking)| {
            let mut role = Role::empty(format!("asks-{at}"));
            role.allow.request.roles = asking.allow.iter().map(|which| which.text(dice)).collect();
            role.deny.request.roles = asking.deny.iter().map(|which| which.text(dice)).collect();
            role.allow.request.thresholds = asking
                .rules
                .iter()
                .map(|rule| Threshold {
                    name: String::new(),
                    filter: rule.filter.as_ref().map(If::text).unwrap_or_default(),
                    approve: u32::try_from(rule.approve).unwrap(),
                    deny: u32::try_from(rule.deny).unwrap(),
                })
                .collect();
            role
        };
        self.bob.iter().enumerate().map(written).collect()
    }

    fn group(&self, dice: &Dice) -> Group {
        let roles_of = |reviewer: usize| {
            let written = self.reviewing[reviewer]
                .iter()
                .enumerate()
                .map(|(at, reviewing)| {
                    let mut role = Role::empty(format!("reviews-{at}"));
                    let where_ = reviewing.only_if.as_ref().map(If::text).unwrap_or_default();
                    role.allow.review_requests.roles =
                        reviewing.allow.iter().map(|which| which.text(dice)).collect();
                    role.allow.review_requests.where_.clone_from(&where_);
                    role.deny.review_requests.roles =
                        reviewing.deny.iter().map(|which| which.text(dice)).collect();
                    role.deny.review_requests.where_ = where_;
                    role
                });
            let badges = self.badges[reviewer]
                .iter()
                .map(|badge| Role::empty(BADGES[*badge]));
            written
                .chain(badges)
                .chain([Role::empty("badge-holder")])
                .collect()
        };
        Group {
            roles: REVIEWERS
                .iter()
                .enumerate()
                .map(|(at, name)| ((*name).to_owned(), roles_of(at)))
                .collect::<BTreeMap<_, _>>(),
            machines: self.machines.iter().map(|at| REVIEWERS[*at].to_owned()).collect(),
            traits: Traits::new(),
            sees: Vec::new(),
        }
    }

    fn may_be_asked(&self) -> bool {
        self.asked.iter().all(|role| {
            let named = |which: &Option<Which>| which.is_some_and(|which| which.names(*role));
            self.bob.iter().any(|asking| named(&asking.allow))
                && !self.bob.iter().any(|asking| named(&asking.deny))
        })
    }

    fn may_review(&self, reviewer: usize) -> bool {
        let holds = |reviewing: &Reviewing| {
            let condition = reviewing.only_if.as_ref();
            condition.is_none_or(|condition| condition.holds(&self.badges[reviewer], 0))
        };
        let says = |side: fn(&Reviewing) -> Option<Which>, role: usize| {
            let mut own = self.reviewing[reviewer].iter();
            own.any(|reviewing| holds(reviewing) && side(reviewing).is_some_and(|which| which.names(role)))
        };
        REVIEWERS[reviewer] != "bob"
            && self.asked.iter().all(|role| says(|own| own.allow, *role))
            && !self.asked.iter().any(|role| says(|own| own.deny, *role))
    }
}

/// A review that was taken.
struct Vote {
    reviewer: usize,
    approves: bool,
    reason: usize,
}

/// Where a request stands after these votes, counted by hand.
fn stands(policy: &Policy, votes: &[Vote]) -> State {
    let default = [Rule {
        filter: None,
        approve: 1,
        deny: 1,
    }];
    let counted = |rule: &Rule, approves: bool| {
        let passes = |vote: &&Vote| {
            let filter = rule.filter.as_ref();
            let human = !policy.machines.contains(&vote.reviewer);
            vote.approves == approves
                && filter.is_none_or(|filter| filter.holds(&policy.badges[vote.reviewer], vote.reason))
                && (human || !approves || rule.approve < 2)
        };
        votes.iter().filter(passes).count()
    };
    // Each role of Bob's that lets something be asked for that is asked for has its own say about it.
    let says_about = |role: usize| {
        let own = policy
            .bob
            .iter()
            .filter(move |asking| asking.allow.is_some_and(|which| which.names(role)));
        own.map(|asking| {
            if asking.rules.is_empty() {
                &default[..]
            } else {
                &asking.rules[..]
            }
        })
    };
    let denied = policy.asked.iter().any(|role| {
        says_about(*role)
            .flatten()
            .any(|rule| rule.deny > 0 && counted(rule, false) >= rule.deny)
    });
    let approved = policy.asked.iter().all(|role| {
        says_about(*role).all(|rules| {
            rules
                .iter()
                .any(|rule| rule.approve > 0 && counted(rule, true) >= rule.approve)
        })
    });
    match votes.last() {
        Some(last) if !last.approves && denied => State::Denied,
        Some(last) if last.approves && approved => State::Approved,
        _ => State::Pending,
    }
}

#[test]
fn random_policies_are_decided_as_their_slow_twin_decides_them() {
    let dice = Dice(SeededEntropy::named("policies"));
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for case in 0..if thorough() { 20_000 } else { 600 } {
        let policy = random_policy(&dice);
        let asked: Vec<&str> = policy.asked.iter().map(|role| ROLES[*role]).collect();
        let made = ask(&proposal("bob", &asked), &policy.bobs_roles(&dice));
        assert_eq!(
            made.is_ok(),
            policy.may_be_asked(),
            "case {case}: {policy:#?}\n{made:?}"
        );
        let Ok(mut request) = made else {
            *seen.entry("may not ask").or_default() += 1;
            continue;
        };
        let group = policy.group(&dice);
        let mut votes: Vec<Vote> = Vec::new();
        for _ in 0..10 {
            let vote = Vote {
                reviewer: dice.roll(REVIEWERS.len()),
                approves: !dice.one_in(5),
                reason: dice.roll(REASONS.len()),
            };
            let proposed = if vote.approves {
                State::Approved
            } else {
                State::Denied
            };
            let answer = group.review(&request, REVIEWERS[vote.reviewer], proposed, REASONS[vote.reason]);
            let taken = request.state == State::Pending
                && policy.may_review(vote.reviewer)
                && !votes.iter().any(|other| other.reviewer == vote.reviewer);
            assert_eq!(
                answer.is_ok(),
                taken,
                "case {case}: {} on {request:?}: {answer:?}\n{policy:#?}",
                REVIEWERS[vote.reviewer]
            );
            *seen.entry(if taken { "taken" } else { "refused" }).or_default() += 1;
            if let Ok(outcome) = answer {
                votes.push(vote);
                request = outcome.request;
                let by_hand = stands(&policy, &votes);
                assert_eq!(request.state, by_hand, "case {case}: {request:#?}\n{policy:#?}");
            }
        }
        *seen.entry(ended(&request)).or_default() += 1;
    }
    assert!(
        seen.len() == 6 && seen.values().all(|count| *count > 20),
        "every outcome is met: {seen:?}"
    );
}

fn ended(request: &Request) -> &'static str {
    request.state.word()
}

#[test]
fn strings_of_a_policy_are_what_the_twin_means() {
    let dice = Dice(SeededEntropy::named("texts"));
    for which in [Which::Only(1), Which::All, Which::Databases] {
        let pattern = access::pattern::Pattern::compile(&which.text(&dice)).unwrap();
        let named: Vec<&str> = ROLES.into_iter().filter(|role| pattern.matches(role)).collect();
        let meant: Vec<&str> = (0..ROLES.len())
            .filter(|role| which.names(*role))
            .map(|role| ROLES[role])
            .collect();
        assert_eq!(strings(&named), strings(&meant));
    }
}
