//! The people of the tests and one function for each deed.

use std::collections::BTreeMap;

use access::ambient::{Entropy, SeededEntropy};
use access::pin::Pin;
use access::request::{
    Outcome, Proposal, ProposeError, Request, Requester, ReviewError, Reviewer, State, Submission, Voter,
    propose, review,
};
use access::resource::Catalogue;
use access::role::Threshold;
use access::{Role, Traits};
use jiff::{SignedDuration, Timestamp};

pub const CLUSTER: &str = "teleport.example.com";
pub const ID: &str = "0193496f-268c-727e-b696-600a868429ff";

/// Whether the long form of a test was asked for: `COUNTERSIGN_THOROUGH=1`, as `cargo xtask test --thorough` sets it.
pub fn thorough() -> bool {
    std::env::var_os("COUNTERSIGN_THOROUGH").is_some()
}

pub fn now() -> Timestamp {
    Timestamp::from_second(1_750_000_000).unwrap()
}

pub fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A role that lets its holder ask for `roles` under `thresholds`.
pub fn asking(name: &str, roles: &[&str], thresholds: &[Threshold]) -> Role {
    let mut role = Role::empty(name);
    role.allow.request.roles = strings(roles);
    role.allow.request.thresholds = thresholds.to_vec();
    role
}

/// A role that lets its holder review requests for `roles`.
pub fn reviewing(name: &str, roles: &[&str]) -> Role {
    let mut role = Role::empty(name);
    role.allow.review_requests.roles = strings(roles);
    role
}

pub fn threshold(approve: u32, deny: u32) -> Threshold {
    Threshold {
        approve,
        deny,
        ..Threshold::default()
    }
}

pub fn filtered(filter: &str, approve: u32, deny: u32) -> Threshold {
    Threshold {
        filter: filter.to_owned(),
        approve,
        deny,
        ..Threshold::default()
    }
}

/// The filter that a role must be held.
pub fn holds(role: &str) -> String {
    format!("contains(reviewer.roles, \"{role}\")")
}

pub fn proposal(user: &str, roles: &[&str]) -> Proposal {
    Proposal {
        user: user.to_owned(),
        roles: strings(roles),
        state: State::Pending,
        reason: String::new(),
        resolve_reason: String::new(),
        has_resolve_annotations: false,
        access_list_title: String::new(),
        suggested_reviewers: Vec::new(),
        resource_ids: Vec::new(),
        login_hint: String::new(),
        dry_run: false,
        max_duration: None,
        session_end: None,
        pending_end: None,
        assume_start: None,
        labels: BTreeMap::new(),
    }
}

/// Asks as `user` with these stored roles; every role exists and sets no limit of its own.
pub fn ask(proposal: &Proposal, roles: &[Role]) -> Result<Request, ProposeError> {
    ask_as(proposal, roles, &Traits::new())
}

/// The same with these stored traits.
pub fn ask_as(proposal: &Proposal, roles: &[Role], traits: &Traits) -> Result<Request, ProposeError> {
    let requester = Requester {
        user: &proposal.user,
        subject: "",
        roles,
        traits,
    };
    let left = Some(SignedDuration::from_hours(8));
    propose(
        proposal,
        &requester,
        left,
        &Catalogue {
            cluster: CLUSTER,
            role: &|name| Some(Role::empty(name)),
            every_role: &Vec::new,
            resource: &|_| None,
        },
        ID.to_owned(),
        now(),
    )
}

/// A role held fast; nothing of it is beyond what decisions read.
pub fn pin(role: Role) -> Pin {
    Pin {
        content: format!("{role:?}").into_bytes().into(),
        rest: [0; 32],
        role,
    }
}

/// Chance that is the same each time.
pub struct Dice(pub SeededEntropy);

impl Dice {
    pub fn roll(&self, below: u32) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_be_bytes(bytes) % below
    }

    pub fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.roll(u32::try_from(of.len()).unwrap()) as usize]
    }
}

/// A group of reviewers and the roles each holds now.
#[derive(Default, Clone)]
pub struct Group {
    pub roles: BTreeMap<String, Vec<Role>>,
    pub machines: Vec<String>,
    pub traits: Traits,
    /// What the requested roles grant now.
    pub sees: Vec<Pin>,
}

impl Group {
    pub fn of(members: &[(&str, &[Role])]) -> Self {
        let roles = members
            .iter()
            .map(|(name, roles)| ((*name).to_owned(), roles.to_vec()))
            .collect();
        Self {
            roles,
            ..Self::default()
        }
    }

    pub fn reviewer<'a>(&'a self, name: &'a str) -> Reviewer<'a> {
        static NOBODY: Vec<Role> = Vec::new();
        Reviewer {
            user: name,
            subject: "",
            roles: self.roles.get(name).unwrap_or(&NOBODY),
            traits: &self.traits,
            voter: if self.machines.iter().any(|machine| machine == name) {
                Voter::Machine
            } else {
                Voter::Person
            },
            impersonated: false,
            locked: false,
            sees: &self.sees,
        }
    }

    pub fn review(
        &self,
        request: &Request,
        name: &str,
        state: State,
        reason: &str,
    ) -> Result<Outcome, ReviewError> {
        let panel = self
            .roles
            .keys()
            .map(|name| (name.clone(), self.reviewer(name)))
            .collect();
        review(
            request,
            &submission(state, reason),
            &self.reviewer(name),
            &panel,
            now(),
        )
    }
}

pub fn submission(state: State, reason: &str) -> Submission {
    Submission {
        author: String::new(),
        state,
        reason: reason.to_owned(),
        roles: Vec::new(),
        has_annotations: false,
        assume_start: None,
    }
}
