//! The guide's documents and commands, as printed.

use expect_test::expect;

use crate::world::{GUIDE, World};

#[test]
fn the_plugins_resources_are_applied_as_printed() {
    let world = World::new();
    let apply = format!("create -f {GUIDE}/access-plugin.yaml");
    world.tctl(&apply).prints(expect![[r#"
        $ tctl create -f GUIDE/access-plugin.yaml    → 0
        role "access-plugin" has been created
        user "access-plugin" has been created
        role "list-access-request-resources" has been created
    "#]]);
    world.tctl(&apply).prints(expect![[r#"
        $ tctl create -f GUIDE/access-plugin.yaml    → 0
        role "access-plugin" has been created
        user "access-plugin" has been updated
        role "list-access-request-resources" has been created
    "#]]);
    world
        .tctl(&format!("create -f {GUIDE}/access-plugin-impersonator.yaml"))
        .prints(expect![[r#"
            $ tctl create -f GUIDE/access-plugin-impersonator.yaml    → 0
            role "access-plugin-impersonator" has been created
        "#]]);
    world.tctl("get role/access-plugin").prints(expect![[r#"
        $ tctl get role/access-plugin    → 0
        kind: role
        metadata:
          name: access-plugin
          revision: "8"
        spec:
          allow:
            review_requests:
              preview_as_roles:
              - list-access-request-resources
            rules:
            - resources:
              - access_request
              verbs:
              - list
              - read
            - resources:
              - access_plugin_data
              verbs:
              - update
            - resources:
              - access_monitoring_rule
              verbs:
              - list
              - read
            - resources:
              - access_list
              verbs:
              - list
              - read
            - resources:
              - role
              verbs:
              - read
            - resources:
              - user
              verbs:
              - read
          deny: {}
          options:
            cert_format: standard
            create_db_user: false
            create_desktop_user: false
            desktop_clipboard: true
            desktop_directory_sharing: true
            enhanced_recording:
            - command
            - network
            forward_agent: false
            idp:
              saml:
                enabled: true
            max_session_ttl: 30h0m0s
            pin_source_ip: false
            record_session:
              default: best_effort
              desktop: true
            ssh_file_copy: true
        version: v7
    "#]]);
    world.tctl("get user/access-plugin").prints(expect![[r#"
        $ tctl get user/access-plugin    → 0
        kind: user
        metadata:
          name: access-plugin
          revision: "9"
        spec:
          created_by:
            time: "<time>"
            user:
              name: <uuid______________________________>.teleport.example.com
          expires: "<time>"
          roles:
          - access-plugin
          status:
            is_locked: false
            lock_expires: "<time>"
            locked_time: "<time>"
        status:
          mfa_weakest_device: 1
          password_state: 1
        version: v2
    "#]]);
}

#[test]
fn the_plugins_identity_is_signed_as_printed() {
    let world = World::new();
    world
        .tctl(&format!("create -f {GUIDE}/access-plugin.yaml"))
        .succeeded();
    world
        .tctl("auth sign --user=access-plugin --out=identity")
        .prints(expect![[r"
            $ tctl auth sign --user=access-plugin --out=identity    → 0
            The credentials have been written to identity
        "]]);
    world.tctl_as("identity", "requests ls").prints(expect![[r"
        $ tctl -i identity --auth-server=AUTH requests ls    → 0
        Token Requestor Metadata Resources Created At (UTC) Request TTL Session TTL Status Request Reason Resolve Reason 
        ----- --------- -------- --------- ---------------- ----------- ----------- ------ -------------- -------------- 
    "]]);
    world.tctl_as("identity", "users ls").prints(expect![[r#"
        $ tctl -i identity --auth-server=AUTH users ls    → 1
        ! ERROR: access denied to perform action "list" on "user"
    "#]]);
}

#[test]
fn the_guides_roles_and_people() {
    let world = World::new();
    let apply = format!("create {GUIDE}/dual-authorization-roles.yaml");
    world.tctl(&apply).prints(expect![[r#"
        $ tctl create GUIDE/dual-authorization-roles.yaml    → 0
        role "dbreviewer" has been created
        role "devops" has been created
        role "elevated-access" has been created
    "#]]);
    world.tctl(&apply).prints(expect![[r#"
        $ tctl create GUIDE/dual-authorization-roles.yaml    → 1
        ! ERROR: use -f or --force flag to overwrite
        ! 	role "dbreviewer" already exists
        ! hint: nothing was applied; look at the role `dbreviewer`
    "#]]);
    world
        .tctl("users add bob@example.com --roles=devops")
        .prints(expect![[r#"
            $ tctl users add bob@example.com --roles=devops    → 0
            User "bob@example.com" has been created but requires a password. Share this URL with the user to complete user setup, link is valid for 1h:
            https://localhost:3080/web/invite/<token_________________________>

            NOTE: Make sure localhost:3080 points at a Teleport proxy which users can access.
        "#]]);
    world.tctl("get role/devops").prints(expect![[r#"
        $ tctl get role/devops    → 0
        kind: role
        metadata:
          name: devops
          revision: "6"
        spec:
          allow:
            request:
              roles:
              - elevated-access
              thresholds:
              - approve: 2
                deny: 1
          deny: {}
          options:
            cert_format: standard
            create_db_user: false
            create_desktop_user: false
            desktop_clipboard: true
            desktop_directory_sharing: true
            enhanced_recording:
            - command
            - network
            forward_agent: false
            idp:
              saml:
                enabled: true
            max_session_ttl: 30h0m0s
            pin_source_ip: false
            record_session:
              default: best_effort
              desktop: true
            ssh_file_copy: true
        version: v5
    "#]]);
    world.tctl("get roles --format=text").prints(expect![[r"
        $ tctl get roles --format=text    → 0
        Role            Allowed to login as Node Labels          Access to resources    
        --------------- ------------------- -------------------- ---------------------- 
        access          {{internal.logins}} <all nodes>          event:list,read,ses... 
        auditor                                                  session,event,sessi... 
        dbreviewer                                                                      
        devops                                                                          
        editor                                                   user,role,bot,crown... 
        elevated-access root                env=[prod],type=[db]                        
    "]]);
}
