//! Reviewing, and what is said to those who may not.

use crate::world::World;

const CREATE: &str = "request create --roles=elevated-access --reason=incident --nowait";

#[test]
fn each_refusal_has_its_own_words_and_next_step() {
    let world = World::new();
    let cast = world.cast();
    let carol = world.person("carol@example.com", &["devops", "dbreviewer"]);
    world.login(&carol);
    let id = world.tsh(&cast.bob, CREATE).succeeds().request_id();
    let own = world.tsh(&carol, CREATE).succeeds().request_id();
    let unknown = "00000000-0000-4000-8000-000000000000";
    let review = |person, arguments: &str| world.tsh(person, &format!("request review {arguments}")).fails();
    let exactly_one = "ERROR: must supply exactly one of '--approve' or '--deny'\n";
    assert_eq!(review(&cast.alice, &id), exactly_one);
    assert_eq!(
        review(&cast.alice, &format!("--approve --deny {id}")),
        exactly_one
    );
    world
        .tsh(&cast.alice, &format!("request review --approve {id}"))
        .succeeds();
    let mut hints = Vec::new();
    for (person, arguments, error) in [
        (
            &cast.bob,
            format!("--approve {id}"),
            r#"user "bob@example.com" cannot submit reviews"#.to_owned(),
        ),
        (
            &carol,
            format!("--approve {own}"),
            format!(r#"user "carol@example.com" cannot review request "{own}""#),
        ),
        (
            &cast.alice,
            format!("--deny {id}"),
            r#"user "alice@example.com" has already reviewed this request"#.to_owned(),
        ),
        (
            &cast.alice,
            format!("--approve {unknown}"),
            format!(r#"cannot apply review to access request "{unknown}" (not found)"#),
        ),
    ] {
        let said = review(person, &arguments);
        let (first, hint) = said.split_once('\n').unwrap();
        assert_eq!(first, format!("ERROR: {error}"));
        assert!(
            hint.starts_with("hint: ") && !hints.contains(&hint.to_owned()),
            "{said}"
        );
        hints.push(hint.to_owned());
    }
    world
        .tsh(&cast.ivan, &format!("request review --approve {id}"))
        .succeeds();
    let late = review(&carol, &format!("--approve {id}"));
    assert!(
        late.starts_with("ERROR: the access request has been already approved\nhint: "),
        "{late}"
    );
}

#[test]
fn a_review_can_be_taken_back_while_nothing_is_decided() {
    let world = World::new();
    let cast = world.cast();
    let id = world.tsh(&cast.bob, CREATE).succeeds().request_id();
    world
        .tsh(&cast.alice, &format!("request review --approve {id}"))
        .succeeds();
    let taken_back = world
        .tsh(&cast.alice, &format!("request withdraw --review {id}"))
        .succeeds();
    assert!(
        taken_back.stderr.starts_with(&format!(
            "Your review of request {id} is taken back.\n0 of 2 approvals in"
        )),
        "{taken_back:?}"
    );
    // And given again.
    world
        .tsh(&cast.alice, &format!("request review --approve {id}"))
        .succeeds();
}

#[test]
fn show_says_what_is_missing() {
    let world = World::new();
    let cast = world.cast();
    let id = world.tsh(&cast.bob, CREATE).succeeds().request_id();
    world
        .tsh(&cast.alice, &format!("request review --approve --reason=ok {id}"))
        .succeeds();
    let shown = world
        .tsh(&cast.ivan, &format!("request show {id}"))
        .succeeds()
        .stdout;
    assert!(shown.starts_with(&format!("Request ID:     {id} ")), "{shown}");
    assert!(
        shown.contains("  Reviewer: alice@example.com \n  Reason:   \"ok\"              \n"),
        "{shown}"
    );
    assert!(
        shown.contains(
            "\nWhat it takes:\n  elevated-access (not met)\n    1 of 2 approvals (alice@example.com), 1 denial refuses it\n\
             Standing: 1 of 2 approvals in, 1 missing; ivan@example.com may still give one (approved: alice@example.com)\n"
        ),
        "{shown}"
    );
    // Bob learns how many may still decide, and not who.
    let bobs = world
        .tsh(&cast.bob, &format!("request details {id}"))
        .succeeds()
        .stdout;
    assert!(
        bobs.contains("1 missing; 1 person may still give one (approved: alice@example.com)\n"),
        "{bobs}"
    );
    assert!(!bobs.contains("ivan@example.com"), "{bobs}");
    let json = world
        .tsh(&cast.bob, &format!("request show {id} -f json"))
        .succeeds()
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["spec"]["reviews"][0]["author"], "alice@example.com");
    let unknown = world.tsh(&cast.bob, "request show deadbeef").fails();
    assert!(
        unknown.starts_with("ERROR: no access request matching \"deadbeef\"\nhint: "),
        "{unknown}"
    );
}

#[test]
fn text_from_people_cannot_drive_a_terminal() {
    let world = World::new();
    let cast = world.cast();
    let reason = "--reason=\u{1b}[2J\nERROR: all is lost \u{202e}";
    let create = ["request", "create", "--roles=elevated-access", "--nowait", reason];
    let id = world.tsh_in(&cast.bob.home, create).succeeds().request_id();
    let review = ["request", "review", "--deny", "--reason=\u{7}no", &id];
    world.tsh_in(&cast.alice.home, review).succeeds();
    for command in [
        format!("request show {id}"),
        "request ls".to_owned(),
        format!("request show {id} -f json"),
        format!("request show {id} -f yaml"),
        format!("login --request-id={id}"),
    ] {
        let ran = world.tsh(&cast.bob, &command).run();
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        let bad = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!shown.contains(bad), "{command}: {shown:?}");
    }
}
