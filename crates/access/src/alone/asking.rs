//! Requests that too few people could carry through, and requests that nobody could.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use jiff::Timestamp;

use super::TooMuch;
use super::report::{Class, Evidence, Path, Step, Stuck};
use super::rules::may;
use super::world::{Crowd, Standing, World};
use crate::predicate::{FILTER_NAMES, Predicate, Scope, Value};
use crate::request::matchers;
use crate::request::{Request, Requestable, Review, ReviewRights, State, Voter, compile_thresholds, resolve};
use crate::role::Role;

/// Roles that somewhere take two approvals or more.
pub fn guarded_roles(world: &World<'_>) -> Result<BTreeSet<String>, TooMuch> {
    let mut found = BTreeSet::new();
    let strict = |role: &&Role| {
        role.allow
            .request
            .thresholds
            .iter()
            .any(|threshold| threshold.approve >= 2)
    };
    let mut add = |requestable: &Requestable<'_>, asking: &Role| -> Result<(), TooMuch> {
        world.spend(world.policy.roles.len())?;
        let names = world.policy.roles.iter().map(|role| &role.name);
        found.extend(
            names
                .filter(|name| {
                    let alone = std::slice::from_ref(asking);
                    **name != asking.name && (requestable.allows(name) || searches(alone, name))
                })
                .cloned(),
        );
        Ok(())
    };
    for role in world.policy.roles.iter().filter(strict) {
        if let Ok(requestable) = Requestable::of(std::slice::from_ref(role), &crate::role::Traits::new()) {
            add(&requestable, role)?;
        }
    }
    for standing in &world.standings {
        let by_claims = |role: &&Role| !role.allow.request.claims_to_roles.is_empty();
        for role in standing.roles.iter().filter(strict).filter(by_claims) {
            if let Ok(requestable) = Requestable::of(std::slice::from_ref(role), &standing.traits) {
                add(&requestable, role)?;
            }
        }
    }
    Ok(found)
}

/// The best vote that somebody could give on one request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ballot {
    /// The thresholds it could count for.
    thresholds: Vec<u32>,
    /// It comes from a program.
    machine: bool,
    /// It is given by setting the state, not by a review.
    overriding: bool,
}

/// One request as everybody who may ask it would ask it, and everybody's vote on it.
struct Shape {
    request: Request,
    /// By standing.
    ballots: Vec<Option<Ballot>>,
    automatic: Option<Ballot>,
    /// People by what they could vote, several ballots for somebody with several accounts.
    helpers: Vec<(Vec<Ballot>, Vec<usize>)>,
}

/// A vote in a way that is being tried.
struct Vote<'s> {
    ballot: &'s Ballot,
    does: String,
    evidence: Vec<Evidence>,
}

/// What has been asked: by a standing, for roles; `None` if it would be refused.
type Asked = HashMap<(usize, Vec<String>), Option<Rc<Shape>>>;

/// The search, with what it need not find out twice.
pub struct Asking<'w, 'p> {
    world: &'w World<'p>,
    requestable: Vec<Option<Requestable<'w>>>,
    rights: Vec<Option<ReviewRights>>,
    overriding: Vec<Option<Evidence>>,
    asked: RefCell<Asked>,
    shapes: RefCell<HashMap<String, Rc<Shape>>>,
}

impl<'w, 'p> Asking<'w, 'p> {
    pub fn new(world: &'w World<'p>) -> Self {
        let name = |standing: &Standing| {
            world
                .names(&standing.accounts)
                .into_iter()
                .next()
                .unwrap_or_default()
        };
        Self {
            world,
            requestable: world
                .standings
                .iter()
                .map(|standing| Requestable::of(&standing.roles, &standing.traits).ok())
                .collect(),
            rights: world
                .standings
                .iter()
                .map(|standing| {
                    ReviewRights::of(&standing.roles, &standing.traits)
                        .ok()
                        .filter(ReviewRights::any)
                })
                .collect(),
            overriding: world
                .standings
                .iter()
                .map(|standing| {
                    ["update", "create"]
                        .iter()
                        .find_map(|verb| may(standing, &name(standing), "access_request", verb, None))
                })
                .collect(),
            asked: RefCell::default(),
            shapes: RefCell::default(),
        }
    }

