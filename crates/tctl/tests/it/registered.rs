//! Servers, applications, databases and Kubernetes clusters through `create`, `get`, `rm` and `nodes ls`, and asked for
//! in somebody's name.

use expect_test::expect;

use crate::world::World;

const SHOP: &str = "\
kind: node
version: v2
metadata: {name: n1, labels: {env: prod}}
spec: {hostname: demo, addr: 'demo:3022'}
---
kind: app
version: v3
metadata: {name: billing, labels: {env: prod}}
spec: {uri: 'http://localhost:8080'}
---
kind: db
version: v3
metadata: {name: orders}
spec: {protocol: postgres, uri: 'localhost:5432'}
---
kind: kube_cluster
version: v3
metadata: {name: production}
spec: {}
";

const ROLES: &str = "\
kind: role
version: v7
metadata: {name: production}
spec: {allow: {node_labels: {env: prod}, logins: [root]}}
---
kind: role
version: v7
metadata: {name: on-call}
spec: {allow: {request: {search_as_roles: [production], thresholds: [{approve: 2, deny: 1}]}}}
---
kind: user
version: v2
metadata: {name: bob@example.com}
spec: {roles: [on-call]}
";

#[test]
fn what_is_registered_is_shown_and_removed() {
    let world = World::new();
    world.tctl_with("create", SHOP).prints(expect![[r#"
        $ tctl create    → 0
        node "n1" has been created
        application "billing" has been created
        database "orders" has been created
        kubernetes cluster "production" has been created
    "#]]);
    world.tctl_with("create", SHOP).prints(expect![[r#"
        $ tctl create    → 1
        ! ERROR: use -f or --force flag to overwrite
        ! 	node "n1" with hostname "demo" and addr "demo:3022" already exists
    "#]]);
    world.tctl_with("create -f", SHOP).prints(expect![[r#"
        $ tctl create -f    → 0
        node "n1" has been updated
        application "billing" has been updated
        database "orders" has been updated
        kubernetes cluster "production" has been updated
    "#]]);
    world.tctl("nodes ls").prints(expect![[r"
        $ tctl nodes ls    → 0
        Host UUID Public Address Labels     Version 
        ---- ---- -------------- ---------- ------- 
        demo n1   demo:3022      env=[prod]         
    "]]);
    world.tctl("nodes ls env=stage").prints(expect![[r"
        $ tctl nodes ls env=stage    → 0
        Host UUID Public Address Labels Version 
        ---- ---- -------------- ------ ------- 
    "]]);
    world
        .tctl("nodes ls --search=DEMO --format=json")
        .prints(expect![[r#"
            $ tctl nodes ls --search=DEMO --format=json    → 0
            [
                {
                    "kind": "node",
                    "version": "v2",
                    "metadata": {
                        "name": "n1",
                        "labels": {
                            "env": "prod"
                        },
                        "revision": "9"
                    },
                    "spec": {
                        "addr": "demo:3022",
                        "hostname": "demo",
                        "rotation": {
                            "current_id": "",
                            "started": "<time>",
                            "last_rotated": "<time>",
                            "schedule": {
                                "update_clients": "<time>",
                                "update_servers": "<time>",
                                "standby": "<time>"
                            }
                        },
                        "version": ""
                    }
                }
            ] ⊣
        "#]]);
    world.tctl("nodes ls --query=nosuch").prints(expect![[r"
        $ tctl nodes ls --query=nosuch    → 1
        ! ERROR: failed to parse predicate expression: `nosuch` does not exist here at column 1
    "]]);
    world.tctl("get apps,db/orders,kube_clusters").prints(expect![[r#"
            $ tctl get apps,db/orders,kube_clusters    → 0
            kind: app
            metadata:
              labels:
                env: prod
              name: billing
              revision: "10"
            spec:
              insecure_skip_verify: false
              uri: http://localhost:8080
            version: v3
            ---
            kind: db
            metadata:
              name: orders
              revision: "11"
            spec:
              ad: {}
              aws: {}
              azure: {}
              gcp: {}
              mongo_atlas: {}
              mysql: {}
              oracle: {}
              protocol: postgres
              tls:
                mode: 0
              uri: localhost:5432
            status:
              aws: {}
              azure: {}
              mysql: {}
            version: v3
            ---
            kind: kube_cluster
            metadata:
              name: production
              revision: "12"
            spec:
              aws: {}
              azure: {}
              gcp: {}
            version: v3
        "#]]);
    world.tctl("get apps --format=text").prints(expect![[r"
        $ tctl get apps --format=text    → 0
        Application Description Public Address URI                   Labels     
        ----------- ----------- -------------- --------------------- ---------- 
        billing                                http://localhost:8080 env=[prod] 
    "]]);
    world.tctl("get node/demo --format=text").prints(expect![[r"
        $ tctl get node/demo --format=text    → 0
        Host UUID Public Address Labels     Version 
        ---- ---- -------------- ---------- ------- 
        demo n1   demo:3022      env=[prod]         
    "]]);
    for (name, left) in [
        ("node/n1", "node n1 has been deleted"),
        ("app/billing", "application \"billing\" has been deleted"),
        ("db/orders", "database \"orders\" has been deleted"),
        (
            "kube_cluster/production",
            "kubernetes cluster \"production\" has been deleted",
        ),
    ] {
        assert_eq!(world.tctl(&format!("rm {name}")).succeeded().trim_end(), left);
    }
    world.tctl("rm app/billing").prints(expect![[r#"
        $ tctl rm app/billing    → 1
        ! ERROR: application "billing" is not found
    "#]]);
}

#[test]
fn a_resource_can_be_asked_for_in_somebodys_name() {
    let world = World::new();
    world.tctl_with("create", SHOP).succeeded();
    world.tctl_with("create", ROLES).succeeded();
    world
        .tctl("requests create bob@example.com --resource=/teleport.example.com/node/n1 --dry-run")
        .succeeded();
    world
        .tctl("requests create bob@example.com --resource=/teleport.example.com/node/n1 --resource=/teleport.example.com/node/n2")
        .prints(expect![[r"
            $ tctl requests create bob@example.com --resource=/teleport.example.com/node/n1 --resource=/teleport.example.com/node/n2    → 0
            <uuid______________________________>
            ! warning: the request names /teleport.example.com/node/n2, which does not exist in this cluster
        "]]);
    world
        .tctl("requests create bob@example.com --resource=/teleport.example.com/db/orders")
        .prints(expect![[r#"
            $ tctl requests create bob@example.com --resource=/teleport.example.com/db/orders    → 1
            ! ERROR: no roles configured in the "search_as_roles" for this user allow access to any requested resources. The user may already have access to all requested resources with their existing roles, or the resources do not exist.
        "#]]);
    world
        .tctl("requests create bob@example.com --resource=/teleport.example.com/nosuch/n1")
        .prints(expect![[r#"
            $ tctl requests create bob@example.com --resource=/teleport.example.com/nosuch/n1    → 1
            ! Usage: tctl requests create [OPTIONS] <USERNAME>
            ! 
            ! ERROR: --resource: Resource kind "nosuch" is invalid or unsupported
            ! hint: `tctl requests create --help` lists the flags
        "#]]);
}
