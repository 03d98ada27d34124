//! `users add`, `ls`, `update`, `reset`, `rm`.

use expect_test::expect;

use crate::world::World;

/// A machine with the roles `devops` and `access`.
fn world() -> World {
    let world = World::new();
    world
        .tctl_with(
            "create",
            "kind: role\nversion: v7\nmetadata: {name: devops}\nspec: {}\n",
        )
        .succeeded();
    world
}

#[test]
fn a_user_gets_a_link() {
    let world = world();
    world
        .tctl("users add bob@example.com --roles=devops")
        .prints(expect![[r#"
            $ tctl users add bob@example.com --roles=devops    → 0
            User "bob@example.com" has been created but requires a password. Share this URL with the user to complete user setup, link is valid for 1h:
            https://localhost:3080/web/invite/<token_________________________>

            NOTE: Make sure localhost:3080 points at a Teleport proxy which users can access.
        "#]]);
    world
        .tctl("users add bob@example.com --roles=devops")
        .prints(expect![[r#"
            $ tctl users add bob@example.com --roles=devops    → 1
            NOTE: To update an existing local user:
            > tctl users update bob@example.com --set-roles devops # replace roles

            ! ERROR: user "bob@example.com" already registered
        "#]]);
    world
        .tctl("users add j@example.com --roles=devops --format=json")
        .prints(expect![[r#"
            $ tctl users add j@example.com --roles=devops --format=json    → 0
            {
              "kind": "user_token",
              "sub_kind": "invite",
              "version": "v3",
              "metadata": {
                "name": "<token_________________________>",
                "expires": "<time>"
              },
              "spec": {
                "user": "j@example.com",
                "url": "https://localhost:3080/web/invite/<token_________________________>",
                "created": "<time>"
              }
            } ⊣
        "#]]);
    world
        .tctl("users add l@example.com --roles=devops,access --logins=a,b --db-users=x --ttl=30m")
        .prints(expect![[r#"
            $ tctl users add l@example.com --roles=devops,access --logins=a,b --db-users=x --ttl=30m    → 0
            User "l@example.com" has been created but requires a password. Share this URL with the user to complete user setup, link is valid for 30m:
            https://localhost:3080/web/invite/<token_________________________>

            NOTE: Make sure localhost:3080 points at a Teleport proxy which users can access.
        "#]]);
    world.tctl("users ls").prints(expect![[r"
        $ tctl users ls    → 0
        User            Roles         
        --------------- ------------- 
        bob@example.com devops        
        j@example.com   devops        
        l@example.com   devops,access 

    "]]);
    world.tctl("get user/l@example.com").prints(expect![[r#"
        $ tctl get user/l@example.com    → 0
        kind: user
        metadata:
          name: l@example.com
          revision: "11"
        spec:
          created_by:
            time: "<time>"
            user:
              name: <uuid______________________________>.teleport.example.com
          expires: "<time>"
          roles:
          - devops
          - access
          status:
            is_locked: false
            lock_expires: "<time>"
            locked_time: "<time>"
          traits:
            aws_role_arns: null
            azure_identities: null
            db_names: null
            db_roles: null
            db_users:
            - x
            gcp_service_accounts: null
            host_user_gid:
            - ""
            host_user_uid:
            - ""
            kubernetes_groups: null
            kubernetes_users: null
            logins:
            - a
            - b
            windows_logins: null
        status:
          mfa_weakest_device: 1
          password_state: 1
        version: v2
    "#]]);
}

#[test]
fn a_user_that_cannot_be_added_is_not_there() {
    let world = world();
    world
        .tctl("users add x@example.com --roles=nosuchrole")
        .prints(expect![[r"
            $ tctl users add x@example.com --roles=nosuchrole    → 1
            ! ERROR: role nosuchrole is not found
            ! hint: `tctl get roles` lists the roles
        "]]);
    world
        .tctl("users add x@example.com --roles=devops --ttl=72h")
        .prints(expect![[r"
            $ tctl users add x@example.com --roles=devops --ttl=72h    → 1
            ! ERROR: failed to create user token for reset password invite: maximum token TTL is 48h0m0s hours
        "]]);
    world.tctl("users add '' --roles=devops").prints(expect![[r"
        $ tctl users add '' --roles=devops    → 1
        ! ERROR: missing parameter Name
    "]]);
    world.tctl("users add 'a b' --roles=devops").prints(expect![[r#"
        $ tctl users add 'a b' --roles=devops    → 1
        ! ERROR: user name "a b" contains a space
    "#]]);
    world
        .tctl("users add x@example.com --roles=devops --ttl=soon")
        .prints(expect![[r"
            $ tctl users add x@example.com --roles=devops --ttl=soon    → 1
            ! Usage: tctl users add [OPTIONS] --roles <LIST> <ACCOUNT>
            ! 
            ! ERROR: --ttl: `soon` is not a duration; write it like `8h`, `90m` or `1h30m`
            ! hint: `tctl users add --help` lists the flags
        "]]);
    for ttl in ["-1h", "1ns", "0"] {
        let typed = world.tctl(&format!("users add x@example.com --roles=devops --ttl={ttl}"));
        assert_eq!(typed.code(), Some(1), "{ttl}");
    }
    world
        .tctl("users reset x@example.com --ttl=-1h")
        .prints(expect![[r"
            $ tctl users reset x@example.com --ttl=-1h    → 1
            ! ERROR: --ttl: a link must be valid for a second at least
            ! hint: write it like `8h` or `30m`
        "]]);
    world.tctl("users rm ''").prints(expect![[r"
        $ tctl users rm ''    → 1
        ! ERROR: no user is named
    "]]);
    world.tctl("users ls").prints(expect![[r"
        $ tctl users ls    → 0
        No users found
    "]]);
    world.tctl("users ls --format=json").prints(expect![[r"
        $ tctl users ls --format=json    → 0
        [] ⊣
    "]]);
}

#[test]
fn names_may_have_dots_and_signs() {
    let world = world();
    for name in [
        "first.last@example.com",
        "o-brien+test@sub.example.com",
        "a",
        "Ünï@example.com",
    ] {
        world
            .tctl(&format!("users add {name} --roles=devops"))
            .succeeded();
        let shown = world.tctl(&format!("get user/{name}")).succeeded();
        assert!(shown.contains(&format!("name: {name}\n")), "{shown}");
        world.tctl(&format!("users rm {name}")).succeeded();
    }
}

#[test]
fn roles_and_traits_are_replaced() {
    let world = world();
    world
        .tctl("users add l@example.com --roles=devops --logins=a,b")
        .succeeded();
    world.tctl("users update l@example.com").prints(expect![[r"
        $ tctl users update l@example.com    → 1
        ! ERROR: Nothing to update. Please provide at least one --set flag.
    "]]);
    world
        .tctl("users update l@example.com --set-roles access --set-logins q,r --set-db-users=x")
        .prints(expect![[r"
            $ tctl users update l@example.com --set-roles access --set-logins q,r --set-db-users=x    → 0
            User l@example.com has been updated:
            	New roles: access
            	New logins: q,r
            	New db users: x
        "]]);
    world
        .tctl("users update l@example.com --set-roles nosuch")
        .prints(expect![[r"
            $ tctl users update l@example.com --set-roles nosuch    → 1
            ! ERROR: role nosuch is not found
            ! hint: `tctl get roles` lists the roles
        "]]);
    world
        .tctl("users update nosuch --set-roles access")
        .prints(expect![[r#"
            $ tctl users update nosuch --set-roles access    → 1
            ! ERROR: "user" "nosuch" does not exist
        "#]]);
    world.tctl("users ls --format=json").prints(expect![[r#"
        $ tctl users ls --format=json    → 0
        [
            {
                "kind": "user",
                "version": "v2",
                "metadata": {
                    "name": "l@example.com",
                    "revision": "8"
                },
                "spec": {
                    "roles": [
                        "access"
                    ],
                    "traits": {
                        "aws_role_arns": null,
                        "azure_identities": null,
                        "db_names": null,
                        "db_roles": null,
                        "db_users": [
                            "x"
                        ],
                        "gcp_service_accounts": null,
                        "host_user_gid": [
                            ""
                        ],
                        "host_user_uid": [
                            ""
                        ],
                        "kubernetes_groups": null,
                        "kubernetes_users": null,
                        "logins": [
                            "q",
                            "r"
                        ],
                        "windows_logins": null
                    },
                    "status": {
                        "is_locked": false,
                        "locked_time": "<time>",
                        "lock_expires": "<time>"
                    },
                    "expires": "<time>",
                    "created_by": {
                        "time": "<time>",
                        "user": {
                            "name": "<uuid______________________________>.teleport.example.com"
                        }
                    }
                },
                "status": {
                    "password_state": 1,
                    "mfa_weakest_device": 1
                }
            }
        ] ⊣
    "#]]);
}

#[test]
fn a_reset_gives_a_new_link() {
    let world = world();
    world.tctl("users add l@example.com --roles=devops").succeeded();
    world.tctl("users reset l@example.com").prints(expect![[r#"
        $ tctl users reset l@example.com    → 0
        User "l@example.com" has been reset. Share this URL with the user to complete password reset, link is valid for 8h:
        https://localhost:3080/web/reset/<token_________________________>

        NOTE: Make sure localhost:3080 points at a Teleport proxy which users can access.
    "#]]);
    world
        .tctl("users reset l@example.com --format=json --ttl=90m")
        .prints(expect![[r#"
            $ tctl users reset l@example.com --format=json --ttl=90m    → 0
            {
              "kind": "user_token",
              "sub_kind": "password",
              "version": "v3",
              "metadata": {
                "name": "<token_________________________>",
                "expires": "<time>"
              },
              "spec": {
                "user": "l@example.com",
                "url": "https://localhost:3080/web/reset/<token_________________________>",
                "created": "<time>"
              }
            } ⊣
        "#]]);
    world
        .tctl("users reset l@example.com --ttl=48h")
        .prints(expect![[r"
            $ tctl users reset l@example.com --ttl=48h    → 1
            ! ERROR: failed to create user token for reset password: maximum token TTL is 24h0m0s hours
        "]]);
    world.tctl("users reset nosuch").prints(expect![[r#"
        $ tctl users reset nosuch    → 1
        ! ERROR: "user" "nosuch" does not exist
    "#]]);
}

#[test]
fn users_are_removed_by_name() {
    let world = world();
    for name in ["j@example.com", "k@example.com", "l@example.com"] {
        world
            .tctl(&format!("users add {name} --roles=devops"))
            .succeeded();
    }
    world.tctl("users rm l@example.com").prints(expect![[r#"
        $ tctl users rm l@example.com    → 0
        User "l@example.com" has been deleted
    "#]]);
    world.tctl("users rm l@example.com").prints(expect![[r#"
        $ tctl users rm l@example.com    → 1
        ! ERROR: user "l@example.com" not found
    "#]]);
    world
        .tctl("users rm j@example.com,k@example.com")
        .prints(expect![[r#"
            $ tctl users rm j@example.com,k@example.com    → 0
            User "j@example.com" has been deleted
            User "k@example.com" has been deleted
        "#]]);
    world.tctl("users ls").prints(expect![[r"
        $ tctl users ls    → 0
        No users found
    "]]);
}