    /// The ways to `target` by a request that fewer than `people` carry through.
    pub fn paths(&self, target: &str, people: usize) -> Result<Vec<Path>, TooMuch> {
        let mut found = Vec::new();
        for (at, crowd) in self.world.crowds.iter().enumerate() {
            for (seat_at, seat) in crowd.seats.iter().enumerate() {
                self.world.spend(1)?;
                if !self.may_ask(seat.standing, target) || self.world.standings[seat.standing].holds(target) {
                    continue;
                }
                if people == 2 && !self.has_free_votes(crowd) {
                    continue;
                }
                for roles in self.combinations(seat.standing, target) {
                    let Some(shape) = self.shape(seat.standing, roles)? else {
                        continue;
                    };
                    if let Some(path) = self.cheapest(&shape, at, seat_at, target, people)? {
                        found.push(path);
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether a role may be asked for, by itself or to reach a resource.
    fn may_ask(&self, standing: usize, role: &str) -> bool {
        let Some(requestable) = &self.requestable[standing] else {
            return false;
        };
        requestable.allows(role) || searches(&self.world.standings[standing].roles, role)
    }

    /// Whether anybody in this crowd could have more votes than none without another person.
    fn has_free_votes(&self, crowd: &Crowd) -> bool {
        crowd.seats.len() > 1
            || crowd.machine
            || !self.world.policy.automatic.is_empty()
            || self.world.standings.iter().any(|standing| standing.machine)
    }

    /// The target alone; where predicates look at what is asked, also beside each other role that may be asked for.
    fn combinations(&self, standing: usize, target: &str) -> Vec<Vec<String>> {
        let mut found = vec![vec![target.to_owned()]];
        if self.world.mentions("request.roles")
            && let Some(requestable) = &self.requestable[standing]
        {
            let others = self.world.policy.roles.iter().map(|role| &role.name);
            found.extend(
                others
                    .filter(|name| *name != target && requestable.allows(name))
                    .map(|name| vec![target.to_owned(), name.clone()]),
            );
        }
        found
    }

    /// The request for `roles` by somebody of this standing; `None` if it would be refused.
    fn shape(&self, standing: usize, roles: Vec<String>) -> Result<Option<Rc<Shape>>, TooMuch> {
        let key = (standing, roles);
        if let Some(known) = self.asked.borrow().get(&key) {
            return Ok(known.clone());
        }
        let shape = match self.request(standing, &key.1) {
            Some(request) => Some(self.shape_of(request)?),
            None => None,
        };
        self.asked.borrow_mut().insert(key, shape.clone());
        Ok(shape)
    }

    /// What would be stored, without its author: one request serves everybody who would ask the same.
    fn request(&self, standing: usize, roles: &[String]) -> Option<Request> {
        let requestable = self.requestable[standing].as_ref()?;
        let mut roles = roles.to_vec();
        roles.sort();
        let compiled = compile_thresholds(requestable, &roles)?;
        if compiled.role_thresholds.values().any(Vec::is_empty) {
            return None;
        }
        let now = Timestamp::UNIX_EPOCH;
        Some(Request {
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
        })
    }

    fn shape_of(&self, request: Request) -> Result<Rc<Shape>, TooMuch> {
        let key = format!(
            "{:?}{:?}{:?}",
            request.roles, request.thresholds, request.role_thresholds
        );
        if let Some(known) = self.shapes.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        self.world.spend(self.world.standings.len())?;
        let filters: Option<Vec<Predicate>> = request
            .thresholds
            .iter()
            .map(|threshold| Predicate::parse(&threshold.filter, FILTER_NAMES).ok())
            .collect();
        let filters = filters.unwrap_or_default();
        let ballots: Vec<Option<Ballot>> = (0..self.world.standings.len())
            .map(|standing| self.ballot(standing, &request, &filters))
            .collect();
        let unknown = Scope::new();
        let automatic = (!self.world.policy.automatic.is_empty()).then(|| Ballot {
            thresholds: passing(&filters, &unknown).unwrap_or_default(),
            machine: true,
            overriding: false,
        });
        let mut helpers: BTreeMap<Vec<Ballot>, Vec<usize>> = BTreeMap::new();
        for (at, crowd) in self.world.crowds.iter().enumerate() {
            let votes: Vec<Ballot> = self
                .distinct_seats(crowd, None)
                .filter_map(|seat| ballots[crowd.seats[seat].standing].clone())
                .collect();
            if !votes.is_empty() && !crowd.machine {
                helpers.entry(votes).or_default().push(at);
            }
        }
        let shape = Rc::new(Shape {
            request,
            ballots,
            automatic,
            helpers: helpers.into_iter().collect(),
        });
        self.shapes.borrow_mut().insert(key, Rc::clone(&shape));
        Ok(shape)
    }

    /// The best vote of somebody of this standing; `None` if there is none.
    fn ballot(&self, standing: usize, request: &Request, filters: &[Predicate]) -> Option<Ballot> {
        let voter = &self.world.standings[standing];
        let mut scope = matchers::scope(request, &voter.roles, &voter.traits);
        scope.remove("request.reason");
        scope.remove("request.system_annotations");
        scope.insert("review.annotations", Value::Map(BTreeMap::new()));
        let passed = passing(filters, &scope);
        let reviewed = self.rights[standing]
            .as_ref()
            .filter(|rights| rights.could_cover(request, &voter.roles, &voter.traits))
            .and_then(|_| passed.clone())
            .filter(|thresholds| !thresholds.is_empty());
        if self.overriding[standing].is_some()
            && !request.asks_for_two()
            && let Some(mut thresholds) = passed
        {
            let by_one = |index: &u32| {
                let threshold = request.thresholds.get(*index as usize);
                threshold.is_some_and(|threshold| threshold.approve == 1)
            };
            thresholds.retain(by_one);
            let mut sets = request.role_thresholds.values().flatten();
            // Whoever sets the state must decide it alone.
            if sets.all(|set| set.iter().any(|index| thresholds.contains(index))) {
                return Some(Ballot {
                    thresholds,
                    machine: voter.machine,
                    overriding: reviewed.is_none(),
                });
            }
        }
        reviewed.map(|thresholds| Ballot {
            thresholds,
            machine: voter.machine,
            overriding: false,
        })
    }

    /// The seats that have a vote of their own beside `asking`: linked accounts have one together.
    fn distinct_seats<'c>(
        &'c self,
        crowd: &'c Crowd,
        asking: Option<usize>,
    ) -> impl Iterator<Item = usize> + 'c {
        let person = |seat: usize| self.world.account(crowd.seats[seat].account).person.as_ref();
        let own = asking.and_then(person);
        let mut seen: BTreeSet<&String> = own.into_iter().collect();
        (0..crowd.seats.len()).filter(move |seat| {
            Some(*seat) != asking && person(*seat).is_none_or(|person| seen.insert(person))
        })
    }

    /// The way that takes the fewest people, if it takes fewer than `people`.
    fn cheapest(
        &self,
        shape: &Shape,
        at: usize,
        seat_at: usize,
        target: &str,
        people: usize,
    ) -> Result<Option<Path>, TooMuch> {
        let free = self.free_votes(shape, at, seat_at);
        let own = usize::from(!self.world.crowds[at].machine);
        for helpers in 0..people - own {
            let mut chosen = Vec::new();
            if self.with_helpers(shape, &free, at, helpers, 0, &mut chosen)? {
                let path = self.path(shape, free, at, seat_at, &chosen, target);
                return Ok(Some(path).filter(|path| path.people < people));
            }
        }
        Ok(None)
    }

    /// Votes that take nobody else: of other accounts of the same person, of machines, of rules.
    fn free_votes<'s>(&self, shape: &'s Shape, at: usize, seat_at: usize) -> Vec<Vote<'s>> {
        let crowd = &self.world.crowds[at];
        let mut votes = Vec::new();
        if let Some(ballot) = &shape.automatic {
            let rule = self.world.policy.automatic.first().cloned().unwrap_or_default();
            votes.push(Vote {
                ballot,
                does: format!("the rule `{rule}` approves it by itself"),
                evidence: vec![Evidence {
                    document: format!("access_monitoring_rule {rule}"),
                    field: "spec.automatic_review".to_owned(),
                }],
            });
        }
        for seat in self.distinct_seats(crowd, Some(seat_at)) {
            let seat = crowd.seats[seat];
            if let Some(ballot) = &shape.ballots[seat.standing] {
                let name = &self.world.account(seat.account).name;
                votes.push(Vote {
                    ballot,
                    does: format!("approves it as `{name}`, an account of the same person"),
                    evidence: self.why_votes(seat.standing, shape, ballot),
                });
            }
        }
        for machine in self.world.crowds.iter().filter(|crowd| crowd.machine) {
            let Some(seat) = machine.seats.first() else {
                continue;
            };
            let same = crowd.seats[seat_at].account == seat.account;
            if let (Some(ballot), false) = (&shape.ballots[seat.standing], same) {
                let name = &self.world.account(seat.account).name;
                votes.push(Vote {
                    ballot,
                    does: format!(
                        "the machine `{name}` approves it, and whoever runs it may be the one who asks"
                    ),
                    evidence: self.why_votes(seat.standing, shape, ballot),
                });
            }
        }
        votes
    }

    /// What lets somebody of this standing vote.
    fn why_votes(&self, standing: usize, shape: &Shape, ballot: &Ballot) -> Vec<Evidence> {
        if ballot.overriding {
            return self.overriding[standing].iter().cloned().collect();
        }
        let voter = &self.world.standings[standing];
        let reviewing = voter.roles.iter().filter(|role| {
            ReviewRights::of(std::slice::from_ref(role), &voter.traits)
                .is_ok_and(|rights| rights.could_cover(&shape.request, &voter.roles, &voter.traits))
        });
        reviewing
            .take(1)
            .map(|role| {
                let field = if role.allow.review_requests.roles.is_empty() {
                    "spec.allow.review_requests.claims_to_roles"
                } else {
                    "spec.allow.review_requests.roles"
                };
                Evidence::role(&role.name, field)
            })
            .collect()
    }

    /// Whether some choice of `more` further people, from the group at `from` on, makes it enough.
    fn with_helpers(
        &self,
        shape: &Shape,
        free: &[Vote<'_>],
        at: usize,
        more: usize,
        from: usize,
        chosen: &mut Vec<usize>,
    ) -> Result<bool, TooMuch> {
        if more == 0 {
            self.world.spend(1)?;
            let helping = chosen.iter().flat_map(|group| &shape.helpers[*group].0);
            return Ok(enough(
                &shape.request,
                free.iter().map(|vote| vote.ballot).chain(helping),
            ));
        }
        for group in from..shape.helpers.len() {
            let crowds = &shape.helpers[group].1;
            let there: usize = crowds
                .iter()
                .map(|crowd| self.world.crowds[*crowd].size - usize::from(*crowd == at))
                .sum();
            if chosen.iter().filter(|other| **other == group).count() < there {
                chosen.push(group);
                if self.with_helpers(shape, free, at, more - 1, group, chosen)? {
                    return Ok(true);
                }
                chosen.pop();
            }
        }
        Ok(false)
    }

    /// The way in words, without votes that it does not need.
    fn path(
        &self,
        shape: &Shape,
        mut free: Vec<Vote<'_>>,
        at: usize,
        seat_at: usize,
        chosen: &[usize],
        target: &str,
    ) -> Path {
        let helping = || chosen.iter().flat_map(|group| &shape.helpers[*group].0);
        for index in (0..free.len()).rev() {
            let others = (0..free.len()).filter(|other| *other != index);
            if enough(
                &shape.request,
                others.map(|other| free[other].ballot).chain(helping()),
            ) {
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
            evidence: granting
                .iter()
                .map(|role| Evidence::role(&role.name, request_field(role)))
                .collect(),
        }];
        let fix = match (free.first(), chosen.is_empty()) {
            (Some(vote), true) if crowd.seats.len() > 1 && vote.does.starts_with("approves it as") => {
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
        steps.extend(free.into_iter().map(|vote| Step {
            people: Vec::new(),
            does: vote.does,
            evidence: vote.evidence,
        }));
        for group in chosen {
            let (ballots, crowds) = &shape.helpers[*group];
            let mut names: Vec<String> = crowds
                .iter()
                .flat_map(|crowd| self.world.crowds[*crowd].names.iter().flatten().cloned())
                .filter(|name| crowd.size > 1 || !crowd.names.iter().flatten().any(|own| own == name))
                .collect();
            names.sort();
            let voting = crowds.first().and_then(|crowd| {
                let seats = &self.world.crowds[*crowd].seats;
                seats.iter().find(|seat| shape.ballots[seat.standing].is_some())
            });
            let does = match ballots.len() {
                1 if ballots[0].overriding => "sets it to approved".to_owned(),
                1 => "approves it".to_owned(),
                accounts => format!("approves it with {accounts} accounts"),
            };
            steps.push(Step {
                people: names,
                does,
                evidence: voting
                    .map(|seat| self.why_votes(seat.standing, shape, &ballots[0]))
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
                    let evidence = Evidence::role(&granting.name, request_field(granting));
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
        let mut votes: Vec<&Ballot> = shape.automatic.iter().collect();
        let mut reviewers = Vec::new();
        for (at, ballot) in shape.ballots.iter().enumerate() {
            let Some(ballot) = ballot else { continue };
            let accounts = &self.world.standings[at].accounts;
            let there = accounts.len() - usize::from(at == asking);
            votes.extend(std::iter::repeat_n(ballot, there.min(most)));
            if there > 0 {
                reviewers.extend(self.world.names(accounts));
            }
        }
        if enough(&shape.request, votes.iter().copied()) {
            return None;
        }
        if votes.is_empty() {
            return Some("nobody else may review it".to_owned());
        }
        let counted = |index: u32, approve: u32| {
            let counts =
                |vote: &&&Ballot| vote.thresholds.contains(&index) && !(vote.machine && approve >= 2);
            votes.iter().filter(counts).count()
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

/// Whether one of `roles` lets resources be asked for through `role`.
fn searches(roles: &[Role], role: &str) -> bool {
    let named = |list: &[String]| list.iter().any(|searched| searched == role);
    roles.iter().any(|own| named(&own.allow.request.search_as_roles))
        && !roles.iter().any(|own| named(&own.deny.request.search_as_roles))
}

fn request_field(role: &Role) -> &'static str {
    let request = &role.allow.request;
    match (request.roles.is_empty(), request.claims_to_roles.is_empty()) {
        (false, _) => "spec.allow.request.roles",
        (true, false) => "spec.allow.request.claims_to_roles",
        (true, true) => "spec.allow.request.search_as_roles",
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

/// The filters that could let a review pass; `None` if one goes wrong whatever is written.
fn passing(filters: &[Predicate], scope: &Scope) -> Option<Vec<u32>> {
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

/// Whether these votes, each of somebody else, approve the request: the function that counts in earnest says so.
fn enough<'b>(request: &Request, ballots: impl Iterator<Item = &'b Ballot>) -> bool {
    let reviews = ballots.enumerate().map(|(at, ballot)| Review {
        author: format!("voter {at}"),
        subject: String::new(),
        voter: if ballot.machine {
            Voter::Machine
        } else {
            Voter::Person
        },
        state: State::Approved,
        target: None,
        reason: String::new(),
        created: Timestamp::UNIX_EPOCH,
        thresholds: ballot.thresholds.clone(),
        assume_start: None,
        roles: Vec::new(),
    });
    let voted = Request {
        reviews: reviews.collect(),
        ..request.clone()
    };
    resolve(&voted, |_| true).state == Some(State::Approved)
}
