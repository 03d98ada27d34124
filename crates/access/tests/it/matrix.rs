//! Who may do what with Bob's request, printed: a change of any answer shows in the checked-in table.

use std::collections::BTreeMap;
use std::fmt::Write;

use access::issue::{Holder, Subject, Wish, renew};
use access::rbac::{self, Asker, Touched};
use access::request::visibility::{Viewer, may_see};
use access::request::{
    Creator, LOCAL_ADMIN, Request, ReviewRights, Reviewer, Setter, State, StateChange, Voter, may_create,
    review, set_state, withdraw,
};
use access::role::Rule;
use access::{Class, Role, Traits};
use jiff::SignedDuration;

use crate::people::{ask, asking, now, proposal, reviewing, strings, submission, threshold};

struct Actor {
    what: &'static str,
    user: &'static str,
    subject: &'static str,
    roles: Vec<Role>,
    voter: Voter,
    impersonated: bool,
    locked: bool,
    elevated: bool,
}

fn reviewer() -> Role {
    reviewing("dbreviewer", &["elevated-access"])
}

fn administrator() -> Role {
    let mut role = Role::empty("request-admin");
    role.allow.rules = vec![Rule {
        resources: strings(&["access_request"]),
        verbs: strings(&["*"]),
        where_: String::new(),
    }];
    role
}

fn forbidden() -> Role {
    let mut role = Role::empty("no-requests");
    role.deny.rules = administrator().allow.rules;
    role
}

fn actors(rule: &Role) -> Vec<Actor> {
    let actor = |what, user, subject, roles| Actor {
        what,
        user,
        subject,
        roles,
        voter: Voter::Person,
        impersonated: false,
        locked: false,
        elevated: false,
    };
    let both = || vec![reviewer(), administrator()];
    vec![
        actor("requester", "bob", "s-bob", vec![rule.clone()]),
        actor("requester, all roles", "bob", "s-bob", {
            let mut roles = both();
            roles.push(rule.clone());
            roles
        }),
        actor("his second account", "bobby", "s-bob", both()),
        actor("reviewer", "alice", "s-alice", vec![reviewer()]),
        actor("has reviewed", "carol", "s-carol", vec![reviewer()]),
        actor("other reviewer", "dan", "s-dan", vec![reviewing("x", &["other"])]),
        Actor {
            locked: true,
            ..actor("locked reviewer", "lea", "s-lea", vec![reviewer()])
        },
        Actor {
            impersonated: true,
            ..actor("reviewer's name, borrowed", "ivan", "s-ivan", both())
        },
        Actor {
            voter: Voter::Machine,
            ..actor("bot", "bot-ci", "s-bot", vec![reviewer()])
        },
        actor("administrator", "root", "s-root", vec![administrator()]),
        Actor {
            elevated: true,
            ..actor("administrator, elevated", "ada", "s-ada", vec![administrator()])
        },
        actor("forbidden by a role", "fay", "s-fay", {
            let mut roles = both();
            roles.push(forbidden());
            roles
        }),
        actor("stranger", "eve", "s-eve", Vec::new()),
        actor("local administrator", LOCAL_ADMIN, "", vec![administrator()]),
    ]
}

fn answer(class: Option<Class>) -> &'static str {
    match class {
        None => "yes",
        Some(Class::PermissionDenied) => "denied",
        Some(Class::InvalidArgument) => "invalid",
        Some(Class::NotFound) => "not found",
        Some(Class::AlreadyExists) => "twice",
        Some(_) => "other",
    }
}

