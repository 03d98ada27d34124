//! Attempts to get through alone, by the names they have in the threat model.

use std::slice::from_ref;

use access::request::{
    Creator, ProposeError, ReviewError, SetStateError, Setter, State, StateChange, may_create, resolve,
    review, set_state, withdraw,
};
use access::{Class, Role};
use jiff::SignedDuration;

use crate::people::{
    Group, ask, asking, filtered, holds, now, pin, proposal, reviewing, submission, threshold,
};

fn devops() -> Vec<Role> {
    vec![asking("devops", &["elevated-access"], &[threshold(2, 1)])]
}

fn group() -> Group {
    let reviewer = || vec![reviewing("dbreviewer", &["elevated-access"])];
    Group::of(&[
        ("alice", &reviewer()),
        ("ivan", &reviewer()),
        ("carol", &reviewer()),
        ("bob", &reviewer()),
    ])
}

fn pending() -> access::request::Request {
    ask(&proposal("bob", &["elevated-access"]), &devops()).unwrap()
}

fn change(state: State) -> StateChange {
    StateChange {
        state,
        reason: "because".to_owned(),
        annotations: std::collections::BTreeMap::new(),
        roles: Vec::new(),
        assume_start: None,
    }
}

fn admin(user: &str) -> Setter<'_> {
    Setter {
        user,
        subject: "",
        may_update: true,
        has_active_requests: false,
        impersonated: false,
        as_reviewer: None,
        sees: &[],
    }
}

#[test]
fn a01_the_requester_cannot_approve() {
    let error = group()
        .review(&pending(), "bob", State::Approved, "")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("user \"bob\" cannot review request {:?}", crate::people::ID)
    );
    let without_rights = Group::of(&[("bob", &devops())]);
    let error = without_rights
        .review(&pending(), "bob", State::Approved, "")
        .unwrap_err();
    assert_eq!(error.to_string(), "user \"bob\" cannot submit reviews");
    assert_eq!(
        set_state(&pending(), &change(State::Denied), &admin("bob"), now()),
        Err(SetStateError::Own)
    );
    // A second account of the same person is the same person.
    let mut request = pending();
    request.subject = "person-1".to_owned();
    let group = group();
    let mut twin = group.reviewer("alice");
    twin.subject = "person-1";
    let refused = review(
        &request,
        &submission(State::Approved, ""),
        &twin,
        &std::collections::BTreeMap::new(),
        now(),
    );
    assert!(matches!(refused, Err(ReviewError::NotThisOne { .. })));
}

#[test]
fn a02_one_person_counts_once() {
    let group = group();
    let once = group
        .review(&pending(), "alice", State::Approved, "")
        .unwrap()
        .request;
    for state in [State::Approved, State::Denied] {
        let error = group.review(&once, "alice", state, "").unwrap_err();
        assert_eq!(error, ReviewError::AlreadyReviewed("alice".to_owned()));
        assert_eq!(error.class(), Class::AlreadyExists);
    }
    // Even a forged store with two reviews of one person gives no approval.
    let mut forged = once;
    forged.reviews.push(forged.reviews[0].clone());
    assert_eq!(resolve(&forged, |_| true).state, None);
}

#[test]
fn a03_a_forged_author_is_refused() {
    let group = group();
    for author in ["ivan", "Alice", "alice ", "alice\0", "\u{202e}alice", "аlice"] {
        let mut forged = submission(State::Approved, "");
        forged.author = author.to_owned();
        let refused = review(
            &pending(),
            &forged,
            &group.reviewer("alice"),
            &std::collections::BTreeMap::new(),
            now(),
        );
        assert!(
            matches!(refused, Err(ReviewError::ForAnother { .. })),
            "{author:?}"
        );
    }
}

