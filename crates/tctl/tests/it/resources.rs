//! `create`, `get`, `rm`, `edit`.

use expect_test::expect;

use crate::world::{GUIDE, World};

const ROLE: &str = "kind: role\nversion: v7\nmetadata: {name: x}\nspec: {allow: {logins: [root]}}\n";

/// A role `x` whose `allow` is given.
fn allowing(allow: &str) -> String {
    format!("kind: role\nversion: v7\nmetadata: {{name: x}}\nspec:\n  allow:\n    {allow}\n")
}

#[test]
fn resources_come_from_a_file_or_from_standard_input() {
    let world = World::new();
    world.tctl_with("create", ROLE).prints(expect![[r#"
        $ tctl create    → 0
        role "x" has been created
    "#]]);
    world.tctl_with("create", ROLE).prints(expect![[r#"
        $ tctl create    → 1
        ! ERROR: use -f or --force flag to overwrite
        ! 	role "x" already exists
    "#]]);
    world
        .tctl_with("create -f", &format!("{ROLE}---\n# nothing more\n---\n"))
        .prints(expect![[r#"
            $ tctl create -f    → 0
            role "x" has been created
        "#]]);
    world
        .tctl_with(
            "create",
            r#"[{"kind": "role", "version": "v7", "metadata": {"name": "json"}, "spec": {}}]"#,
        )
        .prints(expect![[r#"
            $ tctl create    → 0
            role "json" has been created
        "#]]);
    world.tctl("create nofile.yaml").prints(expect![[r"
        $ tctl create nofile.yaml    → 1
        ! ERROR: lstat nofile.yaml: no such file or directory
    "]]);
    world.tctl_with("create", "").prints(expect![[r"
        $ tctl create    → 1
        ! ERROR: no resources found, empty input?
    "]]);
    world
        .tctl_with("create", "# only a comment\n---\n")
        .prints(expect![[r"
        $ tctl create    → 1
        ! ERROR: no resources found, empty input?
    "]]);
}

#[test]
fn what_one_command_prints_another_reads() {
    let world = World::new().with_guide();
    for (format, file) in [("yaml", "all.yaml"), ("json", "all.json")] {
        let printed = world.tctl(&format!("get roles --format={format}")).succeeded();
        world.write(file, &printed);
        world.tctl(&format!("create -f {file}")).succeeded();
        let again = world.tctl("get role/devops").succeeded();
        assert!(again.contains("approve: 2"), "{again}");
    }
}

#[test]
fn a_file_with_a_mistake_is_not_applied_at_all() {
    let world = World::new();
    let bad = [
        ("not YAML", "kind: [".to_owned()),
        (
            "an unknown kind",
            "kind: nosuch\nmetadata: {name: x}\n".to_owned(),
        ),
        ("a misspelt kind", "kind: rolle\nmetadata: {name: x}\n".to_owned()),
        ("no kind", "metadata: {name: x}\n".to_owned()),
        ("no name", "kind: role\nversion: v7\nspec: {}\n".to_owned()),
        (
            "no version",
            "kind: role\nmetadata: {name: x}\nspec: {}\n".to_owned(),
        ),
        (
            "a version of the future",
            "kind: role\nversion: v9\nmetadata: {name: x}\nspec: {}\n".to_owned(),
        ),
        (
            "a slash in the name",
            "kind: role\nversion: v7\nmetadata: {name: bad/name}\nspec: {}\n".to_owned(),
        ),
        ("unknown fields", allowing("logns: [root]\n    rulez: []")),
        (
            "a filter that ends too early",
            allowing(
                "request: {roles: [ask], thresholds: [{approve: 1, filter: 'contains(reviewer.roles'}]}",
            ),
        ),
        (
            "a condition that is none",
            allowing("review_requests: {roles: [ask], where: 'nosuch(1)'}"),
        ),
        (
            "a threshold that nobody can meet",
            allowing("request: {roles: [ask], thresholds: [{approve: 0, deny: 1}]}"),
        ),
        ("a rule without verbs", allowing("rules: [{resources: [role]}]")),
        (
            "too long a duration",
            allowing("request: {roles: [ask], max_duration: 400d}"),
        ),
        (
            "a duration that is none",
            "kind: role\nversion: v7\nmetadata: {name: x}\nspec: {options: {max_session_ttl: 2w}}\n"
                .to_owned(),
        ),
        (
            "impersonation without roles",
            allowing("impersonate: {users: [x]}"),
        ),
        (
            "a kind that is not here yet",
            "kind: windows_desktop\nversion: v3\nmetadata: {name: x}\nspec: {}\n".to_owned(),
        ),
        (
            "a kind that is never created",
            "kind: access_request\nversion: v3\nmetadata: {name: x}\nspec: {}\n".to_owned(),
        ),
    ];
    let mut transcript = String::new();
    for (what, document) in bad {
        // A good document stands in front: it must not be applied either.
        let typed = world.tctl_with(
            "create -f",
            &format!("{}---\n{document}", ROLE.replace("name: x", "name: good")),
        );
        transcript.push_str(&format!("# {what}\n{}", typed.transcript()));
    }
    expect![[r#"
        # not YAML
        $ tctl create -f    → 1
        ! ERROR: not valid YAML at line 6, column 7: unclosed bracket '['
        # an unknown kind
        $ tctl create -f    → 1
        ! ERROR: unknown kind `nosuch` at line 6, column 7
        # a misspelt kind
        $ tctl create -f    → 1
        ! ERROR: unknown kind `rolle` at line 6, column 7; did you mean `role`?
        # no kind
        $ tctl create -f    → 1
        ! ERROR: the resource at line 6, column 1 has no `kind`; add one, such as `kind: role`
        # no name
        $ tctl create -f    → 1
        ! ERROR: the role at line 6, column 1 has no name; add it under `metadata`: `name: NAME`
        # no version
        $ tctl create -f    → 1
        ! ERROR: role version "" is not supported, at line 6, column 1; use `v3`, `v4`, `v5`, `v6`, `v7`, `v8`
        # a version of the future
        $ tctl create -f    → 1
        ! ERROR: role version "v9" is not supported, at line 7, column 10; use `v3`, `v4`, `v5`, `v6`, `v7`, `v8`
        # a slash in the name
        $ tctl create -f    → 1
        ! ERROR: special characters are not allowed in resource names: `bad/name` holds '/'; use letters, digits and `- _ . @ : + = ~ %`, at line 8, column 18
        # unknown fields
        $ tctl create -f    → 1
        ! ERROR: unknown field `logns` in role `x` at line 11, column 5; did you mean `logins`?
        ! 	unknown field `rulez` in role `x` at line 12, column 5; did you mean `rules`?
        # a filter that ends too early
        $ tctl create -f    → 1
        ! ERROR: invalid threshold predicate: "contains(reviewer.roles", `)` is missing at column 24
        ! hint: nothing was applied; look at the role `x`
        # a condition that is none
        $ tctl create -f    → 1
        ! ERROR: invalid review predicate: "nosuch(1)", the function `nosuch` does not exist at column 1
        ! hint: nothing was applied; look at the role `x`
        # a threshold that nobody can meet
        $ tctl create -f    → 1
        ! ERROR: no set of people could ever approve a request under this role: every threshold says `approve: 0`; give at least one threshold a number of approvals
        ! hint: nothing was applied; look at the role `x`
        # a rule without verbs
        $ tctl create -f    → 1
        ! ERROR: missing verbs
        ! hint: nothing was applied; look at the role `x`
        # too long a duration
        $ tctl create -f    → 1
        ! ERROR: max access duration must be less than or equal to 336h0m0s
        ! hint: nothing was applied; look at the role `x`
        # a duration that is none
        $ tctl create -f    → 1
        ! ERROR: field `max_session_ttl` in role `x` at line 9, column 35: `2w` is not understood: the unit `w` is not known: use ms, s, m, h or d (as in `1h30m` or `2d`)
        # impersonation without roles
        $ tctl create -f    → 1
        ! ERROR: please set both impersonate.users and impersonate.roles for user impersonation
        ! hint: nothing was applied; look at the role `x`
        # a kind that is not here yet
        $ tctl create -f    → 1
        ! ERROR: resources of kind `windows_desktop` (at line 6, column 7) are not available yet
        # a kind that is never created
        $ tctl create -f    → 1
        ! ERROR: creating resources of type "access_request" is not supported
        ! hint: nothing was applied; look at the access_request `x`
    "#]].assert_eq(&transcript);
    world.tctl("get role/good").prints(expect![[r"
        $ tctl get role/good    → 1
        ! ERROR: role good is not found
    "]]);
}

#[test]
fn a_user_with_an_unknown_role_is_refused() {
    let world = World::new();
    let user = "kind: user\nversion: v2\nmetadata: {name: ghost}\nspec: {roles: [nosuchrole]}\n";
    world.tctl_with("create", user).prints(expect![[r"
        $ tctl create    → 1
        ! ERROR: role nosuchrole is not found
    "]]);
    world.tctl("get user/ghost").prints(expect![[r#"
        $ tctl get user/ghost    → 1
        ! ERROR: "user" "ghost" does not exist
    "#]]);
    // Nor is what stands before it in the file applied.
    world
        .tctl_with("create", &format!("{ROLE}---\n{user}"))
        .prints(expect![[r"
            $ tctl create    → 1
            ! ERROR: role nosuchrole is not found
            ! hint: nothing was applied; look at the user `ghost`
        "]]);
    world.tctl("get role/x").prints(expect![[r"
        $ tctl get role/x    → 1
        ! ERROR: role x is not found
    "]]);
    // A role that the file itself makes may be named.
    let both = format!("{ROLE}---\n{}", user.replace("nosuchrole", "x"));
    world.tctl_with("create", &both).prints(expect![[r#"
        $ tctl create    → 0
        role "x" has been created
        user "ghost" has been created
    "#]]);
    let third = ROLE.replace("name: x", "name: third");
    world
        .tctl_with("create", &format!("{third}---\n{ROLE}"))
        .prints(expect![[r#"
            $ tctl create    → 1
            ! ERROR: use -f or --force flag to overwrite
            ! 	role "x" already exists
            ! hint: nothing was applied; look at the role `x`
        "#]]);
    world.tctl("get role/third").prints(expect![[r"
        $ tctl get role/third    → 1
        ! ERROR: role third is not found
    "]]);
}

#[test]
fn what_was_applied_before_a_refusal_is_said() {
    let world = World::new();
    // The last lock is over already, which only the cluster can tell.
    let over = "kind: lock\nversion: v2\nmetadata: {name: over}\n\
                spec: {target: {user: x}, expires: '2001-01-01T00:00:00Z'}\n";
    world
        .tctl_with("create", &format!("{ROLE}---\n{over}"))
        .prints(expect![[r#"
            $ tctl create    → 1
            role "x" has been created
            ! ERROR: the lock's end lies in the past
            ! hint: the lock `over` and what follows it were not applied; what stands before it was
        "#]]);
}

#[test]
fn a_filter_that_is_always_wrong_is_warned_of() {
    let world = World::new();
    let role = allowing("request: {roles: [ask], thresholds: [{approve: 1, filter: 'nosuch.field'}]}");
    world.tctl_with("create", &role).prints(expect![[r#"
        $ tctl create    → 1
        ! ERROR: invalid threshold predicate: "nosuch.field", `nosuch.field` does not exist here at column 1
        ! hint: nothing was applied; look at the role `x`
    "#]]);
}

#[test]
fn settings_say_where_they_come_from() {
    let world = World::new();
    let recording =
        "kind: session_recording_config\nversion: v2\nspec: {mode: off}\n".replace("off", "'off'");
    world.tctl_with("create", &recording).prints(expect![[r"
        $ tctl create    → 0
        session recording configuration has been updated
    "]]);
    world.tctl_with("create", &recording).prints(expect![[r"
        $ tctl create    → 1
        ! ERROR: use -f or --force flag to overwrite
        ! 	non-default session recording configuration already exists
    "]]);
    world.tctl_with("create -f", &recording).prints(expect![[r"
        $ tctl create -f    → 0
        session recording configuration has been updated
    "]]);
    world.tctl("get recconfig").prints(expect![[r#"
        $ tctl get recconfig    → 0
        kind: session_recording_config
        metadata:
          labels:
            teleport.dev/origin: dynamic
          name: session-recording-config
          revision: "6"
        spec:
          mode: "off"
          proxy_checks_host_keys: true
        version: v2
    "#]]);
    world.tctl("rm recconfig").prints(expect![[r"
        $ tctl rm recconfig    → 0
        session recording configuration has been reset to defaults
    "]]);
    world.tctl("get recconfig --format=text").prints(expect![[r"
        $ tctl get recconfig --format=text    → 0
        Mode Proxy Checks Host Keys 
        ---- ---------------------- 
        node true                   
    "]]);
    world.tctl("get cap").prints(expect![[r#"
        $ tctl get cap    → 0
        kind: cluster_auth_preference
        metadata:
          labels:
            teleport.dev/origin: defaults
          name: cluster-auth-preference
          revision: "2"
        spec:
          allow_headless: false
          allow_local_auth: true
          allow_passwordless: true
          default_session_ttl: 12h0m0s
          disconnect_expired_cert: false
          idp:
            saml:
              enabled: true
          locking_mode: best_effort
          second_factors:
          - webauthn
          - otp
          signature_algorithm_suite: balanced-v1
          type: local
          webauthn:
            rp_id: localhost
        version: v2
    "#]]);
    world.tctl("get cap --format=text").prints(expect![[r"
        $ tctl get cap --format=text    → 0
        Type  Second Factors 
        ----- -------------- 
        local webauthn,otp   
    "]]);
    world.tctl("get netconfig").prints(expect![[r#"
        $ tctl get netconfig    → 0
        kind: cluster_networking_config
        metadata:
          labels:
            teleport.dev/origin: defaults
          name: cluster-networking-config
          revision: "2"
        spec:
          client_idle_timeout: 0s
          idle_timeout_message: ""
          keep_alive_count_max: 3
          keep_alive_interval: 5m0s
          proxy_listener_mode: 1
          session_control_timeout: 0s
          tunnel_strategy:
            type: agent_mesh
          web_idle_timeout: 0s
        version: v2
    "#]]);
    world.tctl("get netconfig --format=text").prints(expect![[r"
        $ tctl get netconfig --format=text    → 0
        Client Idle Timeout Keep Alive Interval Keep Alive Count Max Session Control Timeout 
        ------------------- ------------------- -------------------- ----------------------- 
        0s                  5m0s                3                    0s                      
    "]]);
}

#[test]
fn lists_in_every_format() {
    let world = World::new();
    world.tctl("get users").prints(expect![[r"
        $ tctl get users    → 0
        [] ⊣
    "]]);
    world.tctl("get users --format=json").prints(expect![[r"
        $ tctl get users --format=json    → 0
        [] ⊣
    "]]);
    world.tctl("get users --format=text").prints(expect![[r"
        $ tctl get users --format=text    → 0
        User 
        ---- 

    "]]);
    world.tctl("get locks --format=text").prints(expect![[r"
        $ tctl get locks --format=text    → 0
        ID   Target Message Expires 
        --   ------ ------- ------- 
    "]]);
    world.tctl("get tokens --format=text").prints(expect![[r"
        $ tctl get tokens --format=text    → 0
        Token Type Labels Expiry Time (UTC) 
        ----- ---- ------ ----------------- 
    "]]);
    world.tctl("get connectors --format=text").prints(expect![[r"
        $ tctl get connectors --format=text    → 0
    "]]);
    world.tctl("get access_requests --format=text").prints(expect![[r"
        $ tctl get access_requests --format=text    → 0
        Name User Roles Annotations 
        ---- ---- ----- ----------- 
    "]]);
    world.tctl("get cas --format=text").prints(expect![[r"
        $ tctl get cas --format=text    → 0
        Cluster Name         CA Type Fingerprint                                        Role Map 
        -------------------- ------- -------------------------------------------------- -------- 
        teleport.example.com host    <fingerprint_____________________________________> N/A      
        teleport.example.com user    <fingerprint_____________________________________> []       
        teleport.example.com openssh <fingerprint_____________________________________> []       
    "]]);
    world.tctl("get roles --format=text").prints(expect![[r"
        $ tctl get roles --format=text    → 0
        Role    Allowed to login as Node Labels Access to resources                     
        ------- ------------------- ----------- --------------------------------------- 
        access  {{internal.logins}} <all nodes> event:list,read,session:list,read,in... 
        auditor                                 session,event,session_tracker,cluste... 
        editor                                  user,role,bot,crown_jewel,db_object_... 
    "]]);
    world.tctl("get roles --format=xml").prints(expect![[r"
        $ tctl get roles --format=xml    → 1
        ! ERROR: unsupported format
        ! hint: use yaml, json or text
    "]]);
    world.tctl("get roles,users --format=json").prints(expect![[r"
        $ tctl get roles,users --format=json    → 1
        ! ERROR: mixed resource types only support YAML formatting
    "]]);
}

#[test]
fn one_resource_is_a_list_of_one_in_json() {
    let world = World::new();
    world.tctl_with("create", ROLE).succeeded();
    world.tctl("get role/x --format=json").prints(expect![[r#"
        $ tctl get role/x --format=json    → 0
        [
            {
                "kind": "role",
                "version": "v7",
                "metadata": {
                    "name": "x",
                    "revision": "5"
                },
                "spec": {
                    "options": {
                        "forward_agent": false,
                        "max_session_ttl": "30h0m0s",
                        "cert_format": "standard",
                        "enhanced_recording": [
                            "command",
                            "network"
                        ],
                        "record_session": {
                            "desktop": true,
                            "default": "best_effort"
                        },
                        "desktop_clipboard": true,
                        "desktop_directory_sharing": true,
                        "pin_source_ip": false,
                        "ssh_file_copy": true,
                        "idp": {
                            "saml": {
                                "enabled": true
                            }
                        },
                        "create_desktop_user": false,
                        "create_db_user": false
                    },
                    "allow": {
                        "logins": [
                            "root"
                        ]
                    },
                    "deny": {}
                }
            }
        ] ⊣
    "#]]);
}

#[test]
fn several_kinds_are_documents_one_after_the_other() {
    let world = World::new().with_guide();
    let both = world.tctl("get users,role/dbreviewer").succeeded();
    let kinds: Vec<&str> = both.lines().filter(|line| line.starts_with("kind: ")).collect();
    assert_eq!(kinds, ["kind: user", "kind: user", "kind: user", "kind: role"]);
    assert_eq!(both.matches("---\n").count(), 3);
}

#[test]
fn a_backup_holds_everything_and_can_be_applied() {
    let world = World::new().with_guide();
    let all = world.tctl("get all").succeeded();
    for kind in ["role", "user", "cert_authority", "cluster_auth_preference"] {
        assert!(
            all.contains(&format!("\nkind: {kind}\n")) || all.starts_with(&format!("kind: {kind}\n")),
            "{kind}"
        );
    }
    assert!(
        all.contains("private_key: "),
        "a backup holds the authorities' keys"
    );
    world.identity("bob@example.com", "bob");
    world.tctl_as("bob", "get all").prints(expect![[r#"
        $ tctl -i bob --auth-server=AUTH get all    → 1
        ! ERROR: access denied to perform action "read" on "cluster_networking_config"
        ! hint: a backup holds everything: make it on the machine of the Auth Service, as its local administrator
    "#]]);
    world.tctl_as("bob", "get cas --with-secrets").prints(expect![[r#"
        $ tctl -i bob --auth-server=AUTH get cas --with-secrets    → 1
        ! ERROR: access denied to perform action "read" on "cert_authority"
    "#]]);
    world.tctl_as("bob", "get role/devops").succeeded();
}

#[test]
fn secrets_are_shown_to_those_who_ask_and_may() {
    let world = World::new();
    let without = world.tctl("get cert_authority/user").succeeded();
    assert!(!without.contains("private_key: "), "{without}");
    let with = world.tctl("get cert_authority/user --with-secrets").succeeded();
    assert!(with.contains("private_key: "));
}

#[test]
fn what_is_not_there_is_named() {
    let world = World::new();
    for what in [
        "role/nosuch",
        "user/nosuch",
        "lock/nosuch",
        "token/nosuch",
        "github/nosuch",
        "saml/x",
        "oidc/x",
        "connector/x",
        "access_request/nosuch",
        "cert_authority/nosuch",
        "cert_authority/host/nosuch",
        "access_list/nosuch",
        "bot/nosuch",
    ] {
        let typed = world.tctl(&format!("get {what}"));
        assert_eq!((typed.code(), typed.stdout().as_str()), (Some(1), ""), "{what}");
    }
    world.tctl("get role/nosuch").prints(expect![[r"
        $ tctl get role/nosuch    → 1
        ! ERROR: role nosuch is not found
    "]]);
    world.tctl("get user/nosuch").prints(expect![[r#"
        $ tctl get user/nosuch    → 1
        ! ERROR: "user" "nosuch" does not exist
    "#]]);
    world.tctl("get token/nosuch").prints(expect![[r"
        $ tctl get token/nosuch    → 1
        ! ERROR: provisioning token(****ch) not found
    "]]);
    world.tctl("get saml/x").prints(expect![[r#"
        $ tctl get saml/x    → 1
        ! ERROR: SAML connector "x" is not configured
    "#]]);
    world.tctl("get connector/x").prints(expect![[r#"
        $ tctl get connector/x    → 1
        ! ERROR: connector "x" is not configured
    "#]]);
    world.tctl("get cert_authority/host/nosuch").prints(expect![[r#"
        $ tctl get cert_authority/host/nosuch    → 1
        ! ERROR: cert_authority "host/nosuch" is not found
    "#]]);
    world.tctl("get access_list").prints(expect![[r"
        $ tctl get access_list    → 0
        [] ⊣
    "]]);
}

#[test]
fn resources_are_removed_by_their_full_name() {
    let world = World::new().with_guide();
    world.tctl_with("create", ROLE).succeeded();
    world.tctl("rm role/x").prints(expect![[r#"
        $ tctl rm role/x    → 0
        role "x" has been deleted
    "#]]);
    world.tctl("rm role/x").prints(expect![[r#"
        $ tctl rm role/x    → 1
        ! ERROR: role "x" is not found
    "#]]);
    world.tctl("rm role/devops").prints(expect![[r#"
        $ tctl rm role/devops    → 1
        ! ERROR: failed to delete a role that is still in use by a user: "bob@example.com" holds role "devops"
    "#]]);
    world.tctl("get role/devops").succeeded();
    world.tctl("del user/bob@example.com").prints(expect![[r#"
        $ tctl del user/bob@example.com    → 0
        user "bob@example.com" has been deleted
    "#]]);
    world.tctl("rm user/bob@example.com").prints(expect![[r#"
        $ tctl rm user/bob@example.com    → 1
        ! ERROR: user "bob@example.com" not found
    "#]]);
    world.tctl("rm lock/nosuch").prints(expect![[r#"
        $ tctl rm lock/nosuch    → 1
        ! ERROR: lock "nosuch" is not found
    "#]]);
    world.tctl("rm role").prints(expect![[r"
        $ tctl rm role    → 1
        ! ERROR: provide a full resource name to delete, for example:
        ! $ tctl rm cluster/east
    "]]);
    world.tctl("rm access_request/nosuch").prints(expect![[r#"
        $ tctl rm access_request/nosuch    → 1
        ! ERROR: deleting resources of type "access_request" is not supported
    "#]]);
    world.tctl("rm cert_authority/x").prints(expect![[r"
        $ tctl rm cert_authority/x    → 1
        ! ERROR: full cert_authority path must be specified (e.g. 'cert_authority/host/clustername')
    "]]);
    world.tctl("rm github/x").prints(expect![[r#"
        $ tctl rm github/x    → 1
        ! ERROR: deleting resources of type "github" is not available yet
    "#]]);
}

#[test]
fn an_editor_changes_a_resource() {
    let world = World::new();
    world
        .tctl(&format!("create {GUIDE}/dual-authorization-roles.yaml"))
        .succeeded();
    world
        .edit("edit role/elevated-access", "sed -i 's/- root/- admin/' $1")
        .prints(expect![[r#"
            $ tctl edit role/elevated-access    → 0
            role "elevated-access" has been updated
        "#]]);
    let after = world.tctl("get role/elevated-access").succeeded();
    assert!(after.contains("    - admin\n"), "{after}");
    world.edit("edit role/elevated-access", "true").prints(expect![[r"
        $ tctl edit role/elevated-access    → 0
        edit canceled, no changes made
    "]]);
    world
        .edit("edit role/elevated-access", "echo '# a thought' >> $1")
        .prints(expect![[r"
            $ tctl edit role/elevated-access    → 0
            edit canceled, no changes made
        "]]);
    world
        .edit("edit recconfig", "sed -i 's/mode: node/mode: proxy/' $1")
        .prints(expect![[r"
            $ tctl edit recconfig    → 0
            session recording configuration has been updated
        "]]);
    world
        .edit(
            "edit netconfig",
            "sed -i 's/keep_alive_count_max: 3/keep_alive_count_max: 4/' $1",
        )
        .prints(expect![[r"
            $ tctl edit netconfig    → 0
            cluster networking configuration has been updated
        "]]);
    world
        .edit(
            "edit cap",
            "sed -i 's/locking_mode: best_effort/locking_mode: strict/' $1",
        )
        .prints(expect![[r"
            $ tctl edit cap    → 0
            cluster auth preference has been updated
        "]]);
}

#[test]
fn several_resources_are_edited_at_once() {
    let world = World::new();
    world
        .tctl(&format!("create {GUIDE}/dual-authorization-roles.yaml"))
        .succeeded();
    world
        .edit("edit roles", "sed -i 's/approve: 2/approve: 3/' $1")
        .prints(expect![[r#"
            $ tctl edit roles    → 0
            role "devops" has been updated
        "#]]);
}

#[test]
fn an_edit_that_cannot_be_applied_changes_nothing_and_is_kept() {
    let world = World::new();
    world.tctl_with("create", ROLE).succeeded();
    let before = world.tctl("get role/x").succeeded();
    let kept = |typed: crate::world::Typed| {
        let left = std::fs::read_dir(world.path(".")).expect("a folder");
        for file in left {
            let file = file.expect("a file");
            if file
                .file_name()
                .to_string_lossy()
                .starts_with("teleport-resource")
            {
                assert_ne!(
                    file.metadata().expect("a file").len(),
                    0,
                    "what was typed is there"
                );
                std::fs::remove_file(file.path()).expect("removed");
                return typed.transcript();
            }
        }
        panic!("nothing was kept: {}", typed.transcript())
    };
    expect![[r"
        $ tctl edit role/x    → 1
        ! ERROR: renaming resources is not supported with tctl edit
        ! hint: make a resource of the new name with `tctl create`, then remove the old one with `tctl rm`
        ! hint: what you have written is in FOLDER/<edited____________________>: mend it and apply it with `tctl create -f`
    "]].assert_eq(&kept(world.edit("edit role/x", "sed -i 's/name: x/name: z/' $1")));
    expect![[r"
        $ tctl edit role/x    → 1
        ! ERROR: not valid YAML at line 1, column 4: unclosed bracket '['
        ! hint: what you have written is in FOLDER/<edited____________________>: mend it and apply it with `tctl create -f`
    "]]
    .assert_eq(&kept(world.edit("edit role/x", "echo 'a: [' > $1")));
    expect![[r"
        $ tctl edit role/x    → 1
        ! ERROR: unknown field `logns` in role `x` at line 7, column 5; did you mean `logins`?
        ! hint: what you have written is in FOLDER/<edited____________________>: mend it and apply it with `tctl create -f`
    "]]
    .assert_eq(&kept(world.edit("edit role/x", "sed -i 's/logins:/logns:/' $1")));
    // Somebody else changes the role while it is being edited.
    let program = env!("CARGO_BIN_EXE_tctl");
    world.write("other.yaml", &ROLE.replace("root", "other"));
    let script = format!("{program} create -f other.yaml; sed -i 's/- root/- mine/' $1");
    expect![[r#"
        $ tctl edit role/x    → 1
        role "x" has been created
        ! ERROR: resource revision does not match, it may have been concurrently created|modified|deleted; please work from the latest state, or use --force to overwrite
        ! hint: what you have written is in FOLDER/<edited____________________>: mend it and apply it with `tctl create -f`
    "#]].assert_eq(&kept(world.edit("edit role/x", &script)));
    let after = world.tctl("get role/x").succeeded();
    assert!(after.contains("- other") && !after.contains("- mine"), "{after}");
    assert_eq!(before.lines().count(), after.lines().count());
}

#[test]
fn an_editor_that_fails_is_named() {
    let world = World::new();
    world.tctl_with("create", ROLE).succeeded();
    world.edit("edit role/x", "exit 1").prints(expect![[r"
        $ tctl edit role/x    → 1
        ! ERROR: skipping resource update, editor did not complete successfully: exit status 1
    "]]);
    let variables = [
        ("TELEPORT_CONFIG_FILE", "teleport.yaml"),
        ("VISUAL", "nosuchprog"),
    ];
    world.run_bare(&variables, "edit role/x", "").prints(expect![[r#"
        $ tctl edit role/x    → 1
        ! ERROR: could not start editor nosuchprog: exec: "nosuchprog": executable file not found in $PATH
        ! hint: name your editor in EDITOR
    "#]]);
    world.edit("edit role/nosuch", "true").prints(expect![[r"
        $ tctl edit role/nosuch    → 1
        ! ERROR: could not get resource role/nosuch
        ! 	role nosuch is not found
    "]]);
    world.edit("edit lock/x", "true").prints(expect![[r#"
        $ tctl edit lock/x    → 1
        ! ERROR: could not get resource lock/x
        ! 	lock "x" is not found
    "#]]);
}