fn deeds(actor: &Actor, request: &Request, rule: &Role) -> Vec<(&'static str, String)> {
    let traits = Traits::new();
    let asker = Asker {
        user: actor.user,
        roles: &actor.roles,
        traits: &traits,
    };
    let verb = |verb| rbac::check(&asker, "access_request", verb, Touched::default());
    let viewer = Viewer {
        user: actor.user,
        roles: &actor.roles,
        traits: &traits,
        sees_all: verb("list").allows() && verb("read").allows(),
        denied: verb("list").is_explicit_denial() || verb("read").is_explicit_denial(),
        rights: ReviewRights::of(&actor.roles, &traits).ok(),
    };
    let creator = Creator {
        user: actor.user,
        may_create: verb("create").allows(),
        create_denied: verb("create").is_explicit_denial(),
        may_create_users: false,
        has_active_requests: actor.elevated,
    };
    let reviewer = Reviewer {
        user: actor.user,
        subject: actor.subject,
        roles: &actor.roles,
        traits: &traits,
        voter: actor.voter,
        impersonated: actor.impersonated,
        locked: actor.locked,
        sees: &[],
    };
    let setter = Setter {
        user: actor.user,
        subject: actor.subject,
        may_update: verb("update").allows(),
        has_active_requests: actor.elevated,
        impersonated: actor.impersonated,
        as_reviewer: Some(reviewer),
        sees: &[],
    };
    let carol_roles = [self::reviewer()];
    let carol = Reviewer {
        user: "carol",
        subject: "s-carol",
        roles: &carol_roles,
        voter: Voter::Person,
        impersonated: false,
        locked: false,
        ..reviewer
    };
    let panel = BTreeMap::from([("carol".to_owned(), carol)]);
    let reviewed = |state| match review(request, &submission(state, ""), &reviewer, &panel, now()) {
        Ok(outcome) => outcome.request.state.name().to_owned(),
        Err(error) => answer(Some(error.class())).to_owned(),
    };
    let set = |state| {
        let change = StateChange {
            state,
            reason: String::new(),
            annotations: BTreeMap::new(),
            roles: Vec::new(),
            assume_start: None,
        };
        let error = set_state(request, &change, &setter, now()).err();
        answer(error.map(|error| error.class())).to_owned()
    };
    let create =
        |user, state| answer(may_create(&creator, user, state).err().map(|error| error.class())).to_owned();
    let subject = Subject {
        user: actor.user,
        subject: actor.subject,
        roles: &actor.roles,
        traits: &traits,
    };
    let holder = Holder {
        impersonator: actor.impersonated.then(|| "mallory".to_owned()),
        ..Holder::default()
    };
    let wish = Wish::AtMost(now() + SignedDuration::from_hours(1));
    let assumed = renew(
        &holder,
        &subject,
        std::slice::from_ref(request),
        &[crate::people::pin(rule.clone())],
        wish,
        now(),
    );
    let yes_or_no = |yes| if yes { "yes" } else { "no" }.to_owned();
    vec![
        ("see", yes_or_no(may_see(&viewer, request))),
        ("ask self", create(actor.user, State::Pending)),
        ("ask for bob", create("bob", State::Pending)),
        ("make approved", create("bob", State::Approved)),
        ("approve", reviewed(State::Approved)),
        ("deny", reviewed(State::Denied)),
        (
            "withdraw",
            answer(
                withdraw(request, actor.user, now())
                    .err()
                    .map(|error| error.class()),
            )
            .to_owned(),
        ),
        ("set approved", set(State::Approved)),
        ("set denied", set(State::Denied)),
        ("set pending", set(State::Pending)),
        ("delete", yes_or_no(verb("delete").allows())),
        (
            "assume",
            answer(assumed.err().map(|error| error.class())).to_owned(),
        ),
    ]
}

fn table(heading: &str, request: &Request, rule: &Role) -> String {
    let mut text = format!("{heading}\n\n");
    for (row, actor) in actors(rule).iter().enumerate() {
        let deeds = deeds(actor, request, rule);
        if row == 0 {
            let names: Vec<String> = deeds.iter().map(|(name, _)| format!("{name:<14}")).collect();
            writeln!(text, "{:<27}{}", "", names.concat().trim_end()).unwrap();
        }
        let answers: Vec<String> = deeds.iter().map(|(_, answer)| format!("{answer:<14}")).collect();
        writeln!(text, "{:<27}{}", actor.what, answers.concat().trim_end()).unwrap();
    }
    text
}

/// Bob's request under a rule that asks for `approvals`; Carol has approved it if `reviewed`.
fn request(approvals: u32, reviewed: bool) -> (Request, Role) {
    let rule = asking("devops", &["elevated-access"], &[threshold(approvals, 1)]);
    let mut request = ask(
        &proposal("bob", &["elevated-access"]),
        std::slice::from_ref(&rule),
    )
    .unwrap();
    request.subject = "s-bob".to_owned();
    if reviewed {
        let roles = [reviewer()];
        let carol = Reviewer {
            user: "carol",
            subject: "s-carol",
            roles: &roles,
            traits: &Traits::new(),
            voter: Voter::Person,
            impersonated: false,
            locked: false,
            sees: &[],
        };
        let approval = submission(State::Approved, "");
        request = review(&request, &approval, &carol, &BTreeMap::new(), now())
            .unwrap()
            .request;
    }
    (request, rule)
}

#[test]
fn every_actor_and_every_deed() {
    let mut tables = Vec::new();
    for (heading, approvals, reviewed) in [
        ("Two approvals are asked for; Carol has approved.", 2, true),
        ("One approval is asked for; nobody has reviewed.", 1, false),
        ("One approval was asked for; Carol's approved it.", 1, true),
    ] {
        let (request, rule) = request(approvals, reviewed);
        tables.push(table(heading, &request, &rule));
    }
    expect_test::expect_file!["../data/matrix.txt"].assert_eq(&tables.join("\n"));
}