#[test]
fn a04_what_a_client_says_about_its_own_weight_is_not_read() {
    // A submission has no field for indexes or a moment; what is stored is ours.
    let roles = [asking(
        "devops",
        &["elevated-access"],
        &[filtered(&holds("lead"), 1, 1), threshold(2, 1)],
    )];
    let request = ask(&proposal("bob", &["elevated-access"]), &roles).unwrap();
    let after = group()
        .review(&request, "alice", State::Approved, "")
        .unwrap()
        .request;
    assert_eq!(after.state, State::Pending);
    assert_eq!(after.reviews[0].thresholds, [1]);
    assert_eq!(after.reviews[0].created, now());
    // What narrows a review or adds to it is refused.
    for (roles, annotated, class) in [
        (vec!["elevated-access", "other"], false, Class::Unimplemented),
        (vec!["other"], false, Class::InvalidArgument),
        (vec![], true, Class::Unimplemented),
    ] {
        let mut sent = submission(State::Approved, "");
        sent.roles = crate::people::strings(&roles);
        sent.has_annotations = annotated;
        let refused = review(
            &request,
            &sent,
            &group().reviewer("alice"),
            &std::collections::BTreeMap::new(),
            now(),
        );
        assert_eq!(refused.unwrap_err().class(), class);
    }
}

#[test]
fn a05_a_denial_never_approves_when_an_earlier_author_regains_the_right() {
    for (deny, expected) in [(1, Some(State::Denied)), (2, None)] {
        let roles = [asking("devops", &["elevated-access"], &[threshold(2, deny)])];
        let request = ask(&proposal("bob", &["elevated-access"]), &roles).unwrap();
        let full = group();
        let mut without_alice = full.clone();
        without_alice.roles.insert("alice".to_owned(), Vec::new());
        let once = full.review(&request, "alice", State::Approved, "").unwrap();
        let twice = without_alice
            .review(&once.request, "ivan", State::Approved, "")
            .unwrap();
        assert_eq!(twice.resolved, None);
        // Alice is a reviewer again; two approvals stand, and Carol says no.
        let denied = full.review(&twice.request, "carol", State::Denied, "").unwrap();
        assert_eq!(denied.resolved, expected);
    }
}

#[test]
fn a05_who_lost_the_right_before_the_decision_is_not_counted() {
    let mut group = group();
    let once = group
        .review(&pending(), "alice", State::Approved, "")
        .unwrap()
        .request;
    group.roles.insert("alice".to_owned(), Vec::new());
    let twice = group.review(&once, "ivan", State::Approved, "").unwrap();
    assert_eq!(twice.resolved, None);
    assert_eq!(twice.evidence.summary(), "1 of 2 approvals");
    assert_eq!(twice.evidence.skipped[0].author, "alice");
    let third = group
        .review(&twice.request, "carol", State::Approved, "")
        .unwrap();
    assert_eq!(third.resolved, Some(State::Approved));
    // Deleted altogether counts as little.
    group.roles.remove("alice");
    assert_eq!(
        group.review(&once, "ivan", State::Approved, "").unwrap().resolved,
        None
    );
}

#[test]
fn a05_who_only_lost_a_role_that_a_filter_asked_for_still_counts() {
    let roles = [asking(
        "devops",
        &["elevated-access"],
        &[filtered(&holds("sec"), 2, 1)],
    )];
    let reviewer = reviewing("dbreviewer", &["elevated-access"]);
    let both = [reviewer.clone(), Role::empty("sec")];
    let mut group = Group::of(&[("alice", &both), ("ivan", &both)]);
    let request = ask(&proposal("bob", &["elevated-access"]), &roles).unwrap();
    let once = group
        .review(&request, "alice", State::Approved, "")
        .unwrap()
        .request;
    group.roles.insert("alice".to_owned(), vec![reviewer]);
    assert_eq!(
        group.review(&once, "ivan", State::Approved, "").unwrap().resolved,
        Some(State::Approved)
    );
}

