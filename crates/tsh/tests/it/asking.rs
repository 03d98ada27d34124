//! Asking for a role, waiting for it, using it and giving it back.

use jiff::SignedDuration;

use crate::run::request_id;
use crate::world::{Make, World};

const CREATE: &str = "request create --roles=elevated-access --reviewers=alice@example.com,ivan@example.com";

/// What the certificate on disk says.
fn roles(world: &World, person: &crate::people::Person) -> serde_json::Value {
    let ran = world.tsh(person, "status -f json").succeeds();
    let status: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    status["active"]["roles"].clone()
}

#[test]
fn bob_gets_the_role_after_two_approvals_and_not_before() {
    let world = World::new();
    let cast = world.cast();
    let mut asking = world.tsh(&cast.bob, CREATE).start();
    asking.says("0 of 2 approvals in, 2 missing; 2 people may still give one");
    let list = world
        .tsh(&cast.alice, "request ls --reviewable")
        .succeeds()
        .stdout;
    let id = list.lines().nth(2).unwrap().split(' ').next().unwrap().to_owned();
    assert!(list.contains(" bob@example.com elevated-access "), "{list}");

    let reviewed = world
        .tsh(&cast.alice, &format!("request review --approve --reason=ok {id}"))
        .succeeds();
    assert_eq!(reviewed.stdout, "");
    assert_eq!(
        reviewed.stderr.lines().next().unwrap(),
        "Successfully submitted review.  Request state: PENDING"
    );
    asking.says("1 of 2 approvals in, 1 missing; 1 person may still give one (approved: alice@example.com)");
    assert_eq!(roles(&world, &cast.bob), serde_json::json!(["devops"]));

    let reviewed = world
        .tsh(
            &cast.ivan,
            &format!("request review {id} --approve --reason=fine"),
        )
        .succeeds();
    assert_eq!(
        reviewed.stderr,
        "Successfully submitted review.  Request state: APPROVED\n"
    );
    let asked = asking.ends();
    assert_eq!(asked.code, 0, "{asked:?}");
    assert_eq!(asked.request_id(), id);
    assert!(
        asked.stdout.starts_with("Creating request...\nRequest ID:     "),
        "{asked:?}"
    );
    let (before, after) = asked
        .stdout
        .split_once("\nWaiting for request approval...\n")
        .unwrap();
    assert!(before.contains("\nStatus:         PENDING "), "{before}");
    assert!(
        before.contains("\nReviewers:      alice@example.com, ivan@example.com (suggested) \n"),
        "{before}"
    );
    assert!(
        after.contains(&format!("\n  Active requests:    {id}\n")),
        "{after}"
    );
    assert!(
        after.contains("\n  Roles:              devops, elevated-access\n"),
        "{after}"
    );
    assert!(after.contains("\n  Logins:             root\n"), "{after}");
    assert!(
        asked
            .stderr
            .contains("\nApproval received, reason=\"fine\"\nGetting updated certificates...\n\n"),
        "{}",
        asked.stderr
    );
    assert_eq!(
        roles(&world, &cast.bob),
        serde_json::json!(["devops", "elevated-access"])
    );

    let dropped = world.tsh(&cast.bob, "request drop").succeeds().stdout;
    assert!(
        dropped.starts_with("Dropping all active access requests...\n\n> Profile URL:"),
        "{dropped}"
    );
    assert_eq!(roles(&world, &cast.bob), serde_json::json!(["devops"]));
    // Approved is approved: it can be used again.
    let again = world
        .tsh(&cast.bob, &format!("login --request-id={id}"))
        .succeeds();
    assert!(
        again
            .stdout
            .contains("Roles:              devops, elevated-access\n"),
        "{again:?}"
    );
    let dropped = world
        .tsh(&cast.bob, &format!("request drop {id}"))
        .succeeds()
        .stdout;
    assert!(
        dropped.starts_with(&format!("Dropping access request(s): {id}...\n\n> ")),
        "{dropped}"
    );
    let nothing = world.tsh(&cast.bob, "request drop xx").succeeds().stdout;
    assert!(
        nothing.starts_with("Dropping access request(s): xx...\n\n> "),
        "{nothing}"
    );
}

