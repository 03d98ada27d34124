//! Two Auth Services on one store, three reviewers, two requests: every order of deeds, expiry and crashes.
//!
//! A checker walks through all states that can be reached. What a service decides it decides with [`review()`], on what it has
//! read; what it writes it writes only if the store still holds what it read. A crash forgets everything but the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use access::Role;
use access::request::{Request, Requester, Review, Reviewer, State, Voter, assume, resolve, review};
use jiff::{SignedDuration, Timestamp};
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::people::{self, ask, asking, now, proposal, submission, threshold};

const REVIEWERS: [&str; 3] = ["alice", "ivan", "carol"];
const REQUESTS: usize = 2;
const SERVICES: usize = 2;
/// Bob may assume an approved request until then.
const HOURS_OF_ACCESS: i64 = 8;

/// What is stored of one request. Its content never changes, and each write adds a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Stored {
    state: Word,
    /// Reviewer, approves.
    reviews: Vec<(usize, bool)>,
    /// Counts the writes.
    revision: u8,
    /// The sweeper has taken it away.
    swept: bool,
}

/// [`State`] without the one that nobody reaches here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Word {
    Pending,
    Approved,
    Denied,
}

/// A review on its way through one service: it has read, and will write. The answer follows the write and changes nothing;
/// who does not get it asks again and is told so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Deed {
    request: usize,
    reviewer: usize,
    approves: bool,
    /// The write that it has read.
    read: u8,
    /// What it has read, where nobody compares.
    content: Option<Stored>,
}

/// Everything there is. Services that could be exchanged are in order, so that nothing is walked through twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Cluster {
    stored: Vec<Stored>,
    services: Vec<Option<Deed>>,
    /// The time for reviews is over.
    late: bool,
    crashes_left: u8,
    /// A vote that was written is there no more.
    lost: bool,
    /// A final state became another one.
    turned: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Act {
    Submit {
        service: usize,
        request: usize,
        reviewer: usize,
        approves: bool,
    },
    Write(usize),
    Crash(usize),
    TimePasses,
    Sweep(usize),
}

/// How the store is written; the flawed way is there to see that the properties can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// Only over what was read.
    Compared,
    /// Over whatever is there.
    Blind,
}

/// What a vote is given on: stored votes, state, whether it is late; and the vote.
type Question = (Stored, bool, usize, bool);

/// A state and the reviews that led to it: whose, and whether it says yes.
type Decided = (Word, Vec<(usize, bool)>);

/// What is walked through.
struct TwoServices {
    request: Request,
    may_ask: Vec<Role>,
    reviewing: Vec<Role>,
    writing: Writing,
    crashes: u8,
    /// The same is decided over and over: once is enough.
    decided: Mutex<HashMap<Question, Option<Decided>>>,
    judged: Mutex<HashMap<(Stored, bool), Judged>>,
}

/// What the decisions say about a stored request.
#[derive(Debug, Clone, Copy)]
struct Judged {
    /// What its reviews amount to.
    counted: Option<State>,
    /// Bob's certificate may carry it.
    assumed: bool,
}

impl TwoServices {
    fn new(writing: Writing, crashes: u8) -> Self {
        let may_ask = vec![asking("devops", &["vault"], &[threshold(2, 1)])];
        Self {
            request: ask(&proposal("bob", &["vault"]), &may_ask).unwrap(),
            may_ask,
            reviewing: vec![people::reviewing("reviewer", &["vault"])],
            writing,
            crashes,
            decided: Mutex::default(),
            judged: Mutex::default(),
        }
    }

    fn reviewer<'a>(&'a self, name: &'a str) -> Reviewer<'a> {
        static NOTHING: access::Traits = access::Traits::new();
        Reviewer {
            user: name,
            subject: "",
            roles: &self.reviewing,
            traits: &NOTHING,
            voter: Voter::Person,
            impersonated: false,
            locked: false,
            sees: &[],
        }
    }