#[test]
fn a06_a_right_to_review_gained_through_a_request_does_not_count() {
    // Carol's certificate says `dbreviewer` through her own approved request; her stored roles do not.
    let stored = [asking("asks-to-review", &["dbreviewer"], &[threshold(1, 1)])];
    let mut group = group();
    group.roles.insert("carol".to_owned(), stored.to_vec());
    let chief = [reviewing("chief", &["dbreviewer"])];
    let own = ask(&proposal("carol", &["dbreviewer"]), &stored).unwrap();
    let dbreviewer = pin(reviewing("dbreviewer", &["elevated-access"]));
    let dan = Group {
        sees: vec![dbreviewer.clone()],
        ..Group::of(&[("dan", &chief)])
    };
    let own = dan.review(&own, "dan", State::Approved, "").unwrap().request;
    let traits = access::Traits::new();
    let carol = access::issue::Subject {
        user: "carol",
        subject: "",
        roles: &stored,
        traits: &traits,
    };
    let permit = access::issue::renew(
        &access::issue::Holder::default(),
        &carol,
        &[own],
        &[dbreviewer],
        access::issue::Wish::AtMost(now() + SignedDuration::from_hours(1)),
        now(),
    )
    .unwrap();
    assert!(permit.grant().roles.iter().any(|role| role == "dbreviewer"));
    let error = group
        .review(&pending(), "carol", State::Approved, "")
        .unwrap_err();
    assert_eq!(error, ReviewError::NoRights("carol".to_owned()));
}

#[test]
fn a09_a_review_under_impersonation_is_refused() {
    let group = group();
    let mut reviewer = group.reviewer("ivan");
    reviewer.impersonated = true;
    let refused = review(
        &pending(),
        &submission(State::Approved, ""),
        &reviewer,
        &std::collections::BTreeMap::new(),
        now(),
    );
    assert_eq!(refused, Err(ReviewError::Impersonated("ivan".to_owned())));
}

#[test]
fn a10_a_bot_is_stored_and_not_counted_where_two_are_asked() {
    let mut group = group();
    group.machines.push("alice".to_owned());
    let once = group.review(&pending(), "alice", State::Approved, "").unwrap();
    assert_eq!(once.request.reviews.len(), 1);
    let twice = group.review(&once.request, "ivan", State::Approved, "").unwrap();
    assert_eq!(twice.resolved, None, "a bot and one person are not two people");
    let by_one = ask(
        &proposal("bob", &["elevated-access"]),
        &[asking("devops", &["elevated-access"], &[threshold(1, 1)])],
    )
    .unwrap();
    assert_eq!(
        group
            .review(&by_one, "alice", State::Approved, "")
            .unwrap()
            .resolved,
        Some(State::Approved)
    );
    assert_eq!(
        group
            .review(&pending(), "alice", State::Denied, "")
            .unwrap()
            .resolved,
        Some(State::Denied)
    );
}

#[test]
fn a11_a_role_with_a_weak_rule_lends_it_to_no_other_role() {
    let weak = asking("weak", &["logs"], &[threshold(1, 1)]);
    let group = Group::of(&[
        ("alice", &[reviewing("r", &["logs", "elevated-access"])]),
        ("ivan", &[reviewing("r", &["logs", "elevated-access"])]),
    ]);
    let roles = [weak, devops().remove(0)];
    let request = ask(&proposal("bob", &["logs", "elevated-access"]), &roles).unwrap();
    let once = group.review(&request, "alice", State::Approved, "").unwrap();
    assert_eq!(once.resolved, None, "the weak role alone is satisfied");
    let twice = group.review(&once.request, "ivan", State::Approved, "").unwrap();
    assert_eq!(twice.resolved, Some(State::Approved));
    // A second role that lets him ask for the same adds a rule and replaces none.
    let extra = asking("own-idea", &["elevated-*"], &[threshold(1, 0)]);
    let request = ask(
        &proposal("bob", &["elevated-access"]),
        &[extra, devops().remove(0)],
    )
    .unwrap();
    let once = group.review(&request, "alice", State::Approved, "").unwrap();
    assert_eq!(once.resolved, None);
    // Whoever reviews one of the roles only reviews neither.
    let half = Group::of(&[("alice", &[reviewing("r", &["logs"])])]);
    let request = ask(&proposal("bob", &["logs", "elevated-access"]), &roles).unwrap();
    assert!(matches!(
        half.review(&request, "alice", State::Approved, ""),
        Err(ReviewError::NotThisOne { .. })
    ));
}

#[test]
fn a12_a_filter_that_cannot_be_evaluated_refuses_the_review() {
    let roles = [asking(
        "devops",
        &["elevated-access"],
        &[filtered("equals(request.roles, request.reason)", 1, 1)],
    )];
    let request = ask(&proposal("bob", &["elevated-access"]), &roles).unwrap();
    let error = group()
        .review(&request, "alice", State::Approved, "")
        .unwrap_err();
    assert_eq!(error.class(), Class::InvalidArgument);
}