#[test]
fn bob_learns_why_he_was_refused() {
    let world = World::new();
    let cast = world.cast();
    let mut asking = world.tsh(&cast.bob, CREATE).start();
    asking.says("2 missing");
    let list = world.tsh(&cast.bob, "request ls --my-requests").succeeds().stdout;
    let id = list.lines().nth(2).unwrap().split(' ').next().unwrap().to_owned();
    let review = ["request", "review", "--deny", "--reason=no way", &id];
    let denied = world.tsh_in(&cast.ivan.home, review).succeeds();
    assert_eq!(
        denied.stderr,
        "Successfully submitted review.  Request state: DENIED\n"
    );
    let asked = asking.ends();
    assert_eq!(asked.code, 1, "{asked:?}");
    assert!(
        asked.stderr.contains(&format!(
            "\nERROR: request {id} has been set to DENIED, reason=\"no way\"\nhint: "
        )),
        "{}",
        asked.stderr
    );
    assert!(!asked.stdout.contains("Active requests"), "{asked:?}");
    let later = world.tsh(&cast.bob, &format!("login --request-id={id}")).fails();
    assert!(later.contains("has been set to DENIED"), "{later}");
}

#[test]
fn a_request_can_be_made_now_and_waited_for_later() {
    let world = World::new();
    let cast = world.cast();
    let asked = world.tsh(&cast.bob, &format!("{CREATE} --nowait")).succeeds();
    let id = asked.request_id();
    assert!(!asked.stdout.contains("Waiting"), "{asked:?}");
    assert!(asked.stdout.contains("\n\n> Profile URL:"), "{asked:?}");
    let later = format!("login --request-id={id} --request-nowait");
    let later = world.tsh(&cast.bob, &later).succeeds();
    assert!(
        later.stdout.starts_with("Request pending...\n") && !later.stdout.contains("Waiting"),
        "{later:?}"
    );
    let mut waiting = world.tsh(&cast.bob, &format!("login --request-id={id}")).start();
    waiting.says("2 missing");
    waiting.interrupt();
    let stopped = waiting.ends();
    assert_eq!(stopped.code, 130, "{stopped:?}");
    assert!(
        stopped.stdout.starts_with("Request pending...\nRequest ID:"),
        "{stopped:?}"
    );
    assert!(
        stopped
            .stderr
            .contains(&format!("Stopped waiting. Request {id} stays pending."))
            && stopped
                .stderr
                .contains(&format!("hint: `tsh login --request-id={id}` goes on waiting")),
        "{}",
        stopped.stderr
    );
    let mut waiting = world.tsh(&cast.bob, &format!("login --request-id={id}")).start();
    waiting.says("2 missing");
    for person in [&cast.alice, &cast.ivan] {
        world
            .tsh(person, &format!("request review --approve {id}"))
            .succeeds();
    }
    let ended = waiting.ends();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("\nApproval received, getting updated certificates...\n\n"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stdout.contains(&format!("Active requests:    {id}\n")),
        "{ended:?}"
    );
}

#[test]
fn signing_in_and_asking_are_one_command_too() {
    let world = World::new();
    let cast = world.cast();
    let address = world.address();
    world.tsh(&cast.bob, "logout").succeeds();
    let login = format!(
        "login --proxy={address} --user=bob@example.com --request-roles=elevated-access --request-reason=r --request-nowait"
    );
    let ran = world
        .tsh(&cast.bob, &login)
        .input(&world.answers(&cast.bob))
        .succeeds();
    assert!(
        ran.stdout.starts_with("Creating request...\nRequest ID:"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("\nReason:         \"r\" "), "{ran:?}");
    // With a profile that is good nothing is asked for.
    let ran = world.tsh(&cast.bob, &login).succeeds();
    assert!(ran.stdout.starts_with("Creating request...\n"), "{ran:?}");
    // Whoever signs in for a request that comes to nothing is not left signed in.
    world.tsh(&cast.bob, "logout").succeeds();
    let nothing = format!("login --proxy={address} --user=bob@example.com --request-roles=nosuch");
    let ran = world
        .tsh(&cast.bob, &nothing)
        .input(&world.answers(&cast.bob))
        .run();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr
            .starts_with("ERROR: user \"bob@example.com\" can not request role \"nosuch\"\nhint: "),
        "{ran:?}"
    );
    assert!(
        world
            .tsh(&cast.bob, "status")
            .fails()
            .starts_with("ERROR: Not logged in.")
    );
}

