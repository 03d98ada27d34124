//! `requests ls`, `get`, `create`, `approve`, `deny`, `rm`, `capabilities`.

use expect_test::expect;

use crate::world::World;

/// A machine where Bob may ask for `elevated-access`, which takes two approvals, and for `single`, which takes one.
fn world() -> World {
    let world = World::new().with_guide();
    let roles = "kind: role\nversion: v7\nmetadata: {name: single}\nspec: {}\n---\n\
                 kind: role\nversion: v7\nmetadata: {name: asker}\nspec: {allow: {request: {roles: [single]}}}\n";
    world.tctl_with("create", roles).succeeded();
    world
        .tctl("users update bob@example.com --set-roles=devops,asker")
        .succeeded();
    world
}

/// Asks for a role in Bob's name; gives the id.
fn ask(world: &World, roles: &str) -> String {
    let id = world
        .tctl(&format!(
            "requests create bob@example.com --roles={roles} '--reason=incident 42'"
        ))
        .succeeded();
    id.trim_end().to_owned()
}

#[test]
fn a_command_that_names_no_request_says_so() {
    let world = World::new();
    for command in ["get", "approve", "deny", "rm"] {
        let typed = world.tctl(&format!("requests {command} ''"));
        assert_eq!(typed.code(), Some(1), "{command}");
    }
    world.tctl("requests rm ' ,'").prints(expect![[r"
        $ tctl requests rm ' ,'    → 1
        ! ERROR: no request is named
    "]]);
}

#[test]
fn nobody_has_asked() {
    let world = world();
    world.tctl("requests ls").prints(expect![[r"
        $ tctl requests ls    → 0
        Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
        ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
    "]]);
    world.tctl("request ls --format=json").prints(expect![[r"
        $ tctl request ls --format=json    → 0
        []
    "]]);
}

#[test]
fn a_request_is_shown() {
    let world = world();
    let id = ask(&world, "elevated-access");
    world.tctl("requests ls").prints(expect![[r#"
        $ tctl requests ls    → 0
        Token                                Requestor       Metadata              Resources Created At (UTC)    Request TTL Session TTL Status  Request Reason Resolve Reason 
        ------------------------------------ --------------- --------------------- --------- ------------------- ----------- ----------- ------- -------------- -------------- 
        <uuid______________________________> bob@example.com roles=elevated-access           <rfc822___________> 30h0m0s     30h0m0s     PENDING "incident 42"                 
    "#]]);
    world.tctl(&format!("requests get {id}")).prints(expect![[r#"
        $ tctl requests get <uuid______________________________>    → 0
        Token:             <uuid______________________________> 
        Requestor:         bob@example.com                      
        Metadata:          roles=elevated-access                
        Resources:         [none]                               
        Created At (UTC):  <rfc822___________>                  
        Status:            PENDING                              
        Request Reason:    "incident 42"                        
        Resolve Reason:    [none]                               

    "#]]);
    world
        .tctl(&format!("requests get {id} --format=json"))
        .prints(expect![[r#"
            $ tctl requests get <uuid______________________________> --format=json    → 0
            [
              {
                "kind": "access_request",
                "version": "v3",
                "metadata": {
                  "name": "<uuid______________________________>",
                  "expires": "<time>",
                  "revision": "17"
                },
                "spec": {
                  "user": "bob@example.com",
                  "roles": [
                    "elevated-access"
                  ],
                  "state": 1,
                  "created": "<time>",
                  "expires": "<time>",
                  "request_reason": "incident 42",
                  "thresholds": [
                    {
                      "approve": 2,
                      "deny": 1
                    }
                  ],
                  "rtm": {
                    "elevated-access": {
                      "s": [
                        {
                          "i": [
                            0
                          ]
                        }
                      ]
                    }
                  },
                  "max_duration": "<time>",
                  "session_ttl": "<time>",
                  "expiry": "<time>"
                }
              }
            ]
        "#]]);
    world.tctl("get access_requests --format=text").prints(expect![[r"
            $ tctl get access_requests --format=text    → 0
            Name                     User            Roles           Annotations 
            ------------------------ --------------- --------------- ----------- 
            <short_________________> bob@example.com elevated-access             
        "]]);
    world.tctl("requests get zz").prints(expect![[r#"
        $ tctl requests get zz    → 1
        ! ERROR: request with ID "zz" not found
        ! hint: `tctl requests ls` lists those that you may see
    "#]]);
    world.tctl(&format!("requests get {id},zz")).prints(expect![[r#"
        $ tctl requests get <uuid______________________________>,zz    → 1
        ! ERROR: request with ID "zz" not found
        ! hint: `tctl requests ls` lists those that you may see
    "#]]);
}

#[test]
fn where_two_approvals_are_needed_nobody_can_approve_alone() {
    let world = world();
    let id = ask(&world, "elevated-access");
    world.tctl(&format!("requests approve {id}")).prints(expect![[r"
        $ tctl requests approve <uuid______________________________>    → 1
        ! ERROR: the rule of this request asks for two or more approvals and cannot be overridden; let reviewers approve it with `tsh request review --approve <uuid______________________________>`
    "]]);
    assert!(
        world
            .tctl(&format!("requests get {id}"))
            .succeeded()
            .contains("PENDING")
    );
    // Nor as a reviewer who was not signed in, nor in a reviewer's name.
    world.identity("alice@example.com", "alice");
    world
        .tctl_as("alice", &format!("requests approve {id}"))
        .prints(expect![[r#"
            $ tctl -i alice --auth-server=AUTH requests approve <uuid______________________________>    → 1
            ! ERROR: access denied to perform action "update" on "access_request"
        "#]]);
    let review = |flags: &str| world.tctl(&format!("requests review {id} {flags}"));
    review("--author=alice@example.com --approve").prints(expect![[r#"
        $ tctl requests review <uuid______________________________> --author=alice@example.com --approve    → 1
        ! ERROR: user "@local-admin" cannot submit reviews
        ! hint: reviewers sign in themselves: `tsh request review --approve ID`
    "#]]);
    review("--author=nosuch --approve").prints(expect![[r#"
        $ tctl requests review <uuid______________________________> --author=nosuch --approve    → 1
        ! ERROR: user "@local-admin" cannot submit reviews
        ! hint: reviewers sign in themselves: `tsh request review --approve ID`
    "#]]);
    review("--approve").prints(expect![[r"
        $ tctl requests review <uuid______________________________> --approve    → 1
        ! Usage: tctl requests review [OPTIONS] --author <NAME> <ID>
        ! 
        ! ERROR: required flag --author not provided
        ! hint: `tctl requests review --help` lists the flags
    "]]);
    review("--author=ivan@example.com").prints(expect![[r"
        $ tctl requests review <uuid______________________________> --author=ivan@example.com    → 1
        ! ERROR: must supply exactly one of '--approve' or '--deny'
    "]]);
    assert!(
        world
            .tctl(&format!("requests get {id}"))
            .succeeded()
            .contains("PENDING")
    );
    world
        .tctl(&format!("requests deny {id} --reason=nope"))
        .prints(expect![[r"
        $ tctl requests deny <uuid______________________________> --reason=nope    → 0
    "]]);
    assert!(
        world
            .tctl(&format!("requests get {id}"))
            .succeeded()
            .contains("DENIED")
    );
}

#[test]
fn where_one_approval_suffices_an_administrator_gives_it() {
    let world = world();
    let id = ask(&world, "single");
    world
        .tctl(&format!("requests approve {id} '--reason=by admin' --delegator=mattermost:joe --annotations=k=v,k2=v2"))
        .prints(expect![[r"
            $ tctl requests approve <uuid______________________________> '--reason=by admin' --delegator=mattermost:joe --annotations=k=v,k2=v2    → 0
        "]]);
    world.tctl(&format!("requests get {id}")).prints(expect![[r#"
        $ tctl requests get <uuid______________________________>    → 0
        Token:             <uuid______________________________> 
        Requestor:         bob@example.com                      
        Metadata:          roles=single                         
        Resources:         [none]                               
        Created At (UTC):  <rfc822___________>                  
        Status:            APPROVED                             
        Request Reason:    "incident 42"                        
        Resolve Reason:    "by admin"                           

    "#]]);
    let json = world
        .tctl(&format!("requests get {id} --format=json"))
        .succeeded();
    assert!(json.contains("\"author\": \"@local-admin\""), "{json}");
    world.tctl(&format!("requests rm {id}")).prints(expect![[r"
        $ tctl requests rm <uuid______________________________>    → 0

        Nothing was deleted: access that was approved may be in use. Deleting such a request also takes the access back, by a lock on it. To lock it and keep it in the list, run

        > tctl lock --access-request <uuid______________________________>

        To delete it, run the command again with --force.

    "]]);
    assert!(
        world
            .tctl(&format!("requests get {id}"))
            .succeeded()
            .contains("APPROVED")
    );
    world
        .tctl(&format!("requests rm {id} --force"))
        .prints(expect![[r"
        $ tctl requests rm <uuid______________________________> --force    → 0
        Access request deleted successfully.
    "]]);
    world.tctl(&format!("requests rm {id}")).prints(expect![[r#"
        $ tctl requests rm <uuid______________________________>    → 1
        ! ERROR: request with ID "<uuid______________________________>" not found
        ! hint: `tctl requests ls` lists those that you may see
    "#]]);
    // What was approved is out of force with it.
    let locks = world.tctl("get locks").succeeded();
    assert!(locks.contains(&format!("access_request: {id}")), "{locks}");
}

#[test]
fn a_denial_is_final() {
    let world = world();
    let id = ask(&world, "single");
    world
        .tctl(&format!("requests deny {id} --reason=nope"))
        .succeeded();
    world.tctl(&format!("requests deny {id}")).prints(expect![[r"
        $ tctl requests deny <uuid______________________________>    → 0
    "]]);
    world.tctl(&format!("requests approve {id}")).prints(expect![[r#"
        $ tctl requests approve <uuid______________________________>    → 1
        ! ERROR: cannot set request-state "APPROVED" (already denied)
    "#]]);
    world.tctl(&format!("requests rm {id}")).prints(expect![[r"
        $ tctl requests rm <uuid______________________________>    → 0
        Access request deleted successfully.
    "]]);
}

#[test]
fn a_decision_that_cannot_be_made_is_explained() {
    let world = world();
    let id = ask(&world, "single");
    let unknown = "0192f3a4-0000-7000-8000-000000000001";
    world
        .tctl(&format!("requests approve {unknown}"))
        .prints(expect![[r#"
            $ tctl requests approve <uuid______________________________>    → 1
            ! ERROR: cannot set state of access request "<uuid______________________________>" (not found)
        "#]]);
    world
        .tctl(&format!("requests deny {unknown}"))
        .prints(expect![[r#"
        $ tctl requests deny <uuid______________________________>    → 1
        ! ERROR: cannot set state of access request "<uuid______________________________>" (not found)
    "#]]);
    world.tctl(&format!("requests rm {unknown}")).prints(expect![[r#"
        $ tctl requests rm <uuid______________________________>    → 1
        ! ERROR: request with ID "<uuid______________________________>" not found
        ! hint: `tctl requests ls` lists those that you may see
    "#]]);
    world
        .tctl(&format!("requests approve {id} --annotations=k"))
        .prints(expect![[r#"
            $ tctl requests approve <uuid______________________________> --annotations=k    → 1
            ! ERROR: invalid key-value pair: "k"
        "#]]);
    world
        .tctl(&format!("requests approve {id} --roles=devops"))
        .prints(expect![[r#"
            $ tctl requests approve <uuid______________________________> --roles=devops    → 1
            ! ERROR: role "devops" not in original request, overrides must be a subset of original role list
        "#]]);
    world
        .tctl(&format!("requests approve {id} --assume-start-time=soon"))
        .prints(expect![[r"
            $ tctl requests approve <uuid______________________________> --assume-start-time=soon    → 1
            ! Usage: tctl requests approve [OPTIONS] <IDS>
            ! 
            ! ERROR: --assume-start-time: `soon` is not a moment; write it like `<time>`
            ! hint: `tctl requests approve --help` lists the flags
        "]]);
    world.identity("bob@example.com", "bob");
    world
        .tctl_as("bob", &format!("requests approve {id}"))
        .prints(expect![[r#"
            $ tctl -i bob --auth-server=AUTH requests approve <uuid______________________________>    → 1
            ! ERROR: access denied to perform action "update" on "access_request"
        "#]]);
    assert!(
        world
            .tctl(&format!("requests get {id}"))
            .succeeded()
            .contains("PENDING")
    );
}

#[test]
fn asking_in_the_name_of_others() {
    let world = world();
    world
        .tctl("requests create bob@example.com --roles=access")
        .prints(expect![[r#"
            $ tctl requests create bob@example.com --roles=access    → 1
            ! ERROR: user "bob@example.com" can not request role "access"
        "#]]);
    world
        .tctl("requests create nosuch --roles=elevated-access")
        .prints(expect![[r#"
            $ tctl requests create nosuch --roles=elevated-access    → 1
            ! ERROR: "user" "nosuch" does not exist
        "#]]);
    world
        .tctl("requests create bob@example.com --roles=single --dry-run")
        .prints(expect![[r#"
            $ tctl requests create bob@example.com --roles=single --dry-run    → 0
            {
              "kind": "access_request",
              "version": "v3",
              "metadata": {
                "name": "<uuid______________________________>",
                "expires": "<time>"
              },
              "spec": {
                "user": "bob@example.com",
                "roles": [
                  "single"
                ],
                "state": 1,
                "created": "<time>",
                "expires": "<time>",
                "thresholds": [
                  {
                    "name": "default",
                    "approve": 1,
                    "deny": 1
                  }
                ],
                "rtm": {
                  "single": {
                    "s": [
                      {
                        "i": [
                          0
                        ]
                      }
                    ]
                  }
                },
                "dry_run": true,
                "max_duration": "<time>",
                "session_ttl": "<time>",
                "expiry": "<time>",
                "dry_run_enrichment": {
                  "reason_mode": "optional"
                }
              }
            }
        "#]]);
    world.tctl("requests ls").prints(expect![[r"
        $ tctl requests ls    → 0
        Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
        ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
    "]]);
    world.tctl("requests create bob@example.com").prints(expect![[r"
        $ tctl requests create bob@example.com    → 0
        <uuid______________________________>
    "]]);
    let listed = world.tctl("requests ls").succeeded();
    assert!(
        listed.contains("roles=elevated-access,single") || listed.contains("roles=single,elevated-access"),
        "{listed}"
    );
}

#[test]
fn what_somebody_could_ask_for() {
    let world = world();
    world
        .tctl("requests capabilities bob@example.com")
        .prints(expect![[r"
            $ tctl requests capabilities bob@example.com    → 0
            Name                 Value                  
            -------------------- ---------------------- 
            Requestable Roles:   elevated-access,single 
            Suggested Reviewers: None                   
        "]]);
    world.tctl("requests caps alice@example.com").prints(expect![[r"
        $ tctl requests caps alice@example.com    → 0
        Name                 Value 
        -------------------- ----- 
        Requestable Roles:   None  
        Suggested Reviewers: None  
    "]]);
    world
        .tctl("requests caps bob@example.com --format=json")
        .prints(expect![[r#"
            $ tctl requests caps bob@example.com --format=json    → 0
            {
              "requestable_roles": [
                "elevated-access",
                "single"
              ]
            }
        "#]]);
}

#[test]
fn requests_are_sorted() {
    let world = world();
    let first = ask(&world, "single");
    let second = ask(&world, "elevated-access");
    world.tctl(&format!("requests deny {first}")).succeeded();
    let order = |flags: &str| {
        let listed = world.tctl(&format!("requests ls {flags}")).succeeded();
        listed.find(&first) < listed.find(&second)
    };
    assert!(!order(""));
    assert!(order("--sort-order=ascending"));
    assert!(order("--sort-index=state --sort-order=ascending"));
    assert!(!order("--sort-index=state --sort-order=descending"));
    world.tctl("requests ls --sort-index=name").prints(expect![[r"
        $ tctl requests ls --sort-index=name    → 1
        ! Usage: tctl requests ls [OPTIONS]
        ! 
        ! ERROR: enum value must be one of created,state, got 'name'
        ! hint: `tctl requests ls --help` lists the flags
    "]]);
}

#[test]
fn reasons_from_people_cannot_drive_the_terminal() {
    let world = world();
    world
        .tctl("requests create bob@example.com --roles=single '--reason=a\u{1b}[2J\u{202e}b\nc'")
        .succeeded();
    let shown = world.tctl("requests ls").succeeded();
    assert!(shown.contains(r#""a\u{1b}[2J\u{202e}b\nc""#), "{shown}");
    assert_eq!(shown.lines().count(), 3);
}
