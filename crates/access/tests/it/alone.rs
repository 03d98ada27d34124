//! Who could, alone: a slow search that plays the real decisions with every account a person has must find nothing that the
//! static search has missed.

use std::collections::{BTreeMap, BTreeSet};

use access::alone::{Account, Class, Policy, Question, check};
use access::ambient::{Entropy, SeededEntropy};
use access::issue::{self, Holder, Subject, Wish};
use access::rbac::{self, Asker, Touched};
use access::request::{
    Request, Reviewer, Setter, State, StateChange, Submission, Voter, assume, review, set_state,
};
use access::role::{ClaimMapping, Rule, Threshold};
use access::{Role, Traits};
use jiff::SignedDuration;

use crate::people::{self, now, proposal, strings};

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

    fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

const TARGET: &str = "vault";
const OTHER: &str = "dev";
const REASONS: [&str; 2] = ["plain", "INC-1"];

fn random_role(dice: &Dice, name: &str) -> Role {
    let mut role = Role::empty(name);
    let patterns = ["vault", "v*", "*", "dev", "^va.*$"];
    if dice.one_in(2) {
        role.allow.request.roles = strings(&[dice.pick(&patterns)]);
    } else if dice.one_in(4) {
        role.allow.request.claims_to_roles = vec![ClaimMapping {
            claim: "team".to_owned(),
            value: "^may-(.*)$".to_owned(),
            roles: strings(&["$1"]),
        }];
    }
    let filters = [
        "",
        "",
        "contains(reviewer.roles, \"r1\")",
        "contains(reviewer.traits[\"team\"], \"red\")",
        "regexp.match(review.reason, \"^INC.*$\")",
        "equals(review.reason, \"INC-1\") && contains(reviewer.roles, \"r2\")",
        "!contains(reviewer.roles, \"r1\")",
    ];
    for _ in 0..dice.roll(3) {
        role.allow.request.thresholds.push(Threshold {
            name: String::new(),
            filter: dice.pick(&filters).to_owned(),
            approve: u32::try_from(dice.roll(3)).unwrap(),
            deny: 1,
        });
    }
    if dice.one_in(6) {
        role.deny.request.roles = strings(&[dice.pick(&["vault", "dev"])]);
    }
    let conditions = [
        "",
        "",
        "",
        "contains(request.roles, \"dev\")",
        "regexp.match(request.reason, \"^INC.*$\")",
        "contains(reviewer.roles, \"r3\") || equals(request.reason, \"plain\")",
    ];
    if dice.one_in(2) {
        role.allow.review_requests.roles = strings(&[dice.pick(&patterns)]);
        role.allow.review_requests.where_ = dice.pick(&conditions).to_owned();
    }
    if dice.one_in(8) {
        role.deny.review_requests.roles = strings(&[dice.pick(&["vault", "dev", "*"])]);
        role.deny.review_requests.where_ = dice.pick(&conditions).to_owned();
    }
    if dice.one_in(7) {
        role.allow.impersonate.users = strings(&[dice.pick(&["*", "u1", "{{external.team}}"])]);
        role.allow.impersonate.roles = strings(&[dice.pick(&["*", "vault", "r*"])]);
    }
    if dice.one_in(9) {
        role.deny.impersonate.users = strings(&["u2"]);
        role.deny.impersonate.roles = strings(&["r4"]);
    }
    let kinds = ["access_request", "user", "role", "lock"];
    if dice.one_in(6) {
        role.allow.rules.push(random_rule(dice, dice.pick(&kinds)));
    }
    if dice.one_in(10) {
        role.deny.rules.push(random_rule(dice, dice.pick(&kinds)));
    }
    role
}