    /// The request as the decision sees it.
    fn request(&self, stored: &Stored) -> Request {
        let reviews = stored.reviews.iter().map(|(reviewer, approves)| Review {
            author: REVIEWERS[*reviewer].to_owned(),
            subject: String::new(),
            voter: Voter::Person,
            state: proposed(*approves),
            reason: String::new(),
            created: now(),
            thresholds: vec![0],
            assume_start: None,
            target: None,
            roles: Vec::new(),
            saw: access::pin::Pins::default(),
        });
        Request {
            reviews: reviews.collect(),
            state: match stored.state {
                Word::Pending => State::Pending,
                Word::Approved => State::Approved,
                Word::Denied => State::Denied,
            },
            ..self.request.clone()
        }
    }

    /// State and reviews after a vote on what a service has read; `None` if it is refused.
    fn decide(&self, deed: &Deed, read: &Stored, late: bool) -> Option<Decided> {
        let question = (read.clone(), late, deed.reviewer, deed.approves);
        let mut decided = self.decided.lock().unwrap();
        let answer = decided.entry(question).or_insert_with(|| {
            let panel: BTreeMap<String, Reviewer<'_>> = REVIEWERS
                .iter()
                .map(|name| ((*name).to_owned(), self.reviewer(name)))
                .collect();
            let submitted = submission(proposed(deed.approves), "");
            let reviewer = self.reviewer(REVIEWERS[deed.reviewer]);
            let outcome = review(&self.request(read), &submitted, &reviewer, &panel, moment(late)).ok()?;
            let mut reviews = read.reviews.clone();
            reviews.push((deed.reviewer, deed.approves));
            let state = match outcome.request.state {
                State::Approved => Word::Approved,
                State::Denied => Word::Denied,
                _ => Word::Pending,
            };
            Some((state, reviews))
        });
        answer.clone()
    }

    fn judge(&self, stored: &Stored, late: bool) -> Judged {
        let mut judged = self.judged.lock().unwrap();
        *judged.entry((stored.clone(), late)).or_insert_with(|| {
            let request = self.request(stored);
            let bob = Requester {
                user: "bob",
                subject: "",
                roles: &self.may_ask,
                traits: &access::Traits::new(),
            };
            Judged {
                counted: resolve(&request, |_| true).state,
                assumed: !stored.swept && assume(&request, &bob, &[], moment(late)).is_ok(),
            }
        })
    }

    fn all(&self, cluster: &Cluster, holds: impl Fn(&Stored, Judged) -> bool) -> bool {
        let mut stored = cluster.stored.iter();
        stored.all(|stored| holds(stored, self.judge(stored, cluster.late)))
    }
}

fn moment(late: bool) -> Timestamp {
    let hours = if late { HOURS_OF_ACCESS + 1 } else { 1 };
    now() + SignedDuration::from_hours(hours)
}

fn proposed(approves: bool) -> State {
    if approves { State::Approved } else { State::Denied }
}

impl Model for TwoServices {
    type State = Cluster;
    type Action = Act;

    fn init_states(&self) -> Vec<Cluster> {
        let fresh = Stored {
            state: Word::Pending,
            reviews: Vec::new(),
            revision: 0,
            swept: false,
        };
        vec![Cluster {
            stored: vec![fresh; REQUESTS],
            services: vec![None; SERVICES],
            late: false,
            crashes_left: self.crashes,
            lost: false,
            turned: false,
        }]
    }

    fn actions(&self, cluster: &Cluster, acts: &mut Vec<Act>) {
        for (service, deed) in cluster.services.iter().enumerate() {
            if deed.is_some() {
                acts.push(Act::Write(service));
                if cluster.crashes_left > 0 {
                    acts.push(Act::Crash(service));
                }
                continue;
            }
            for request in (0..REQUESTS).filter(|at| !cluster.stored[*at].swept) {
                for reviewer in 0..REVIEWERS.len() {
                    acts.extend([true, false].map(|approves| Act::Submit {
                        service,
                        request,
                        reviewer,
                        approves,
                    }));
                }
            }
        }
        if cluster.late {
            let there = |at: &usize| !cluster.stored[*at].swept;
            acts.extend((0..REQUESTS).filter(there).map(Act::Sweep));
        } else {
            acts.push(Act::TimePasses);
        }
    }

