//! Access monitoring rules through `create`, `get` and `rm`, and in a backup.

use expect_test::expect;

use crate::world::World;

const RULE: &str = r#"kind: access_monitoring_rule
version: v1
metadata: {name: amr}
spec:
  subjects: [access_request]
  condition: access_request.spec.roles.contains("elevated-access")
  notification: {name: mattermost, recipients: [ops/db]}
"#;

#[test]
fn rules_are_resources() {
    let world = World::new();
    world.tctl_with("create", RULE).prints(expect![[r#"
        $ tctl create    → 0
        access monitoring rule "amr" has been created
    "#]]);
    world.tctl_with("create", RULE).prints(expect![[r#"
        $ tctl create    → 1
        ! ERROR: use -f or --force flag to overwrite
        ! 	access_monitoring_rule "amr" already exists
    "#]]);
    world.tctl_with("create -f", RULE).prints(expect![[r#"
        $ tctl create -f    → 0
        access monitoring rule "amr" has been created
    "#]]);
    let bad = RULE.replace(".contains(", ".has(");
    world.tctl_with("create -f", &bad).prints(expect![[r"
        $ tctl create -f    → 1
        ! ERROR: accessMonitoringRule condition is invalid: parsing expression: the method `has` does not exist at column 27
    "]]);
    world
        .tctl("get access_monitoring_rule --format=text")
        .prints(expect![[r"
            $ tctl get access_monitoring_rule --format=text    → 0
            Name Labels 
            ---- ------ 
            amr         
        "]]);
    world.tctl("get access_monitoring_rule/amr").prints(expect![[r#"
            $ tctl get access_monitoring_rule/amr    → 0
            kind: access_monitoring_rule
            metadata:
              name: amr
              namespace: default
              revision: "6"
            spec:
              condition: access_request.spec.roles.contains("elevated-access")
              notification:
                name: mattermost
                recipients:
                - ops/db
              subjects:
              - access_request
            version: v1
        "#]]);
    assert!(
        world
            .tctl("get all")
            .succeeded()
            .contains("kind: access_monitoring_rule")
    );
    world.tctl("rm access_monitoring_rule/amr").prints(expect![[r#"
            $ tctl rm access_monitoring_rule/amr    → 0
            Access monitoring rule "amr" has been deleted
        "#]]);
    world.tctl("rm access_monitoring_rule/amr").prints(expect![[r#"
            $ tctl rm access_monitoring_rule/amr    → 1
            ! ERROR: access_monitoring_rule "amr" is not found
        "#]]);
}
