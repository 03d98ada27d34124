//! A thousand decisions that another server made, made again here.

use access::Role;
use access::request::{Request, State};
use access::role::Threshold;

use crate::people::{Group, ask, asking, proposal, reviewing};
use crate::scenario::{self, REVIEWABLE, REVIEWERS, Rule, Scenario, Stored, indexes, same};

fn requester_roles(scenario: &Scenario) -> Vec<Role> {
    let asking = scenario.roles.iter().enumerate().map(|(at, written)| {
        let thresholds: Vec<Threshold> = written
            .thresholds
            .iter()
            .map(|rule| Threshold {
                name: rule.name.clone(),
                filter: rule.filter.clone(),
                approve: rule.approve,
                deny: rule.deny,
            })
            .collect();
        let mut role = asking(&format!("m{at}"), &[], &thresholds);
        role.allow.request.roles.clone_from(&written.allow);
        role.deny.request.roles.clone_from(&written.deny);
        role
    });
    let judge = scenario.judge.then(|| reviewing("judge", REVIEWABLE));
    asking.chain(judge).collect()
}

fn reviewers(own: &[Role]) -> Group {
    let mut group = Group::default();
    for (name, beside) in REVIEWERS {
        let mut roles = vec![reviewing("judge", REVIEWABLE)];
        roles.extend(beside.iter().map(|name| Role::empty(*name)));
        group.roles.insert((*name).to_owned(), roles);
    }
    group.roles.insert("self".to_owned(), own.to_vec());
    group
}

fn letter(state: State) -> &'static str {
    match state {
        State::Pending => "P",
        State::Approved => "A",
        State::Denied => "D",
        State::Promoted => "R",
    }
}

fn code(class: access::Class) -> &'static str {
    match class {
        access::Class::InvalidArgument => "IA",
        access::Class::PermissionDenied => "PD",
        access::Class::NotFound => "NF",
        access::Class::AlreadyExists => "AE",
        access::Class::FailedPrecondition => "FP",
        _ => "??",
    }
}

fn play(scenario: &Scenario) -> Result<(), String> {
    let own = requester_roles(scenario);
    let asked: Vec<&str> = scenario.ask.iter().map(String::as_str).collect();
    let mut wanted = proposal("self", &asked);
    wanted.reason.clone_from(&scenario.reason);
    let created = &scenario.created;
    let mut request = match ask(&wanted, &own) {
        Ok(_) if created != "P" => return Err(format!("created, recorded {created}")),
        Ok(request) => request,
        Err(error) if same(created, code(error.class()), &error.to_string()) => return Ok(()),
        Err(error) => return Err(format!("not created: {error}; recorded {created}")),
    };
    let group = reviewers(&own);
    for (at, step) in scenario.steps.iter().enumerate() {
        let state = if step.approves {
            State::Approved
        } else {
            State::Denied
        };
        let recorded = &step.result;
        match group.review(&request, &step.who, state, &step.reason) {
            Ok(outcome) if letter(outcome.request.state) == recorded => request = outcome.request,
            Ok(outcome) => {
                let ours = letter(outcome.request.state);
                return Err(format!("step {at}: {ours}, recorded {recorded}"));
            }
            Err(error) if same(recorded, code(error.class()), &error.to_string()) => {}
            Err(error) => return Err(format!("step {at}: {error}, recorded {recorded}")),
        }
    }
    scenario.compare(&stored(&request))
}

fn stored(request: &Request) -> Stored {
    Stored {
        state: letter(request.state).to_owned(),
        thresholds: request
            .thresholds
            .iter()
            .map(|it| Rule::stored(&it.name, &it.filter, it.approve, it.deny))
            .collect(),
        role_thresholds: request
            .role_thresholds
            .iter()
            .map(|(role, sets)| (role.clone(), sets.iter().map(|set| indexes(set)).collect()))
            .collect(),
        reviews: request
            .reviews
            .iter()
            .map(|it| format!("{} {} {}", it.author, letter(it.state), indexes(&it.thresholds)))
            .collect(),
        resolve_reason: request.resolve_reason.clone(),
    }
}

#[test]
fn a_thousand_recorded_decisions_are_made_again() {
    scenario::judge(scenario::all().map(|scenario| (scenario.number, play(&scenario))));
}