#[test]
fn a13_a_rule_that_nobody_can_satisfy_is_not_saved_and_a_zero_is_warned_of() {
    let saved = |thresholds: &[access::Threshold]| {
        access::role_check::check(&asking("devops", &["elevated-access"], thresholds))
    };
    assert!(saved(&[threshold(0, 1)]).is_err());
    assert!(saved(&[threshold(0, 0), threshold(0, 0)]).is_err());
    assert_eq!(saved(&[threshold(2, 1), threshold(0, 1)]).unwrap().len(), 1);
    assert_eq!(saved(&[threshold(2, 0)]).unwrap().len(), 1);
    assert!(saved(&[threshold(2, 1)]).unwrap().is_empty());
    // A zero that was stored before approves nothing.
    let request = ask(
        &proposal("bob", &["elevated-access"]),
        &[asking("devops", &["elevated-access"], &[threshold(0, 0)])],
    )
    .unwrap();
    let once = group().review(&request, "alice", State::Approved, "").unwrap();
    assert_eq!(once.resolved, None);
    assert_eq!(once.evidence.missing(), None);
}

#[test]
fn a14_a_rule_weakened_later_changes_no_request() {
    // The request carries its thresholds; a review takes no rule of the requester as an argument.
    let request = pending();
    let weakened = ask(
        &proposal("bob", &["elevated-access"]),
        &[asking("devops", &["elevated-access"], &[threshold(1, 1)])],
    )
    .unwrap();
    let alone = |request| {
        group()
            .review(request, "alice", State::Approved, "")
            .unwrap()
            .resolved
    };
    assert_eq!(alone(&request), None);
    assert_eq!(alone(&weakened), Some(State::Approved), "only what is asked anew");
}

#[test]
fn a15_an_expired_request_takes_no_review() {
    let request = pending();
    let group = group();
    let panel = std::collections::BTreeMap::new();
    for (moment, open) in [
        (request.expiry - SignedDuration::from_secs(1), true),
        (request.expiry, false),
    ] {
        let reviewed = review(
            &request,
            &submission(State::Approved, ""),
            &group.reviewer("alice"),
            &panel,
            moment,
        );
        assert_eq!(reviewed.is_ok(), open);
    }
}

#[test]
fn a17_a_final_state_stays_and_an_approval_can_only_be_revoked() {
    let group = group();
    let once = group
        .review(&pending(), "alice", State::Approved, "")
        .unwrap()
        .request;
    let approved = group
        .review(&once, "ivan", State::Approved, "fine")
        .unwrap()
        .request;
    assert_eq!(
        (approved.state, approved.resolve_reason.as_str()),
        (State::Approved, "fine")
    );
    let revoked = set_state(&approved, &change(State::Denied), &admin("root"), now()).unwrap();
    assert_eq!(revoked.state, State::Denied);
    for state in [State::Approved, State::Pending] {
        let refused = set_state(&revoked, &change(state), &admin("root"), now()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("cannot set request-state {:?} (already denied)", state.name())
        );
    }
    assert!(matches!(
        set_state(&approved, &change(State::Pending), &admin("root"), now()),
        Err(SetStateError::Final { .. })
    ));
    assert!(set_state(&revoked, &change(State::Denied), &admin("root"), now()).is_ok());
}