fn random_rule(dice: &Dice, kind: &str) -> Rule {
    let conditions = [
        "",
        "",
        "equals(resource.metadata.name, \"r1\")",
        "contains(user.spec.roles, \"r2\")",
        "contains(user.spec.traits[\"team\"], \"red\")",
    ];
    Rule {
        resources: strings(&[kind]),
        verbs: strings(&[dice.pick(&["update", "create", "*", "read"])]),
        where_: dice.pick(&conditions).to_owned(),
    }
}

fn random_policy(dice: &Dice) -> Policy {
    let names = ["r1", "r2", "r3", "r4"];
    let mut roles: Vec<Role> = names.iter().map(|name| random_role(dice, name)).collect();
    roles.push(Role::empty(TARGET));
    roles.push(Role::empty(OTHER));
    let accounts = (0..3 + dice.roll(3))
        .map(|at| {
            let mut held: BTreeSet<&str> = (0..=dice.roll(2)).map(|_| dice.pick(&names)).collect();
            if dice.one_in(12) {
                held.insert(TARGET);
            }
            let mut traits = Traits::new();
            // Three addresses for up to five accounts: some people have several.
            traits.insert("email".to_owned(), strings(&[dice.pick(&["a@x", "b@x", "c@x"])]));
            if dice.one_in(2) {
                traits.insert(
                    "team".to_owned(),
                    strings(&[dice.pick(&["red", "may-vault", "u1"])]),
                );
            }
            Account {
                name: format!("u{at}"),
                roles: held.into_iter().map(str::to_owned).collect(),
                traits,
                locked: dice.one_in(12),
                ..Account::default()
            }
        })
        .collect();
    Policy {
        roles,
        accounts,
        ..Policy::default()
    }
}

/// One policy, played with the functions that decide in earnest.
struct Game<'p> {
    policy: &'p Policy,
    roles: BTreeMap<&'p str, Vec<Role>>,
}

impl<'p> Game<'p> {
    fn of(policy: &'p Policy) -> Self {
        let roles_of = |account: &Account| {
            let found = account
                .roles
                .iter()
                .filter_map(|name| policy.roles.iter().find(|role| role.name == *name).cloned());
            found.collect()
        };
        Self {
            policy,
            roles: policy
                .accounts
                .iter()
                .map(|account| (account.name.as_str(), roles_of(account)))
                .collect(),
        }
    }

    fn subject<'a>(&'a self, account: &'a Account) -> Subject<'a> {
        Subject {
            user: &account.name,
            subject: "",
            roles: &self.roles[account.name.as_str()],
            traits: &account.traits,
        }
    }

    fn may(&self, account: &Account, kind: &str, verb: &str, on: Option<&Role>) -> bool {
        let asker = Asker {
            user: &account.name,
            roles: &self.roles[account.name.as_str()],
            traits: &account.traits,
        };
        let touched = Touched {
            name: on.map(|role| role.name.as_str()),
            labels: on.map(|role| &role.labels),
        };
        rbac::check(&asker, kind, verb, touched).allows()
    }