/// Some roles are of no use without a request: it is made at the sign-in.
#[test]
fn roles_may_demand_a_request_at_every_sign_in() {
    let world = World::new();
    world.roles(
        "kind: role\nversion: v7\nmetadata:\n  name: asker\nspec:\n  options:\n    request_access: reason\n    \
         request_prompt: which ticket\n  allow:\n    request:\n      roles: [access]\n",
    );
    let erin = world.person("erin@example.com", &["asker"]);
    let login = format!("login --proxy={} --user=erin@example.com", world.address());
    let refused = world.tsh(&erin, &login).input(&world.answers(&erin)).fails();
    assert!(
        refused.starts_with("ERROR: --request-reason must be specified, prompt=which ticket\nhint: "),
        "{refused}"
    );
    assert!(
        world
            .tsh(&erin, "status")
            .fails()
            .starts_with("ERROR: Not logged in.")
    );
    let login = format!("{login} --request-reason=T-42 --request-nowait");
    let ran = world.tsh(&erin, &login).input(&world.answers(&erin)).succeeds();
    assert!(ran.stdout.starts_with("Creating request...\n"), "{ran:?}");
    assert!(
        ran.stdout.contains("\nRoles:          access ")
            && ran.stdout.contains("\nReason:         \"T-42\" "),
        "{ran:?}"
    );
}

#[test]
fn waiting_survives_a_lost_connection() {
    let world = World::new();
    let cast = world.cast();
    let mut asking = world.tsh(&cast.bob, CREATE).start();
    asking.says("2 missing");
    let list = world.tsh(&cast.bob, "request ls").succeeds().stdout;
    let id = list.lines().nth(2).unwrap().split(' ').next().unwrap().to_owned();
    world.cut_off(|| {
        asking.says("Connection lost, trying again; the request stays pending.");
    });
    asking.says("2 missing");
    for person in [&cast.alice, &cast.ivan] {
        world
            .tsh(person, &format!("request review --approve {id}"))
            .succeeds();
    }
    let asked = asking.ends();
    assert_eq!(asked.code, 0, "{asked:?}");
    assert!(
        asked
            .stdout
            .contains("Roles:              devops, elevated-access\n"),
        "{asked:?}"
    );
}

#[test]
fn what_another_terminal_does_meanwhile_counts() {
    let world = World::new();
    let cast = world.cast();
    let approve = |id: &str| {
        for person in [&cast.alice, &cast.ivan] {
            world
                .tsh(person, &format!("request review --approve {id}"))
                .succeeds();
        }
    };
    let mut first = world.tsh(&cast.bob, CREATE).start();
    first.says("2 missing");
    let list = world.tsh(&cast.bob, "request ls").succeeds().stdout;
    let first_id = list.lines().nth(2).unwrap().split(' ').next().unwrap().to_owned();
    let second_id = world
        .tsh(&cast.bob, &format!("{CREATE} --nowait"))
        .succeeds()
        .request_id();
    approve(&second_id);
    world
        .tsh(&cast.bob, &format!("login --request-id={second_id}"))
        .succeeds();
    approve(&first_id);
    let ended = first.ends();
    assert_eq!(ended.code, 0, "{ended:?}");
    let active = ended
        .stdout
        .lines()
        .find(|line| line.contains("Active requests:"))
        .unwrap();
    assert!(
        active.contains(&first_id) && active.contains(&second_id),
        "{active}"
    );

    let mut third = world.tsh(&cast.bob, CREATE).start();
    third.says("2 missing");
    let list = world.tsh(&cast.bob, "request ls").succeeds().stdout;
    let third_id = list.lines().nth(2).unwrap().split(' ').next().unwrap().to_owned();
    world.tsh(&cast.bob, "logout").succeeds();
    approve(&third_id);
    let ended = third.ends();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("ERROR: you have signed out of `localhost` meanwhile\nhint: "),
        "{}",
        ended.stderr
    );
    assert!(!cast.bob.home.join(".tsh/keys").exists());
}