#[test]
fn a18_nobody_overrides_a_rule_that_asks_for_two() {
    let refused = set_state(
        &pending(),
        &change(State::Approved),
        &admin("@local-admin"),
        now(),
    )
    .unwrap_err();
    assert_eq!(refused.class(), Class::PermissionDenied);
    let mut resolved = proposal("bob", &["elevated-access"]);
    resolved.state = State::Approved;
    assert_eq!(ask(&resolved, &devops()).unwrap_err(), ProposeError::TwoAreNeeded);
    // Where one suffices the approval is a review with a name.
    let by_one = ask(
        &proposal("bob", &["elevated-access"]),
        &[asking("devops", &["elevated-access"], &[threshold(1, 1)])],
    )
    .unwrap();
    let approved = set_state(&by_one, &change(State::Approved), &admin("@local-admin"), now()).unwrap();
    assert_eq!(approved.reviews[0].author, "@local-admin");
    assert_eq!(resolve(&approved, |_| true).state, Some(State::Approved));
    // One threshold that asks for two beside one that asks for one is still a rule that asks for two.
    let mixed = [asking(
        "devops",
        &["elevated-access"],
        &[threshold(2, 1), filtered(&holds("lead"), 1, 1)],
    )];
    let mixed = ask(&proposal("bob", &["elevated-access"]), &mixed).unwrap();
    assert!(matches!(
        set_state(&mixed, &change(State::Approved), &admin("@local-admin"), now()),
        Err(SetStateError::TwoAreNeeded(_))
    ));
}

#[test]
fn a18_one_setter_stands_for_nobody_whose_filter_they_do_not_pass() {
    let by_one = |name, role: &str| asking(name, &["elevated-access"], &[filtered(&holds(role), 1, 1)]);
    let split = [by_one("first", "dba"), by_one("second", "sec")];
    let request = ask(&proposal("bob", &["elevated-access"]), &split).unwrap();
    let group = Group::of(&[
        ("neither", &[]),
        ("dba", &[Role::empty("dba"), reviewing("r", &["elevated-access"])]),
        ("sec", &[Role::empty("sec")]),
        ("both", &[Role::empty("dba"), Role::empty("sec")]),
    ]);
    let set = |request: &access::request::Request, who: &'static str| {
        let setter = Setter {
            as_reviewer: Some(group.reviewer(who)),
            ..admin(who)
        };
        set_state(request, &change(State::Approved), &setter, now())
    };
    for who in ["neither", "dba", "sec"] {
        let refused = set(&request, who).unwrap_err();
        assert!(
            matches!(refused, SetStateError::NotByThisOne { .. }),
            "{who}: {refused}"
        );
        assert_eq!(refused.class(), Class::PermissionDenied);
    }
    // Not with the help of somebody's review either: that is what reviewing is for.
    let once = group
        .review(&request, "dba", State::Approved, "")
        .unwrap()
        .request;
    assert_eq!(once.state, State::Pending);
    assert!(set(&once, "sec").is_err());
    // Whoever passes all of them decides, and the stored review says for what it counted.
    let approved = set(&request, "both").unwrap();
    assert_eq!(approved.reviews[0].thresholds, [0, 1]);
    assert_eq!(resolve(&approved, |_| true).state, Some(State::Approved));
    // The flaw: the review of one who passes neither filter, stored as if it passed both, would approve.
    let mut flawed = request.clone();
    flawed.reviews = approved.reviews;
    flawed.reviews[0].author = "neither".to_owned();
    assert_eq!(resolve(&flawed, |_| true).state, Some(State::Approved));
}

#[test]
fn a18_the_local_administrator_passes_no_filter_and_stands_for_one_only() {
    let set = |thresholds: [&[access::role::Threshold]; 2]| {
        let roles = [
            asking("first", &["elevated-access"], thresholds[0]),
            asking("second", &["elevated-access"], thresholds[1]),
        ];
        let request = ask(&proposal("bob", &["elevated-access"]), &roles).unwrap();
        set_state(&request, &change(State::Approved), &admin("@local-admin"), now())
    };
    let open = threshold(1, 1);
    let named = access::role::Threshold {
        name: "security".to_owned(),
        ..threshold(1, 1)
    };
    let dba = filtered(&holds("dba"), 1, 1);
    for refused in [
        set([from_ref(&dba), from_ref(&dba)]),
        set([from_ref(&open), from_ref(&dba)]),
        set([from_ref(&open), from_ref(&named)]),
    ] {
        assert!(
            matches!(refused, Err(SetStateError::NotByThisOne { .. })),
            "{refused:?}"
        );
    }
    let approved = set([&[open.clone(), dba], &[open]]).unwrap();
    assert_eq!(approved.reviews[0].thresholds, [0]);
}