    /// Whether whoever has these accounts, and nobody else, comes to the target.
    fn comes_to_it(&self, own: &[&Account]) -> Option<&'static str> {
        for account in own {
            let roles = &self.roles[account.name.as_str()];
            if roles.iter().any(|role| role.name == TARGET) {
                return Some("has it");
            }
            if self.may(account, "user", "update", None) {
                return Some("changes users");
            }
            if roles
                .iter()
                .any(|role| self.may(account, "role", "update", Some(role)))
            {
                return Some("changes an own role");
            }
            if self.poses(account) {
                return Some("poses as somebody");
            }
            for asked in [&[TARGET][..], &[TARGET, OTHER]] {
                for reason in REASONS {
                    if self.asks(account, own, asked, reason) {
                        return Some("asks and approves");
                    }
                }
            }
        }
        None
    }

    fn poses(&self, account: &Account) -> bool {
        let holder = Holder {
            user: account.name.clone(),
            ..Holder::default()
        };
        let end = Wish::AtMost(now() + SignedDuration::from_hours(1));
        self.policy
            .accounts
            .iter()
            .filter(|other| other.name != account.name)
            .any(|other| {
                // A lock on either of them stops it.
                let target = self.subject(other);
                let given = !other.locked
                    && issue::impersonate(&holder, &self.subject(account), &target, end, now()).is_ok();
                given
                    && (target.roles.iter().any(|role| role.name == TARGET)
                        || self.may(other, "user", "update", None)
                        || target
                            .roles
                            .iter()
                            .any(|role| self.may(other, "role", "update", Some(role))))
            })
    }

    fn asks(&self, account: &Account, own: &[&Account], asked: &[&str], reason: &str) -> bool {
        let mut wanted = proposal(&account.name, asked);
        wanted.reason = reason.to_owned();
        let Ok(request) = people::ask_as(&wanted, &self.roles[account.name.as_str()], &account.traits) else {
            return false;
        };
        let others: Vec<&Account> = own
            .iter()
            .filter(|other| other.name != account.name)
            .copied()
            .collect();
        let requester = access::request::Requester {
            user: &account.name,
            subject: "",
            roles: &self.roles[account.name.as_str()],
            traits: &account.traits,
        };
        self.approved(&request, &others)
            .is_some_and(|approved| assume(&approved, &requester, &[], now()).is_ok())
    }

    /// The request as these accounts approve it, one after the other in any order and with any of the reasons.
    fn approved(&self, request: &Request, others: &[&Account]) -> Option<Request> {
        if request.state == State::Approved {
            return Some(request.clone());
        }
        others.iter().enumerate().find_map(|(at, account)| {
            let mut rest = others.to_vec();
            rest.remove(at);
            self.moves(request, account)
                .iter()
                .find_map(|after| self.approved(after, &rest))
        })
    }

    fn moves(&self, request: &Request, account: &Account) -> Vec<Request> {
        let mut found = Vec::new();
        for reason in REASONS {
            let submission = Submission {
                author: String::new(),
                state: State::Approved,
                reason: reason.to_owned(),
                roles: Vec::new(),
                has_annotations: false,
                assume_start: None,
            };
            let panel = self
                .policy
                .accounts
                .iter()
                .map(|account| (account.name.clone(), self.reviewer(account)))
                .collect();
            if let Ok(outcome) = review(request, &submission, &self.reviewer(account), &panel, now()) {
                found.push(outcome.request);
            }
        }
        let setter = Setter {
            user: &account.name,
            subject: "",
            may_update: self.may(account, "access_request", "update", None),
            has_active_requests: false,
            impersonated: false,
            as_reviewer: Some(self.reviewer(account)),
            sees: &[],
        };
        let change = StateChange {
            state: State::Approved,
            reason: String::new(),
            annotations: BTreeMap::new(),
            roles: Vec::new(),
            assume_start: None,
        };
        found.extend(set_state(request, &change, &setter, now()));
        found
    }

    fn reviewer<'a>(&'a self, account: &'a Account) -> Reviewer<'a> {
        Reviewer {
            user: &account.name,
            subject: "",
            roles: &self.roles[account.name.as_str()],
            traits: &account.traits,
            voter: Voter::Person,
            impersonated: false,
            locked: account.locked,
            sees: &[],
        }
    }
}

#[test]
fn nobody_comes_to_a_role_alone_by_a_way_that_the_report_does_not_know() {
    let dice = Dice(SeededEntropy::named("alone"));
    let question = Question {
        roles: strings(&[TARGET]),
        ..Question::default()
    };
    let mut ways = BTreeMap::new();
    for case in 0..400 {
        let policy = random_policy(&dice);
        let report = check(&policy, &question).unwrap();
        let alone: BTreeSet<&String> = report
            .paths
            .iter()
            .filter(|path| path.people == 1)
            .filter_map(|path| path.steps.first())
            .flat_map(|step| &step.people)
            .collect();
        let game = Game::of(&policy);
        for address in ["a@x", "b@x", "c@x"] {
            let own: Vec<&Account> = policy
                .accounts
                .iter()
                .filter(|account| !account.locked && account.traits["email"][0] == address)
                .collect();
            let way = game.comes_to_it(&own);
            *ways.entry(way.unwrap_or("does not")).or_insert(0) += 1;
            if let Some(way) = way {
                assert!(
                    own.iter().any(|account| alone.contains(&account.name)),
                    "case {case}: {address} {way}, and the report does not say so: {policy:#?}\n{report:#?}"
                );
            }
        }
    }
    assert!(
        ways.len() == 6 && ways.values().all(|count| *count > 1),
        "every way has to be played: {ways:?}"
    );
}

