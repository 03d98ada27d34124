//! A thousand decisions that another server made, made again over the wire: roles, users and requests by the calls of
//! their tools, every review with its reviewer's own certificate, the outcome as a list shows it.
//!
//! The `access` crate plays the same scenarios in its core. Here it is held that nothing between the wire and the core
//! changes a decision, its words, or what is stored of it.

use std::collections::BTreeMap;

use auth::audit::{Actor, people as told};
use auth::state::Change;
use client::Cluster;
use serde_json::{Value, json};
use tonic::{Code, Status};
use wire::keep::Kept;
use wire::pb::types::{self, AccessRequestV3, RequestState};

use crate::flaws::Flaw;
use crate::people::{id_of, look, review, role, send, state_of, verdict, wanted};
use crate::world::{Plan, World};

#[path = "../../../access/tests/it/scenario.rs"]
mod scenario;

use scenario::{Asking, REVIEWABLE, REVIEWERS, Rule, Scenario, Stored, indexes, same};

/// Everybody of the recording, signed in.
struct Company<'a> {
    world: &'a World,
    reviewers: BTreeMap<&'static str, Cluster>,
    /// By how many roles they ask with, and whether they may review.
    askers: BTreeMap<(usize, bool), Cluster>,
}

impl<'a> Company<'a> {
    async fn gather(world: &'a World) -> Self {
        let judge = json!({"allow": {"review_requests": {"roles": REVIEWABLE}}});
        store(world, "judge", &judge).await.expect("stored");
        for nothing in ["sec", "ops", "lead", "vault", "crane", "ledger"] {
            store(world, nothing, &json!({"allow": {}}))
                .await
                .expect("stored");
        }
        let mut reviewers = BTreeMap::new();
        for (name, beside) in REVIEWERS {
            let roles = [&["judge"], *beside].concat();
            reviewers.insert(*name, world.person(name, &roles).await.cluster);
        }
        let mut askers = BTreeMap::new();
        let own = ["m0", "m1", "m2"];
        for role in own {
            store(world, role, &json!({"allow": {}})).await.expect("stored");
        }
        for count in 1..=own.len() {
            for judges in [false, true] {
                let judge: &[&str] = if judges { &["judge"] } else { &[] };
                let name = format!("asks-with-{count}{}", if judges { "-and-judges" } else { "" });
                let person = world.person(&name, &[&own[..count], judge].concat()).await;
                askers.insert((count, judges), person.cluster);
            }
        }
        Self {
            world,
            reviewers,
            askers,
        }
    }

    /// Plays one scenario; tells how many of its roles are only there because nobody checked them (R12).
    async fn play(&self, scenario: &Scenario) -> (usize, Result<(), String>) {
        let mut unsatisfiable = 0;
        for (at, asking) in scenario.roles.iter().enumerate() {
            unsatisfiable += usize::from(self.give(&format!("m{at}"), asking).await);
        }
        (unsatisfiable, self.decide(scenario).await)
    }

    /// Stores a role of the requester's; whether it had to be put into the store behind the server's checks.
    async fn give(&self, name: &str, asking: &Asking) -> bool {
        let written = spec(asking);
        let refused = match store(self.world, name, &written).await {
            Ok(()) => return false,
            Err(refused) => refused,
        };
        assert_eq!(refused.code(), Code::InvalidArgument, "{written}: {refused}");
        let words = "no set of people could ever approve a request under this role";
        assert!(refused.message().starts_with(words), "{written}: {refused}");
        assert!(
            !asking.thresholds.is_empty() && asking.thresholds.iter().all(|rule| rule.approve == 0),
            "{written}: {refused}"
        );
        // As it lies in a store that was filled before there was such a check.
        let event = told::role(told::RoleChange::Created, &Actor::system(), name, None);
        let change = Change::new(self.world.now(), "system", event)
            .put_resource(&Kept::from(role(name, &written.to_string())));
        self.world.auth.state.commit(change).await.expect("stored");
        true
    }

    async fn decide(&self, scenario: &Scenario) -> Result<(), String> {
        let asker = &self.askers[&(scenario.roles.len(), scenario.judge)];
        let user = asker.identity().current().user().to_owned();
        let asked: Vec<&str> = scenario.ask.iter().map(String::as_str).collect();
        let mut request = wanted(self.world, &user, &asked);
        let spec = request.spec.as_mut().expect("a spec");
        spec.request_reason.clone_from(&scenario.reason);
        let created = &scenario.created;
        let mut request = match send(asker, request).await {
            Ok(_) if created != "P" => return Err(format!("created, recorded {created}")),
            Ok(request) => request,
            Err(refused) if agrees(created, &refused) => return Ok(()),
            Err(refused) => return Err(format!("not created: {refused}; recorded {created}")),
        };
        let id = id_of(&request);
        for (at, step) in scenario.steps.iter().enumerate() {
            let reviewer = self.reviewers.get(step.who.as_str()).unwrap_or(asker);
            let mut submission = verdict(
                &id,
                if step.approves {
                    RequestState::Approved
                } else {
                    RequestState::Denied
                },
            );
            let review_message = submission.review.as_mut().expect("a review");
            review_message.reason.clone_from(&step.reason);
            let recorded = &step.result;
            match review(reviewer, submission).await {
                Ok(after) if letter(state_of(&after)) == recorded => request = after,
                Ok(after) => {
                    let ours = letter(state_of(&after));
                    return Err(format!("step {at}: {ours}, recorded {recorded}"));
                }
                Err(refused) if agrees(recorded, &refused) => {}
                Err(refused) => return Err(format!("step {at}: {refused}, recorded {recorded}")),
            }
        }
        let listed = look(asker, &id).await.ok_or("not listed")?;
        if listed != request {
            return Err(format!("listed {listed:?}, last answered {request:?}"));
        }
        scenario.compare(&stored(&listed))
    }
}