#[test]
fn a_request_that_goes_ends_the_waiting() {
    let world = World::new();
    let cast = world.cast();
    let gone = |asked: crate::run::Ran| {
        let id = asked.request_id();
        assert_eq!(asked.code, 1, "{asked:?}");
        assert!(
            asked.stderr.contains(&format!(
                "ERROR: request {id} has expired or been deleted...\nhint: "
            )),
            "{}",
            asked.stderr
        );
    };
    let mut asking = world.tsh(&cast.bob, CREATE).start();
    asking.says("2 missing");
    let list = world.tsh(&cast.bob, "request ls").succeeds().stdout;
    let id = list.lines().nth(2).unwrap().split(' ').next().unwrap().to_owned();
    let taken_back = world.tsh(&cast.bob, &format!("request withdraw {id}")).succeeds();
    assert_eq!(taken_back.stderr, format!("Request {id} is taken back.\n"));
    gone(asking.ends());

    let mut asking = world
        .tsh(&cast.bob, &format!("{CREATE} --request-ttl=1h"))
        .start();
    asking.says("2 missing");
    world.clock.advance(SignedDuration::from_hours(2));
    world.sweep();
    gone(asking.ends());
}

/// A server that cannot explain is waited for plainly.
#[test]
fn a_server_of_another_make_is_enough() {
    let world = World::of(Make::Foreign);
    let cast = world.cast();
    let asked = world.tsh(&cast.bob, &format!("{CREATE} --nowait")).succeeds();
    let id = asked.request_id();
    let waiting = world.tsh(&cast.bob, &format!("login --request-id={id}")).start();
    let shown = world.tsh(&cast.bob, &format!("request show {id}")).succeeds();
    assert!(!shown.stdout.contains("What it takes"), "{shown:?}");
    assert_eq!(shown.stderr, "");
    let first = world
        .tsh(&cast.alice, &format!("request review --approve {id}"))
        .succeeds();
    assert_eq!(
        first.stderr,
        "Successfully submitted review.  Request state: PENDING\n"
    );
    world
        .tsh(&cast.ivan, &format!("request review --approve {id}"))
        .succeeds();
    let ended = waiting.ends();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("Roles:              devops, elevated-access\n"),
        "{ended:?}"
    );
    let refused = world
        .tsh(&cast.alice, &format!("request withdraw --review {id}"))
        .fails();
    assert!(
        refused.starts_with("ERROR: this cluster cannot take back requests or reviews\nhint: "),
        "{refused}"
    );
}

#[test]
fn a_start_in_the_future_is_waited_for() {
    let world = World::new();
    let cast = world.cast();
    let start = access::ambient::Clock::now(&*world.clock) + SignedDuration::from_hours(2);
    let start = cli::moment::rfc3339(start);
    let mut asking = world
        .tsh(&cast.bob, &format!("{CREATE} --assume-start-time={start}"))
        .start();
    asking.says("2 missing");
    let list = world.tsh(&cast.bob, "request ls").succeeds().stdout;
    let id = list.lines().nth(2).unwrap().split(' ').next().unwrap().to_owned();
    for person in [&cast.alice, &cast.ivan] {
        world
            .tsh(person, &format!("request review --approve {id}"))
            .succeeds();
    }
    let asked = asking.ends();
    assert_eq!(asked.code, 1, "{asked:?}");
    assert!(
        asked.stderr.contains(&format!(
            "ERROR: request {id} is approved, and cannot be used before {start}\nhint: use it then with `tsh login --request-id={id}`\n"
        )),
        "{}",
        asked.stderr
    );
}