    fn next_state(&self, before: &Cluster, act: Act) -> Option<Cluster> {
        let mut cluster = before.clone();
        match act {
            Act::Submit {
                service,
                request,
                reviewer,
                approves,
            } => {
                let there = &before.stored[request];
                let deed = Deed {
                    request,
                    reviewer,
                    approves,
                    read: there.revision,
                    content: (self.writing == Writing::Blind).then(|| there.clone()),
                };
                // A refusal changes nothing: it is not walked through.
                self.decide(&deed, there, before.late)?;
                cluster.services[service] = Some(deed);
            }
            Act::Write(service) => {
                let deed = cluster.services[service].take()?;
                let there = &mut cluster.stored[deed.request];
                let read = deed.content.as_ref().unwrap_or(there);
                if deed.content.is_some() || there.revision == deed.read {
                    // The clock was read once, when the deed began: before the time was over.
                    let (state, reviews) = self.decide(&deed, &read.clone(), false)?;
                    cluster.lost = there.reviews.iter().any(|vote| !reviews.contains(vote));
                    cluster.turned = there.state != Word::Pending && there.state != state;
                    there.state = state;
                    there.reviews = reviews;
                    there.revision += 1;
                } else if !there.swept && self.decide(&deed, there, before.late).is_some() {
                    // Somebody else was first: it is decided again, on what is there now.
                    let read = there.revision;
                    cluster.services[service] = Some(Deed { read, ..deed });
                }
            }
            Act::Crash(service) => {
                cluster.services[service] = None;
                cluster.crashes_left -= 1;
            }
            Act::TimePasses => cluster.late = true,
            Act::Sweep(request) => {
                cluster.stored[request].swept = true;
                cluster.stored[request].revision += 1;
            }
        }
        cluster.services.sort();
        Some(cluster)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a vote that was written stays", |_, cluster: &Cluster| {
                !cluster.lost
            }),
            Property::always("a final state stays", |_, cluster: &Cluster| !cluster.turned),
            Property::always("nobody's vote is in twice", |model: &Self, cluster: &Cluster| {
                model.all(cluster, |stored, _| {
                    let voters: BTreeSet<usize> =
                        stored.reviews.iter().map(|(reviewer, _)| *reviewer).collect();
                    voters.len() == stored.reviews.len()
                })
            }),
            Property::always(
                "the stored reviews explain the state",
                |model: &Self, cluster: &Cluster| {
                    model.all(cluster, |stored, judged| match stored.state {
                        Word::Pending => judged.counted.is_none(),
                        Word::Approved => judged.counted == Some(State::Approved),
                        Word::Denied => judged.counted == Some(State::Denied),
                    })
                },
            ),
            Property::always("one person is never enough", |model: &Self, cluster: &Cluster| {
                model.all(cluster, |stored, judged| {
                    !judged.assumed || stored.reviews.iter().filter(|(_, approves)| *approves).count() >= 2
                })
            }),
            Property::always("a denial is never assumed", |model: &Self, cluster: &Cluster| {
                model.all(cluster, |stored, judged| {
                    !judged.assumed || stored.reviews.iter().all(|(_, approves)| *approves)
                })
            }),
            Property::always(
                "nothing is assumed when its time is over",
                |model: &Self, cluster: &Cluster| {
                    model.all(cluster, |_, judged| !(cluster.late && judged.assumed))
                },
            ),
            Property::sometimes("assumed", |model: &Self, cluster: &Cluster| {
                model.judge(&cluster.stored[0], cluster.late).assumed
            }),
            Property::sometimes("denied", |_, cluster: &Cluster| {
                cluster.stored[0].state == Word::Denied
            }),
            Property::sometimes(
                "two reviews of one request at the same time",
                |_, cluster: &Cluster| {
                    let reads = |deed: &Option<Deed>| {
                        deed.as_ref()
                            .is_some_and(|deed| deed.request == 0 && deed.read == 1)
                    };
                    cluster.services.iter().all(reads)
                },
            ),
        ]
    }
}

#[test]
fn no_order_of_deeds_crashes_and_expiry_breaks_a_promise() {
    let thorough = people::thorough();
    let checker = TwoServices::new(Writing::Compared, if thorough { 2 } else { 1 })
        .checker()
        .threads(2)
        .spawn_bfs()
        .join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
    assert!(checker.is_done(), "all states are walked through");
}

#[test]
fn services_that_write_over_each_other_are_found_out() {
    let checker = TwoServices::new(Writing::Blind, 0)
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    checker.assert_any_discovery("a vote that was written stays");
}