#[test]
fn what_a_change_opens_is_told_from_what_was_open() {
    let mut asking = people::asking("devops", &[TARGET], &[people::threshold(2, 1)]);
    asking.deny = access::role::Conditions::default();
    let account = |name: &str, roles: &[&str]| Account {
        name: name.to_owned(),
        roles: strings(roles),
        ..Account::default()
    };
    let mut policy = Policy {
        roles: vec![
            asking,
            people::reviewing("reviewer", &[TARGET]),
            Role::empty(TARGET),
        ],
        accounts: vec![account("bob", &["devops"]), account("olga", &[TARGET])],
        ..Policy::default()
    };
    let before = check(&policy, &Question::default()).unwrap();
    policy.accounts.push(account("alice", &["reviewer"]));
    let same = check(&policy, &Question::default()).unwrap();
    assert!(same.new_since(&before).is_empty());
    policy.accounts.push(account("eve", &[TARGET]));
    let after = check(&policy, &Question::default()).unwrap();
    let new = after.new_since(&before);
    assert_eq!(new.len(), 1);
    assert_eq!(new[0].class, Class::Holding);
}

#[test]
fn requests_that_nobody_could_approve_are_told_with_the_reason() {
    let account = |name: &str, roles: &[&str]| Account {
        name: name.to_owned(),
        roles: strings(roles),
        ..Account::default()
    };
    let policy = Policy {
        roles: vec![
            people::asking("devops", &[TARGET], &[people::threshold(2, 1)]),
            people::asking("guests", &[OTHER], &[]),
            people::reviewing("reviewer", &[TARGET]),
            Role::empty(TARGET),
            Role::empty(OTHER),
        ],
        accounts: vec![
            account("bob", &["devops", "guests"]),
            account("alice", &["reviewer"]),
        ],
        ..Policy::default()
    };
    let report = check(&policy, &Question::default()).unwrap();
    let told: Vec<(&str, &str)> = report
        .stuck
        .iter()
        .map(|stuck| (stuck.role.as_str(), stuck.why.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("dev", "nobody else may review it"),
            (
                "vault",
                "it takes 2 approvals, and 1 other person could give one that counts (alice may review it)"
            ),
        ]
    );
}

#[test]
fn a_question_that_is_too_large_is_refused_and_not_answered_in_part() {
    let account = |at: usize| Account {
        name: format!("u{at}"),
        roles: strings(&["devops"]),
        ..Account::default()
    };
    let policy = Policy {
        roles: vec![
            people::asking("devops", &[TARGET], &[people::threshold(2, 1)]),
            Role::empty(TARGET),
        ],
        accounts: (0..100).map(account).collect(),
        ..Policy::default()
    };
    let tight = Question {
        steps_max: 50,
        ..Question::default()
    };
    assert_eq!(
        check(&policy, &tight).unwrap_err().to_string(),
        "the question takes more than 50 decisions; ask about fewer roles"
    );
    let crowd = Policy {
        accounts: (0..=access::alone::ACCOUNTS_MAX).map(account).collect(),
        ..policy
    };
    assert_eq!(
        check(&crowd, &Question::default()).unwrap_err().to_string(),
        "there are 20001 accounts; at most 20000 are examined at once"
    );
}