#[test]
fn a_start_may_only_move_later_and_a_denial_needs_none() {
    let mut asked = proposal("bob", &["elevated-access"]);
    let hour = |count| now() + SignedDuration::from_hours(count);
    asked.assume_start = Some(hour(2));
    let one = [asking("devops", &["elevated-access"], &[threshold(1, 1)])];
    let request = ask(&asked, &one).unwrap();
    for (wanted, given) in [(None, 2), (Some(1), 2), (Some(3), 3)] {
        let mut change = change(State::Approved);
        change.assume_start = wanted.map(hour);
        let approved = set_state(&request, &change, &admin("@local-admin"), now()).unwrap();
        assert_eq!(approved.assume_start, Some(hour(given)));
    }
    // The start of a denial is not read, so that it cannot be a reason to refuse one.
    let mut sent = submission(State::Denied, "no");
    sent.assume_start = Some(hour(24 * 30));
    let group = group();
    let reviewer = group.reviewer("alice");
    let denied = review(
        &pending(),
        &sent,
        &reviewer,
        &std::collections::BTreeMap::new(),
        now(),
    )
    .unwrap();
    assert_eq!(denied.resolved, Some(State::Denied));
    let mut change = change(State::Denied);
    change.assume_start = Some(hour(24 * 30));
    let denied = set_state(&request, &change, &admin("@local-admin"), now()).unwrap();
    assert_eq!(
        (denied.state, denied.assume_start),
        (State::Denied, Some(hour(2)))
    );
}

#[test]
fn a20_the_order_of_roles_and_thresholds_changes_no_decision() {
    let one = asking(
        "a",
        &["elevated-access"],
        &[threshold(2, 1), filtered(&holds("lead"), 1, 0)],
    );
    let two = asking(
        "b",
        &["elevated-*"],
        &[filtered(&holds("sec"), 1, 0), threshold(3, 2)],
    );
    let reviewer = reviewing("r", &["elevated-access"]);
    let group = Group::of(&[
        ("alice", &[reviewer.clone(), Role::empty("sec")]),
        ("ivan", &[Role::empty("lead"), reviewer.clone()]),
    ]);
    let mut reversed = [two.clone(), one.clone()];
    for role in &mut reversed {
        role.allow.request.thresholds.reverse();
    }
    for roles in [[one.clone(), two.clone()], [two, one], reversed] {
        let request = ask(&proposal("bob", &["elevated-access"]), &roles).unwrap();
        let once = group.review(&request, "alice", State::Approved, "").unwrap();
        assert_eq!(once.resolved, None);
        assert_eq!(
            group
                .review(&once.request, "ivan", State::Approved, "")
                .unwrap()
                .resolved,
            Some(State::Approved)
        );
    }
}

#[test]
fn a_withdrawn_review_no_longer_counts_and_its_author_may_vote_again() {
    let group = group();
    let once = group
        .review(&pending(), "alice", State::Approved, "")
        .unwrap()
        .request;
    let withdrawn = withdraw(&once, "alice", now()).unwrap();
    let again = group.review(&withdrawn, "alice", State::Denied, "").unwrap();
    assert_eq!(again.resolved, Some(State::Denied));
    assert_eq!(
        withdraw(&pending(), "alice", now()),
        Err(ReviewError::NothingToWithdraw("alice".to_owned()))
    );
}

#[test]
fn a_resolved_request_is_made_only_for_others_and_not_while_elevated() {
    let creator = |user, may_create, has_active_requests| Creator {
        user,
        may_create,
        create_denied: false,
        may_create_users: false,
        has_active_requests,
    };
    let asked = |creator: &Creator<'_>, state| may_create(creator, "bob", state);
    assert!(asked(&creator("bob", false, false), State::Pending).is_ok());
    assert!(asked(&creator("eve", false, false), State::Pending).is_err());
    assert_eq!(
        asked(&creator("bob", true, false), State::Approved),
        Err(ProposeError::ResolvedForSelf)
    );
    assert_eq!(
        asked(&creator("eve", true, true), State::Approved),
        Err(ProposeError::ResolvedWhileElevated)
    );
    assert!(asked(&creator("eve", true, false), State::Approved).is_ok());
    let denied = Creator {
        create_denied: true,
        ..creator("bob", false, false)
    };
    assert_eq!(asked(&denied, State::Pending), Err(ProposeError::MayNotCreate));
}