#[test]
fn what_cannot_be_asked_for_is_named() {
    let world = World::new();
    let cast = world.cast();
    for (arguments, error) in [
        (
            "",
            "at least one role or resource or a request ID must be specified",
        ),
        (
            "--roles=,",
            "at least one role or resource or a request ID must be specified",
        ),
        (
            "--roles=elevated-access --session-ttl=-1h",
            "session TTL value must be greater than zero",
        ),
        (
            "--roles=elevated-access --session-ttl=soon",
            "`soon` is not a duration; write it like `8h`, `90m` or `1h30m`",
        ),
        (
            "--roles=elevated-access --assume-start-time=soon",
            "`soon` is not a moment for --assume-start-time",
        ),
        ("--resource=demo", "demo is not a valid ResourceID string"),
    ] {
        let said = world
            .tsh(&cast.bob, &format!("request create --nowait {arguments}"))
            .fails();
        assert!(
            said.starts_with(&format!("ERROR: {error}\n")),
            "{arguments}: {said}"
        );
    }
    for (arguments, error) in [
        (
            "--roles=nosuch",
            r#"user "bob@example.com" can not request role "nosuch""#,
        ),
        (
            "--roles=access",
            r#"user "bob@example.com" can not request role "access""#,
        ),
        (
            "--roles=elevated-access --request-ttl=400h",
            "invalid request TTL: ",
        ),
    ] {
        let ran = world
            .tsh(&cast.bob, &format!("request create --nowait {arguments}"))
            .run();
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (1, "Creating request...\n"),
            "{ran:?}"
        );
        assert!(ran.stderr.starts_with(&format!("ERROR: {error}")), "{ran:?}");
        assert!(ran.stderr.contains("\nhint: "), "{ran:?}");
    }
    let list = world.tsh(&cast.bob, "request ls -f json").succeeds();
    assert_eq!(list.stdout, "[]\n");
}

#[test]
fn nobody_uses_what_somebody_else_was_given() {
    let world = World::new();
    let cast = world.cast();
    let asked = world.tsh(&cast.bob, &format!("{CREATE} --nowait")).succeeds();
    let id = request_id(&asked.stdout);
    for person in [&cast.alice, &cast.ivan] {
        world
            .tsh(person, &format!("request review --approve {id}"))
            .succeeds();
    }
    for (person, wanted) in [
        (&cast.alice, id.as_str()),
        (&cast.bob, "00000000-0000-4000-8000-000000000000"),
    ] {
        let refused = world.tsh(person, &format!("login --request-id={wanted}")).fails();
        assert!(
            refused.starts_with(&format!("ERROR: invalid access request \"{wanted}\"\nhint: ")),
            "{refused}"
        );
    }
    assert_eq!(roles(&world, &cast.alice), serde_json::json!(["dbreviewer"]));
}

#[test]
fn an_approval_that_was_taken_back_says_how_to_go_on() {
    let world = World::new();
    let cast = world.cast();
    let asked = world.tsh(&cast.bob, &format!("{CREATE} --nowait")).succeeds();
    let id = asked.request_id();
    for person in [&cast.alice, &cast.ivan] {
        world
            .tsh(person, &format!("request review --approve {id}"))
            .succeeds();
    }
    world
        .tsh(&cast.bob, &format!("login --request-id={id}"))
        .succeeds();
    world.revoke(&id);
    let list = world.tsh(&cast.bob, "request ls").fails();
    assert!(
        list.contains(&format!("lock targeting AccessRequest:\"{id}\" is in force"))
            && list.contains("\nhint: the approval was taken back; `tsh logout` and a new `tsh login`"),
        "{list}"
    );
    world.tsh(&cast.bob, "logout").succeeds();
    world.login(&cast.bob);
    world.tsh(&cast.bob, "request ls").succeeds();
}