async fn store(world: &World, name: &str, spec: &Value) -> Result<(), Status> {
    world.put_role(role(name, &spec.to_string())).await.map(|_| ())
}

/// What a role's author would write; what is 0 or empty is left out.
fn spec(asking: &Asking) -> Value {
    let thresholds: Vec<Value> = asking.thresholds.iter().map(threshold).collect();
    json!({
        "allow": {"request": {"roles": asking.allow, "thresholds": thresholds}},
        "deny": {"request": {"roles": asking.deny}},
    })
}

fn threshold(rule: &Rule) -> Value {
    let mut written = serde_json::Map::new();
    for (key, text) in [("name", &rule.name), ("filter", &rule.filter)] {
        if !text.is_empty() {
            written.insert(key.to_owned(), text.as_str().into());
        }
    }
    for (key, count) in [("approve", rule.approve), ("deny", rule.deny)] {
        if count > 0 {
            written.insert(key.to_owned(), count.into());
        }
    }
    Value::Object(written)
}

/// Whether a refusal is the recorded one, by its class and its telling part.
fn agrees(recorded: &str, refused: &Status) -> bool {
    let code = match refused.code() {
        Code::InvalidArgument => "IA",
        Code::PermissionDenied => "PD",
        Code::NotFound => "NF",
        Code::AlreadyExists => "AE",
        Code::FailedPrecondition => "FP",
        _ => "??",
    };
    same(recorded, code, refused.message())
}

fn letter(state: RequestState) -> &'static str {
    match state {
        RequestState::None => "-",
        RequestState::Pending => "P",
        RequestState::Approved => "A",
        RequestState::Denied => "D",
        RequestState::Promoted => "R",
    }
}

fn stored(request: &AccessRequestV3) -> Stored {
    let spec = request.spec.as_ref().expect("a spec");
    let review = |it: &types::AccessReview| {
        let state = letter(it.proposed_state());
        format!("{} {state} {}", it.author, indexes(&it.threshold_indexes))
    };
    let sets = |sets: &types::ThresholdIndexSets| sets.sets.iter().map(|set| indexes(&set.indexes)).collect();
    Stored {
        state: letter(spec.state()).to_owned(),
        thresholds: spec
            .thresholds
            .iter()
            .map(|it| Rule::stored(&it.name, &it.filter, it.approve, it.deny))
            .collect(),
        role_thresholds: spec
            .role_threshold_mapping
            .iter()
            .map(|(role, of_role)| (role.clone(), sets(of_role)))
            .collect(),
        reviews: spec.reviews.iter().map(review).collect(),
        resolve_reason: spec.resolve_reason.clone(),
    }
}

/// Rules that no set of people could ever satisfy are refused when they are saved (R12): so many of the recorded ones.
/// Where they are in the store all the same, they are obeyed as the other server obeyed them.
const UNSATISFIABLE_ROLES: usize = 92;
const UNSATISFIABLE_SCENARIOS: usize = 90;

#[tokio::test]
async fn a_thousand_recorded_decisions_are_made_again_over_the_wire() {
    let world = World::open(Plan::default()).await;
    let company = Company::gather(&world).await;
    let mut verdicts = Vec::new();
    let (mut roles, mut scenarios) = (0, 0);
    for scenario in scenario::all() {
        let (unsatisfiable, verdict) = company.play(&scenario).await;
        roles += unsatisfiable;
        scenarios += usize::from(unsatisfiable > 0);
        verdicts.push((scenario.number, verdict));
    }
    scenario::judge(verdicts);
    assert_eq!((roles, scenarios), (UNSATISFIABLE_ROLES, UNSATISFIABLE_SCENARIOS));
    world.finish().await;
}

/// The comparison above is not blind: a server that forgets what reviews count for is found out.
#[tokio::test]
async fn a_server_that_decides_otherwise_is_noticed() {
    let world = World::open(Plan {
        flaw: Flaw::requests_written_as(|spec| {
            for review in &mut spec.reviews {
                review.threshold_indexes.clear();
            }
        }),
        ..Plan::default()
    })
    .await;
    let company = Company::gather(&world).await;
    world.bend();
    let mut noticed = 0;
    for scenario in scenario::all().take(20) {
        let mut reviews = scenario.stored.reviews.iter();
        let counted = reviews.any(|review| !review.ends_with("[]"));
        let (_, verdict) = company.play(&scenario).await;
        assert_eq!(verdict.is_err(), counted, "{}: {verdict:?}", scenario.number);
        noticed += usize::from(counted);
    }
    assert!(noticed > 10, "{noticed}");
}
