//! `access-check`: of a cluster, of documents, and what saving warns of.

use expect_test::expect;

use crate::world::{GUIDE, World};

const PEOPLE: &str = "
kind: user
version: v2
metadata: {name: bob}
spec: {roles: [devops], traits: {email: [bob@example.com]}}
---
kind: user
version: v2
metadata: {name: alice}
spec: {roles: [dbreviewer]}
---
kind: user
version: v2
metadata: {name: ivan}
spec: {roles: [dbreviewer]}
";

const OLGA: &str = "
kind: user
version: v2
metadata: {name: olga}
spec: {roles: [elevated-access]}
";

/// A machine with a folder `policy` of the guide's documents.
fn with_documents() -> World {
    let world = World::new();
    std::fs::create_dir(world.path("policy")).expect("a folder");
    let roles =
        std::fs::read_to_string(format!("{GUIDE}/dual-authorization-roles.yaml")).expect("the guide's roles");
    world.write("policy/roles.yaml", &roles);
    world.write("policy/people.yml", PEOPLE);
    world
}

#[test]
fn the_documents_of_the_guide_are_clean_and_a_planted_holder_fails_the_check() {
    let world = with_documents();
    world
        .tctl("access-check --file policy --people 3 --fail-below 3")
        .prints(expect![[r"
            $ tctl access-check --file policy --people 3 --fail-below 3    → 0
            Ways that take fewer than 3 people, among 3 accounts and 3 roles, to:
            elevated-access

            There is none.

            Taken for granted
              Whoever administers the host of the Auth Service (root there, or the local
              administrator through `tctl`) can give anybody any role. That is recorded, and
              it cannot be prevented.
              Accounts with one `email` or `person` trait, or with one identity at an
              identity provider, are one person. Other accounts are taken for different
              people.
        "]]);
    world.write("policy/olga.yaml", OLGA);
    let found = world.tctl("access-check --file policy --fail-below 2");
    assert_eq!(found.code(), Some(2), "{}", found.transcript());
    assert!(
        found
            .stdout()
            .contains("olga has `elevated-access` without asking"),
        "{}",
        found.transcript()
    );
    assert!(
        found.stderr().contains("1 way takes fewer than 2 people"),
        "{}",
        found.transcript()
    );
    world
        .tctl("access-check --file policy --fail-below 2 --count requests,rule-changes")
        .succeeded();
    let json = world.tctl("access-check --file policy --format json").succeeded();
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["paths"][0]["class"], "holding");
    assert_eq!(report["paths"][0]["people"], 1);
    assert_eq!(report["paths"][0]["steps"][0]["people"][0], "olga");
    world
        .tctl("access-check --file policy --format svg --out ways.svg")
        .succeeded();
    assert!(world.read("ways.svg").ends_with("</svg>\n"));
}

#[test]
fn mistakes_end_with_1_and_say_what_to_do() {
    let world = with_documents();
    world
        .tctl("access-check --file policy --role nothing")
        .prints(expect![[r#"
            $ tctl access-check --file policy --role nothing    → 1
            ! ERROR: role "nothing" does not exist
            ! hint: name a role that one of the documents is about
        "#]]);
    world
        .tctl("access-check --file policy --people 9")
        .prints(expect![[r"
            $ tctl access-check --file policy --people 9    → 1
            ! ERROR: the number of people must be between 2 and 5, not 9
        "]]);
    world.write(
        "policy/broken.yaml",
        "kind: role\nversion: v7\nmetadata: {name: x}\nspec: {allow: 1}\n",
    );
    let broken = world.tctl("access-check --file policy");
    assert_eq!(broken.code(), Some(1), "{}", broken.transcript());
    assert!(broken.stderr().contains("broken.yaml"), "{}", broken.transcript());
    let unknown = world.tctl("access-check --count nonsense");
    assert!(
        unknown.stderr().contains("rule-changes"),
        "{}",
        unknown.transcript()
    );
}

#[test]
fn a_cluster_answers_those_who_may_read_roles_and_users() {
    let world = World::new().with_guide();
    let clean = world.tctl("access-check --role elevated-access").succeeded();
    assert!(clean.contains("There is none."), "{clean}");
    world.identity("bob@example.com", "bob");
    world.tctl_as("bob", "access-check").prints(expect![[r#"
        $ tctl -i bob --auth-server=AUTH access-check    → 1
        ! ERROR: access denied to perform action "list" on "role", access denied to perform action "read" on "role"
    "#]]);
    world.tctl("users add ed --roles=editor").succeeded();
    let found = world.tctl("access-check --fail-below 2 --count rule-changes");
    assert_eq!(found.code(), Some(2), "{}", found.transcript());
}

#[test]
fn saving_warns_of_the_way_that_this_change_opens_and_of_no_other() {
    let world = World::new().with_guide();
    world.write("olga.yaml", OLGA);
    let saved = world.tctl("create olga.yaml");
    saved.prints(expect![[r#"
        $ tctl create olga.yaml    → 0
        user "olga" has been created
        ! warning: one person can come to role `elevated-access` now: olga has `elevated-access` without asking; to close it, take `elevated-access` out of `spec.roles` of the user, and let it be asked for
    "#]]);
    world.write(
        "pia.yaml",
        &OLGA
            .replace("olga", "pia")
            .replace("elevated-access", "dbreviewer"),
    );
    let quiet = world.tctl("create pia.yaml");
    quiet.succeeded();
    assert_eq!(quiet.stderr(), "");
}
